// Decides the masks of sparse and unified attention before time starts (config.sparsity.source).
//
// predicted: Sanger's predictor on the Q and K of the double reference, which therefore runs in timing-only runs too:
// with and without values the machine sees the same masks. density: seeded masks with exactly round(density * n_q *
// n_kv) entries. file: a uint8 .npy array of zeros and ones, (layers, heads, n_q, n_kv), (heads, n_q, n_kv) or (n_q,
// n_kv): what is missing is shared; the images of a batch and the instances of a layer share theirs.
#pragma once

#include <cstdint>

#include "config/hardware_config.h"
#include "mapping/mapper.h"
#include "reference/model.h"
#include "workload/parameters.h"

namespace vitality {

// What the reference is asked for on this machine, the masks apart.
reference::ForwardOptions reference_options(const VitModel& model, const HardwareConfig& config);
// Masks from a file or a density. InputError where a file does not fit the model.
AttentionMasks given_masks(const VitModel& model, const HardwareConfig& config, std::uint64_t seed);
// Masks predicted from the outputs of a forward pass.
AttentionMasks predicted_masks(const VitModel& model, const ParameterSource& parameters,
                               const reference::ForwardOptions& options, const std::vector<MatrixD>& outputs);

}  // namespace vitality
