// The integer datapath on whole matrices: the same bits as int16 and int8 machines, without tiles, buffers or time.
//
// Operands are codes (real = code * scale, |code| <= limit). Sums of products and of columns are exact integers. When a
// tensor is stored, they are multiplied by a factor, rounded half to even and saturated to codes; wide intermediates
// (T_N, scores, t_D, biases) are rounded but not saturated. K_hat keeps its extra bit; k_hat_sum is computed. Functions
// for which the machine has no integer array (GELU, layer norm, exp) are computed in double on real values and stored
// as codes. Independent of the kernels and of any mapping (docs/algorithm.md 2.3).
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/matrix.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality::reference {

using Codes = Matrix<std::int64_t>;

// x * factor as a code: rounded half to even, saturated at +-limit.
std::int64_t requantise(double x, double factor, int limit);
std::int64_t round_half_even(double x);
Codes quantise(const MatrixD& real, double scale, int limit);

struct FixedAttentionScales {
  double q = 1, k = 1, v = 1;
  double context = 1;      // G
  double numerator = 1;    // T_N, wide
  double scores = 1;       // Q K^T / sqrt(d), wide
  double probability = 1;  // P
  double result = 1;       // Z
  int key_tile = 0;        // softmax: keys of a tile of the online form; 0: whole rows
};

// The largest magnitudes that appeared in accumulators (partial sums, before rounding) and in wide intermediates; they
// must fit the registers of the machine.
struct FixedRange {
  std::int64_t accumulator = 0, wide = 0;
};

// Every step of Algorithm 1 on one head.
struct FixedTaylor {
  Codes k_bar, k_hat, g, k_hat_sum, v_sum;
  Codes v_row;  // sqrt(d) v_sum (elided: V_bar) in units of T_N
  Codes t_d;    // m x 1; empty when elided
  Codes t_n;    // m x e
  Codes z;
};
// bias: codes of B - rowmean(B), m x n, with its scale; nullptr: none.
FixedTaylor fixed_taylor(const Codes& q, const Codes& k, const Codes& v, const FixedAttentionScales& scales, int limit,
                         bool elided, FixedRange& range, const Codes* bias = nullptr, double bias_scale = 1);
// ReLU-linear attention on one head; scales of Algorithm 1 where they have the same names.
Codes fixed_relu_linear(const Codes& q, const Codes& k, const Codes& v, const FixedAttentionScales& scales, int limit,
                        FixedRange& range, double epsilon = 0);
// Tiles of keys (scales.key_tile) one after the other: exponentials below the largest score so far, stored in units of
// 1 / limit; sums of products and of exponentials shrink where that score grows, the former to integers.
// sees: m x n, 0 where a query does not see a key (whole rows only); nullptr: all 1.
Codes fixed_softmax(const Codes& q, const Codes& k, const Codes& v, const FixedAttentionScales& scales, int limit,
                    FixedRange& range, const Codes* bias = nullptr, double bias_scale = 1, const Codes* sees = nullptr);

// The settings for computing the whole model. Scales are per layer output. A folded batch norm has the scale of the
// layer that it is folded into (if it stands behind that layer) or of its own input (if it stands in front).
struct FixedPointPlan {
  int limit = 32767;
  double image = 1;
  std::vector<double> output;
  std::vector<FixedAttentionScales> attention;
  AttentionKind kind = AttentionKind::kTaylor;
  bool batch_norm_folded = true;
  bool score_bias_first_order = false;  // Taylor: add the centred score bias, or drop it
};
struct FixedPointResult {
  std::vector<Codes> outputs;  // per layer
  FixedRange range;
};
FixedPointResult fixed_point_forward(const VitModel& model, const ParameterSource& parameters,
                                     const FixedPointPlan& plan);

}  // namespace vitality::reference
