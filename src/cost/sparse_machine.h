// How a machine executes attention on a mask: softmax over the kept entries of Q K^T / sqrt(d), times V. One entry a
// machine, in the table of sparse_machine.cpp.
//
// All machines share the jobs (mapping/sparse_part.cpp: predict, SDDMM, softmax, SpMM) and the values. What is their
// own: which masks they can run, which units do the jobs, how the engine cuts a block of a mask into passes (describe)
// and what a job then costs. Which entries a predicted mask keeps is the reference's business
// (sim/attention_masks.cpp). Costs read a mask's counts, never values; a machine's cost functions live in a file of its
// own.
#pragma once

#include <algorithm>
#include <array>

#include "cost/job_cost.h"

namespace vitality {

// What its engine can run: sources of masks by SparsitySource (predicted, file, density, pattern), and in words.
struct RunnableMasks {
  std::array<bool, 4> sources;
  const char* words;
  bool square_only = false;  // attention with as many queries as keys
};

struct SparseMachine {
  UnitKind engine;   // of SDDMM and SpMM
  UnitKind softmax;  // of the softmax over the kept entries
  bool predicts;     // has a predictor of its own (UnitKind::kPredictor)
  const RunnableMasks& masks;
  // Fills what passes over the block cost from its rows, columns and entries (kept and used_rows are there).
  void (*describe)(const HardwareConfig&, const Mask&, MaskTile&);
  JobCost (*predict)(const Job&, const HardwareConfig&);                         // kPredict; null: predicts nothing
  JobCost (*products)(const Job&, const MaskTile&, const HardwareConfig&);       // kSddmm, kSpmm
  JobCost (*probabilities)(const Job&, const MaskTile&, const HardwareConfig&);  // kSparseSoftmax
  EmptyRows empty_rows = EmptyRows::kDense;
};

// The baseline's entry, or the one of the training unit (sparse_unit.enabled) for the machines that may have it.
const SparseMachine& sparse_machine(const HardwareConfig& config);

// Throws InfeasibleError when the baseline cannot run masks of config.sparsity.source.
void check_mask_source(const HardwareConfig& config);

// ---- Sanger's structure, sanger_cost.cpp: Sanger itself, and the training unit.

// Pack and split (tensor/mask.h): every vector of kSangerVectorColumns columns of a row becomes sub-rows of as many
// entries as a PE row has PEs; a pass takes one sub-row a PE row, all from the same columns.
void sanger_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost sanger_predict(const Job& job, const HardwareConfig& config);
JobCost sanger_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// The exp unit's lanes over the kept entries (any machine with an exp unit).
JobCost exp_unit_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// The training unit's row sums over dense scores.
JobCost row_sums_cost(const Job& job, const HardwareConfig& config);

// ---- ViTCoD, vitcod_cost.cpp.

// Lines of the denser and of the sparser engine, by their entries; each has one where it has work. They work side by
// side, or in turn where there is but one line.
struct VitcodLines {
  int denser, sparser;
  bool in_turn = false;
  Count both(Count dense, Count sparse) const { return in_turn ? dense + sparse : std::max(dense, sparse); }
};
VitcodLines vitcod_lines(int lines, Count dense, Count sparse);
void vitcod_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost vitcod_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// kCode: each element is a sum over k heads; no work of the model's graph, so it counts as actions only.
JobCost vitcod_code(const Job& job, const HardwareConfig& config);

// ---- SALO, salo_cost.cpp.

void salo_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost salo_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
JobCost salo_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// ---- What every machine's softmax and products over `tile` are counted as, whatever the unit.

void count_probabilities(const Job& job, const MaskTile& tile, JobCost& cost);
void count_products(const Job& job, const MaskTile& tile, JobCost& cost);

}  // namespace vitality
