#include "sim/account/layer_time.h"

#include <array>
#include <cmath>

namespace vitality {
namespace {

enum Part {
  kCompute,
  kStationaryLoad,
  kFillDrain,
  kDram,
  kScratchpad,
  kNoc,
  kFifo,
  kController,
  kDependency,
  kOverlap
};
constexpr int kParts = 10;
const char* const kPartNames[kParts] = {"compute", "stationary_load", "fill_drain", "dram",   "scratchpad", "noc",
                                        "fifo",    "controller",      "dependency", "overlap"};

class LayerTime {
 public:
  LayerTime(const RunRecord& run, const std::vector<LayerSpan>& spans, std::vector<LayerResult>& layers)
      : run_(run), spans_(spans), layers_(layers), main_(layers.size(), -1), split_(layers.size()) {}

  void describe(const std::vector<PathStep>& path) {
    measure_prefetch();
    find_busiest_units();
    for (const PathStep& step : path) book(step);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      compare_with_roofline(layers_[l]);
      if (spans_[l].executed) name_parts(layers_[l], split_[l]);
    }
  }

 private:
  void measure_prefetch() {
    std::vector<Cycles> covered(layers_.size());
    std::vector<Bytes> weights_ahead(layers_.size()), weights(layers_.size());
    for (LayerResult& layer : layers_) layer.prefetch.start_cycle = layer.start_cycle;
    for (const JobId index : run_.order[static_cast<std::size_t>(run_.units.id(UnitKind::kDmaLoad).value)]) {
      const Job& job = run_.job(index);
      const auto l = static_cast<std::size_t>(job.layer);
      const JobTimes& t = run_.times_of(index);
      if (!is_prefetch(job, t, spans_[l])) continue;
      Prefetch& prefetch = layers_[l].prefetch;
      prefetch.start_cycle = std::min(prefetch.start_cycle, t.start);
      const Cycles end = std::min(t.done, spans_[l].begin);
      prefetch.cycles += std::max<Cycles>(0, end - std::max(covered[l], t.start));
      covered[l] = std::max(covered[l], end);
      for (const Transfer& transfer : run_.schedule.transfers_of(job)) {
        prefetch.bytes += transfer.bytes;
        if (run_.schedule.tensors[transfer.tensor].role == TensorRole::kWeight) weights_ahead[l] += transfer.bytes;
      }
    }
    for (const ScheduledTensor& tensor : run_.schedule.tensors)
      if (tensor.role == TensorRole::kWeight && tensor.layer >= 0)
        weights[static_cast<std::size_t>(tensor.layer)] += tensor.bytes;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const Bytes left = spans_[l].executed ? std::max<Bytes>(0, weights[l] - weights_ahead[l]) : 0;
      layers_[l].bound_cycles = bound(left, layers_[l].macs);
    }
  }

  Cycles bound(Bytes weights, Count macs) const {
    return static_cast<Cycles>(std::max(std::ceil(static_cast<double>(macs) / run_.peak_macs()),
                                        std::floor(static_cast<double>(weights) / run_.dram_bytes_per_cycle())));
  }

  // Finds them by kind, because units of one kind share a layer's work. A memory channel is never a layer's busiest
  // unit: its work counts as `dram`.
  void find_busiest_units() {
    std::vector<std::array<Cycles, kUnitKinds>> busy(layers_.size());
    for (std::size_t i = 0; i < run_.schedule.jobs.size(); ++i) {
      const Job& job = run_.schedule.jobs[i];
      if (is_dma(job.unit) || job.unit == UnitKind::kUncharged) continue;
      busy[static_cast<std::size_t>(job.layer)][static_cast<std::size_t>(job.unit)] +=
          run_.busy_end({static_cast<std::int32_t>(i)}) - run_.times[i].start;
    }
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const auto most = std::max_element(busy[l].begin(), busy[l].end());
      if (*most > 0) main_[l] = static_cast<int>(most - busy[l].begin());
    }
  }

  void book(const PathStep& step) {
    const Job& job = run_.job(step.job);
    const auto l = static_cast<std::size_t>(job.layer);
    const Cycles begin = std::max(step.begin, spans_[l].begin),
                 exposed = std::min(step.end, spans_[l].begin) - step.begin;
    if (exposed > 0)
      (step.phase == PathPhase::kIssue ? layers_[l].issue_exposed_cycles : layers_[l].prefetch.exposed_cycles) +=
          exposed;
    if (begin >= step.end) return;
    const Cycles cycles = step.end - begin;
    if (step.phase == PathPhase::kIssue) {
      add(l, kController, cycles);
    } else if (is_dma(job.unit)) {
      add(l, kDram, cycles);
    } else if (step.phase == PathPhase::kNoc) {
      add(l, kNoc, cycles);
    } else if (static_cast<int>(job.unit) != main_[l]) {
      add(l, kDependency, cycles);
    } else {
      book_main(l, step, cycles);
    }
  }

  void book_main(std::size_t l, const PathStep& step, Cycles cycles) {
    const JobCost& cost = run_.costs.of(step.job);
    const JobTimes& t = run_.times_of(step.job);
    switch (step.phase) {
      case PathPhase::kLoad: {
        const auto [scratchpad, noc] = run_.load_of(step.job).added_in(cycles);
        add(l, kScratchpad, scratchpad), add(l, kNoc, noc);
        return add(l, kStationaryLoad, cycles - scratchpad - noc);
      }
      case PathPhase::kStream: {
        const Cycles scratchpad = std::min(cycles, cost.scratchpad_stall + t.contention),
                     noc = std::min(cycles - scratchpad, cost.noc_stall + t.noc_contention);
        const Cycles fifo = std::min(cycles - scratchpad - noc, t.fifo_wait);
        add(l, kScratchpad, scratchpad), add(l, kNoc, noc), add(l, kFifo, fifo);
        return add(l, kCompute, cycles - scratchpad - noc - fifo);
      }
      case PathPhase::kDrain:
        return add(l, kFillDrain, cycles);
      case PathPhase::kNoc:
        return add(l, kNoc, cycles);
      case PathPhase::kIssue:
        return add(l, kController, cycles);
    }
  }

  void add(std::size_t layer, Part part, Cycles cycles) { split_[layer][part] += cycles; }

  static void name_parts(LayerResult& layer, std::array<Cycles, kParts>& split) {
    const Cycles span = layer.end_cycle - layer.start_cycle;
    split[kOverlap] = span;
    for (int p = 0; p < kOverlap; ++p) split[kOverlap] -= split[static_cast<std::size_t>(p)];
    std::size_t largest = 0;
    for (std::size_t p = 0; p < split.size(); ++p) {
      if (split[p] == 0) continue;
      layer.time_split.emplace_back(kPartNames[p], split[p]);
      if (split[p] > split[largest]) largest = p;
    }
    layer.bottleneck = span == 0 ? "none" : kPartNames[largest];
  }

  // Compares with the MACs per cycle that the layer's MACs per DRAM byte allow.
  void compare_with_roofline(LayerResult& layer) const {
    layer.roofline_bound = "none";
    if (layer.macs == 0) return;
    const double attainable = layer.macs_per_dram_byte * run_.dram_bytes_per_cycle();
    const bool memory = layer.macs_per_dram_byte > 0 && attainable < run_.peak_macs();
    layer.roofline_bound = memory ? "memory" : "compute";
    layer.attainable_macs_per_cycle = memory ? attainable : run_.peak_macs();
    const Cycles moving = layer.prefetch.cycles + layer.end_cycle - layer.start_cycle;
    layer.achieved_macs_per_cycle = moving > 0 ? static_cast<double>(layer.macs) / static_cast<double>(moving) : 0;
  }

  const RunRecord& run_;
  const std::vector<LayerSpan>& spans_;
  std::vector<LayerResult>& layers_;
  std::vector<int> main_;  // per layer: the kind of unit that computes longest, -1: none
  std::vector<std::array<Cycles, kParts>> split_;
};

}  // namespace

std::vector<Cycles> cycles_on_path(const RunRecord& run, const std::vector<LayerSpan>& spans,
                                   const std::vector<PathStep>& path) {
  std::vector<Cycles> cycles(spans.size());
  for (const PathStep& step : path) {
    const auto l = static_cast<std::size_t>(run.job(step.job).layer);
    cycles[l] += std::max<Cycles>(0, step.end - std::max(step.begin, spans[l].begin));
  }
  return cycles;
}

void describe_layer_time(const RunRecord& run, const std::vector<LayerSpan>& spans, const std::vector<PathStep>& path,
                         std::vector<LayerResult>& layers) {
  LayerTime(run, spans, layers).describe(path);
}

}  // namespace vitality
