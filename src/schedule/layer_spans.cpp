#include "schedule/layer_spans.h"

#include <algorithm>

namespace vitality {
namespace {

struct Moments {
  Cycles computes = -1, moves = -1, happens = -1;  // first job that computes; first job that moves data; last job
                                                   // without time
  Cycles last = -1;                                // end of the jobs that take time
};

bool loads_weights_alone(const Schedule& schedule, const Job& job) {
  if (job.unit != UnitKind::kDmaLoad) return false;
  const TransferSpan transfers = schedule.transfers_of(job);
  return std::all_of(transfers.begin(), transfers.end(),
                     [&](const Transfer& t) { return schedule.tensors[t.tensor].role == TensorRole::kWeight; });
}

void take_earlier(Cycles& moment, Cycles other) {
  if (moment < 0 || other < moment) moment = other;
}

}  // namespace

std::vector<LayerSpan> layer_spans(const Schedule& schedule, const IdVector<JobId, JobTimes>& times,
                                   std::size_t layers) {
  std::vector<Moments> moments(layers);
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) {
    const Job& job = schedule.jobs[i];
    Moments& m = moments[static_cast<std::size_t>(job.layer)];
    if (job.unit == UnitKind::kUncharged) {
      m.happens = std::max(m.happens, times[i].done);
      continue;
    }
    m.last = std::max(m.last, times[i].done);
    if (!is_dma(job.unit)) {
      take_earlier(m.computes, times[i].start);
    } else if (m.computes < 0 && !loads_weights_alone(schedule, job)) {
      take_earlier(m.moves, times[i].start);
    }
  }
  std::vector<LayerSpan> spans(layers);
  for (std::size_t l = 0; l < layers; ++l) {
    const Moments& m = moments[l];
    const Cycles end = std::max(m.last, m.happens);
    if (end < 0) continue;
    spans[l] = {true, m.computes >= 0 ? m.computes : m.moves >= 0 ? m.moves : end, end};
  }
  return spans;
}

}  // namespace vitality
