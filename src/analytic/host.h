// This computer as a machine: wall-clock time of fp32 inference, layer by layer, on one thread with this project's GEMM
// kernels (without fused multiply-add they give the same bits on every CPU, but are not as fast as possible). Values
// are random; only the time is kept.
//
// MEASURED and not deterministic: the median of a few repetitions of every distinct layer, in nanoseconds. No energy is
// claimed.
#pragma once

#include "analytic/analytic_result.h"

namespace vitality {

// Runs the attention kinds softmax, taylor and taylor_elided; others throw InfeasibleError.
SimulationResult measure_host(const HardwareConfig& config, const VitModel& model);

// One head in fp32, as it is measured: Q m x d, K n x d, V n x e -> Z m x e, row-major. Tested against the reference.
void host_softmax_head(int m, int n, int d, int e, const float* q, const float* k, const float* v, float* z);
void host_relu_linear_head(int m, int n, int d, int e, float epsilon, const float* q, const float* k, const float* v,
                           float* z);
void host_taylor_head(int m, int n, int d, int e, const float* q, const float* k, const float* v, float* z,
                      bool elided);

}  // namespace vitality
