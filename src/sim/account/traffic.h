// Every byte that a run moves, by layer, operand and cause.
//
// DRAM. Operands: input, weights, activations, masks, gradients, optimizer_state, results, descriptors (of jobs).
// Causes: first_fetch (the layer's first read of these elements), refetch (the mapping reads them again because they
// did not stay on chip), halo (rows that neighbouring tiles of a convolution or pooling share, read again with the
// second one), write_back. Partial sums never leave the chip: there is no spill.
//
// Scratchpad. Causes: streamed, stationary, partial_sums (read), partial_sums_written, results, filled (by the DMA from
// DRAM), drained (by the DMA to DRAM); the first five cross the NoC.
#pragma once

#include <vector>

#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// Fills dram_traffic and scratchpad_traffic of the layers; they add up to the layers' bytes.
void attribute_traffic(const RunRecord& run, const std::vector<ShapeCount>& shapes, std::vector<LayerResult>& layers);

}  // namespace vitality
