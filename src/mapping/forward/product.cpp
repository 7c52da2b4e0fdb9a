#include "mapping/forward/product.h"

#include <algorithm>

namespace vitality {

namespace {

Elements elements_of(const Operand& operand, int offset, int rows, int cols) {
  return operand.transposed ? Elements::of(offset, cols, rows, operand.stride)
                            : Elements::of(offset, rows, cols, operand.stride);
}

}  // namespace

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
        const bool stays = builder.stays(p.result.buffer);
        if (stays && p.partial != kNone) job.partial_offset = m * p.n + n, job.partial_stride = p.n;
        if (last) job.result = p.result.buffer;
        builder.read(job.streamed, elements_of(p.streamed, job.streamed_offset, height, depth));
        builder.read(job.stationary, elements_of(p.stationary, job.stationary_offset, depth, width));
        // One array writes all tiles of a result, in order.
        const bool chain_begins = p.first && m == 0 && k == 0 && n == 0;
        if (p.partial != kNone && p.partial != p.result.buffer) builder.accumulate(p.partial, chain_begins);
        if (!stays)
          builder.accumulate(p.result.buffer, chain_begins);
        else if (last)
          builder.write(p.result.buffer, Elements::of(job.result_offset, height, width, job.result_stride));
        builder.finish();
      }
    }
  }
}

}  // namespace vitality
