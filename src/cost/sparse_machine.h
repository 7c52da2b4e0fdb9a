// How a machine executes attention on a mask: softmax over the kept entries of Q K^T / sqrt(d), times V. Each machine
// has one entry in the table of sparse_machine.cpp.
//
// All machines share the jobs (mapping/sparse_part.cpp: predict, SDDMM, softmax, SpMM) and the values. Each machine
// decides by itself which masks it can run, which units do the jobs, how the engine cuts a block of a mask into passes
// (describe), and what a job then costs. The reference decides which entries a predicted mask keeps
// (sim/attention_masks.cpp). Costs read the counts of a mask, never values. Each machine's cost functions are in a file
// of their own.
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
  // Fills in what passes over the block cost, from its rows, columns and entries (kept and used_rows are already set).
  void (*describe)(const HardwareConfig&, const Mask&, MaskTile&);
  JobCost (*predict)(const Job&, const HardwareConfig&);                         // kPredict; null: predicts nothing
  JobCost (*products)(const Job&, const MaskTile&, const HardwareConfig&);       // kSddmm, kSpmm
  JobCost (*probabilities)(const Job&, const MaskTile&, const HardwareConfig&);  // kSparseSoftmax
  EmptyRows empty_rows = EmptyRows::kDense;
};

// The entry of the baseline, or of the training unit (sparse_unit.enabled) for machines that may have one.
const SparseMachine& sparse_machine(const HardwareConfig& config);

// Throws InfeasibleError when the baseline cannot run masks of config.sparsity.source.
void check_mask_source(const HardwareConfig& config);

// ---- Sanger's structure, sanger_cost.cpp: Sanger itself, and the training unit.

// Pack and split (tensor/mask.h): in each row, every vector of kSangerVectorColumns columns becomes sub-rows, each with
// at most as many entries as a PE row has PEs. A pass takes one sub-row per PE row, all from the same columns.
void sanger_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost sanger_predict(const Job& job, const HardwareConfig& config);
JobCost sanger_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// The exp unit's lanes over the kept entries (any machine with an exp unit).
JobCost exp_unit_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// The training unit's row sums over dense scores.
JobCost row_sums_cost(const Job& job, const HardwareConfig& config);

// ---- ViTCoD, vitcod_cost.cpp.

// The lines of the denser and of the sparser engine, in proportion to their entries; an engine with work has at least
// one. The engines work at the same time, or one after the other if there is only one line.
struct VitcodLines {
  int denser, sparser;
  bool in_turn = false;
  Count both(Count dense, Count sparse) const { return in_turn ? dense + sparse : std::max(dense, sparse); }
};
VitcodLines vitcod_lines(int lines, Count dense, Count sparse);
void vitcod_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost vitcod_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
// kCode: each element is a sum over k heads. This is not work of the model's graph, so it counts as actions only.
JobCost vitcod_code(const Job& job, const HardwareConfig& config);

// ---- SALO, salo_cost.cpp.

void salo_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost salo_products(const Job& job, const MaskTile& tile, const HardwareConfig& config);
JobCost salo_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// ---- Operation counts of a softmax and of products over `tile`, the same on every machine and unit.

void count_probabilities(const Job& job, const MaskTile& tile, JobCost& cost);
void count_products(const Job& job, const MaskTile& tile, JobCost& cost);

}  // namespace vitality
