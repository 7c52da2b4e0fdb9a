// Rooflines of CPUs and GPUs (Williams, Waterman, Patterson, CACM 2009), layer by layer: a layer takes the longer of
// two times, its MACs at the peak rate of the data sheet, and its bytes at the peak bandwidth. Every layer reads its
// inputs and weights and writes its outputs once; attention is one fused layer (scores never leave the chip); batch
// norm is folded. There is no launch overhead and every kernel is perfect: a LOWER bound on latency that no real
// library reaches at batch 1.
//
// Energy is TDP x time: an estimate, not a measurement.
#pragma once

#include "analytic/analytic_result.h"

namespace vitality {

// Peak of the config's number format in MACs per second: fp16_tflops for fp16 and int16, int8_tops for int8, if given;
// otherwise fp32_tflops.
double roofline_macs_per_second(const HardwareConfig& config);

// Throws InfeasibleError for an attention kind that the roofline does not cover (sparse, unified, released, auto).
SimulationResult roofline(const HardwareConfig& config, const VitModel& model);

}  // namespace vitality
