// Rooflines of CPUs and GPUs (Williams, Waterman, Patterson, CACM 2009), layer by layer: a layer takes the larger of
// its MACs at the data sheet's peak rate and its bytes at the peak bandwidth. Every layer reads its inputs and weights
// and writes its outputs once; attention is one fused layer (scores never leave the chip); batch norm is folded. No
// launch overhead, no imperfect kernels: a LOWER bound on latency that no real library reaches at batch 1.
//
// Energy is TDP x time, and is that only: not a measurement.
#pragma once

#include "analytic/analytic_result.h"

namespace vitality {

// Peak of the config's number format in MACs a second: fp16 and int16 take fp16_tflops, int8 int8_tops, where given;
// else fp32_tflops.
double roofline_macs_per_second(const HardwareConfig& config);

// Throws InfeasibleError for an attention kind that no roofline is given for (sparse, unified, released, auto).
SimulationResult roofline(const HardwareConfig& config, const VitModel& model);

}  // namespace vitality
