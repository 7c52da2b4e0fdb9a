// Engines that work key by key on rows of a mask: SpAtten, ELSA and DOTA. The matrix engine is `cols` adder trees,
// `rows` features wide; a tree takes one entry of the mask a cycle: a key against its query (SDDMM), or a probability
// against its value (SpMM, where the products are summed over entries in place of features).
//
//   modules     SpAtten (Wang et al., HPCA 2021, section IV; released RTL), ELSA (Ham et al., ISCA 2021, section IV): a
//               module is one tree for scores and one for values, which work on different queries at the same time.
//               Keys are dealt to the modules round robin; a query ends with the module that has most of its keys.
//               SDDMM and SpMM each occupy both trees of a module, so the pair is exact where d = e.
//   lanes       DOTA (Qu et al., ASPLOS 2022, section 4): as many queries side by side as there are trees; they share
//               the keys that more than one of them keeps, and end with the query that keeps most.
// Trees wider than a head's features take several keys at a time (SpAtten, DOTA); ELSA's modules are made for one
// width.
#pragma once

#include "cost/job_cost.h"

namespace vitality {

// tile.passes: cycles of a module or of a group of queries, one entry each; sub_rows: keys read; capacity: entries that
// the passes had room for.
void modules_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
void lanes_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile);
JobCost dot_product_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// SpAtten's quick select of the most important of n tokens, with `parallel` comparisons per cycle: several passes over
// the tokens that are left, three further cycles each (released latency model), then one pass that drops the others.
// Selecting tokens needs their importance, which the softmax accumulates: spatten_probabilities.
Cycles quick_select_cycles(Count n, Count parallel);
JobCost spatten_predict(const Job& job, const HardwareConfig& config);
JobCost spatten_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// ELSA: hashes of keys and queries, and the norms of the keys, on predictor_rows x predictor_cols multipliers. Then,
// for each pair, one Hamming distance, table look-up, multiplication and comparison; predictor_cols pairs per cycle.
JobCost elsa_predict(const Job& job, const HardwareConfig& config);

// DOTA: projections and low-rank scores on the low-precision array. The largest scores of each row are selected while
// the products are computed, with predictor_cols comparisons per cycle.
JobCost dota_predict(const Job& job, const HardwareConfig& config);

}  // namespace vitality
