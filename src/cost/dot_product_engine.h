// Engines that work key by key on rows of a mask: SpAtten, ELSA and DOTA. The matrix engine is `cols` adder trees,
// `rows` features wide; a tree takes one entry of the mask a cycle: a key against its query (SDDMM), or a probability
// against its value (SpMM, where the products are summed over entries in place of features).
//
//   modules     SpAtten (Wang et al., HPCA 2021, section IV; released RTL), ELSA (Ham et al., ISCA 2021, section IV): a
//               module is one tree for scores and one for values, which work on different queries at the same time.
//               Keys are dealt to the modules round robin; a query ends with the module that has most of its keys.
//               Both trees of a module are booked by either product, so the pair is exact where d = e.
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

// SpAtten: quick select of the most important of n tokens, `predictor_cols` comparisons a cycle: passes over what is
// left, three cycles each besides (released latency model), then one pass that drops the rest. Selection of the tokens
// needs the importance that the softmax has accumulated: spatten_probabilities.
Cycles quick_select_cycles(Count n, Count parallel);
JobCost spatten_predict(const Job& job, const HardwareConfig& config);
JobCost spatten_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// ELSA: hashes of keys and queries and the keys' norms on predictor_rows x predictor_cols multipliers, then one Hamming
// distance, table look-up, multiplication and comparison a pair, predictor_cols pairs a cycle.
JobCost elsa_predict(const Job& job, const HardwareConfig& config);

// DOTA: projections and low-rank scores on the low-precision array, then the selection of each row's largest, behind
// the products at predictor_cols comparisons a cycle.
JobCost dota_predict(const Job& job, const HardwareConfig& config);

}  // namespace vitality
