#include "mapping/forward/product.h"

#include <algorithm>

namespace vitality {

void emit_product(MappingContext& context, int layer, const Product& p) {
  const MatrixEngineConfig& engine = context.config.matrix_engine;
  ScheduleBuilder& builder = context.builder;
  const bool output_stationary = engine.dataflow == Dataflow::kOutputStationary || (p.flags & kOutputStationary) != 0;
  const bool held = (p.flags & kStationaryHeld) != 0;
  const int m_step = output_stationary ? engine.rows : p.m, k_step = output_stationary ? p.k : engine.rows;
  for (int m = 0; m < p.m; m += m_step) {
    for (int k = 0; k < p.k; k += k_step) {
      for (int n = 0; n < p.n; n += engine.cols) {
        const int height = std::min(m_step, p.m - m), depth = std::min(k_step, p.k - k),
                  width = std::min(engine.cols, p.n - n);
        const bool first = p.first && k == 0, last = p.last && k + depth == p.k;
        Job& job = builder.begin(UnitKind::kMatrixEngine, JobKind::kFold, layer, p.op);
        job.m = height, job.k = depth, job.n = width;
        job.flags = static_cast<std::uint16_t>(
            p.flags | (first ? kFirst : 0) | (last ? kLast : 0) | (output_stationary && !held ? kOutputStationary : 0) |
            (p.streamed.transposed ? kTransposed : 0) | (p.stationary.transposed ? kStationaryTransposed : 0));
        job.streamed = p.streamed.buffer, job.streamed_offset = p.streamed.at(m, k),
        job.streamed_stride = p.streamed.stride;
        job.stationary = p.stationary.buffer, job.stationary_offset = p.stationary.at(k, n),
        job.stationary_stride = p.stationary.stride;
        job.result_offset = p.result.at(m, n), job.result_stride = p.result.stride;
        job.partial = p.partial, job.partial_offset = job.result_offset;
        if (last) job.result = p.result.buffer;
        builder.read(job.streamed);
        builder.read(job.stationary);
        // One array writes all tiles of a result, in order.
        const bool chain_begins = p.first && m == 0 && k == 0 && n == 0;
        if (p.partial != kNone && p.partial != p.result.buffer) builder.accumulate(p.partial, chain_begins);
        builder.accumulate(p.result.buffer, chain_begins);
        builder.finish();
      }
    }
  }
}

}  // namespace vitality
