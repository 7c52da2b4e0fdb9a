// Values of the sparse unit's jobs.
#include <cmath>

#include "kernels/sparse.h"
#include "sim/values/value_executor.h"

namespace vitality {

void ValueExecutor::sparse(const Job& job) {
  const AttentionScales& s = attention(job.layer);
  const auto& a = std::get<Attention>(layer(job.layer).parameters);
  const double root_d = std::sqrt(static_cast<double>(a.d_qk));
  if (job.kind == JobKind::kMerge) {
    const ConstTile low_rank = streamed(job), strong{at(job.stationary, job.stationary_offset), job.stationary_stride};
    add_scaled(arithmetic_, job.m, job.n, low_rank, s.wide_result / s.result, strong, s.wide_result / s.result,
               result(job));
    return;
  }
  if (job.kind == JobKind::kRowSums) {
    exponential_row_sums(arithmetic_, job.m, job.n, streamed(job), s.scores, (job.flags & kFirst) != 0, at(job.result));
    return;
  }
  const MaskTile& tile = schedule_.mask_tiles[job.mask_tile()];
  const ScheduledMask& scheduled = schedule_.masks[static_cast<std::size_t>(tile.mask)];
  const MaskBlock block{scheduled.mask, tile.row, tile.col, tile.rows, tile.cols};
  const ConstTile second{job.stationary == kNone ? nullptr : at(job.stationary, job.stationary_offset),
                         job.stationary_stride};
  if (job.kind == JobKind::kSddmm) {
    const bool bias = (job.flags & kHasBias) != 0;
    masked_scores(arithmetic_, block, job.k, streamed(job), second, s.q * s.k / root_d / s.scores,
                  {bias ? at(job.partial) : nullptr, job.n}, bias ? weight_scale(job.layer) / s.scores : 0,
                  at(job.result));
  } else if (job.kind == JobKind::kSparseSoftmax) {
    const LowRankMap low_rank{job.partial == kNone ? nullptr : at(job.partial), s.q * s.k, root_d};
    masked_softmax(arithmetic_, block, s.scores, second.data, low_rank, s.probability, at(job.result));
  } else {
    masked_times(arithmetic_, block, scheduled.values, job.n, at(job.streamed), second, (job.flags & kFirst) != 0,
                 result(job));
    if ((job.flags & kLast) == 0) return;
    const bool wide = (job.flags & kWide) != 0;
    const Tile z = result(job);
    requantise(arithmetic_, job.m, job.n, {z.data, z.stride}, s.probability * s.v / (wide ? s.wide_result : s.result),
               wide, z);
  }
}

}  // namespace vitality
