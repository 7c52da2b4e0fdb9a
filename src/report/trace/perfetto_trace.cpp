#include "report/trace/perfetto_trace.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/json.h"
#include "report/trace/trace_stream.h"

namespace vitality {
namespace {

constexpr int kTracksPerUnit = 64;
constexpr int kProcess = 1;

// Bytes (or MACs) per cycle over the run, in equal intervals.
class RateCounter {
 public:
  RateCounter(Cycles cycles, std::size_t series)
      : width_(std::max<Cycles>(1, ceil_div(cycles, kCounterBins))),
        cycles_(cycles),
        series_(series, std::vector<double>(static_cast<std::size_t>(ceil_div(std::max<Cycles>(1, cycles), width_)))) {}

  // Adds `amount`, spread evenly over [begin, end).
  void add(std::size_t series, Cycles begin, Cycles end, Bytes amount) {
    if (amount == 0) return;
    begin = std::min(begin, cycles_ - 1);
    end = std::max(begin + 1, std::min(end, cycles_));
    const double rate = static_cast<double>(amount) / static_cast<double>(end - begin);
    for (Cycles at = begin; at < end;) {
      const Cycles next = std::min(end, (at / width_ + 1) * width_);
      series_[series][static_cast<std::size_t>(at / width_)] += rate * static_cast<double>(next - at);
      at = next;
    }
  }
  std::size_t bins() const { return series_[0].size(); }
  Cycles begin_of(std::size_t bin) const { return static_cast<Cycles>(bin) * width_; }
  // The last interval may be shorter.
  double rate(std::size_t series, std::size_t bin) const {
    return series_[series][bin] / static_cast<double>(std::min(width_, cycles_ - begin_of(bin)));
  }

 private:
  Cycles width_, cycles_;
  std::vector<std::vector<double>> series_;
};

class Writer : private TraceStream {
 public:
  Writer(std::FILE* stream, const Timeline& timeline)
      : TraceStream(stream),
        timeline_(timeline),
        layers_(layer_spans(timeline)),
        cycles_(last_cycle(timeline)),
        track_(timeline.schedule.jobs.size(), -1) {
    for (const Layer& layer : timeline.model.layers) {
      const std::string quoted_name = json_string(layer.name);
      names_.push_back(quoted_name.substr(0, quoted_name.size() - 1));  // the closing quote comes behind the job's kind
    }
  }

  void write() {
    print(FMT_COMPILE("{{\"displayTimeUnit\": \"ns\",\n\"traceEvents\": [\n"));
    print(FMT_COMPILE("{{\"ph\": \"M\", \"pid\": {}, \"name\": \"process_name\", \"args\": {{\"name\": {}}}}}"),
          kProcess, json_string(timeline_.model.name + " on " + timeline_.config.name));
    for (std::int32_t unit = 0; unit < static_cast<std::int32_t>(timeline_.units.size()); ++unit) spans({unit});
    outstanding();
    rates();
    power();
    const auto [drawn, all] = arrows();
    print(FMT_COMPILE("\n],\n\"otherData\": {{\"clock_mhz\": {}, \"cycles\": {}, \"jobs\": {}, \"arrows_drawn\": {}, "
                      "\"arrows\": {}}}}}\n"),
          timeline_.config.clock_mhz, cycles_, timeline_.schedule.jobs.size(), drawn, all);
    flush();
  }

 private:
  double microseconds(Cycles cycles) const { return static_cast<double>(cycles) / timeline_.config.clock_mhz; }
  const Job& job(JobId index) const { return timeline_.schedule.jobs[index]; }
  const JobTimes& times(JobId index) const { return timeline_.times[index]; }

  void spans(UnitId id) {
    const MachineUnit& unit = timeline_.units[id];
    const std::vector<JobSpan> list = unit_spans(timeline_, id);
    const int first = 1 + id.value * kTracksPerUnit, lanes = std::min(kTracksPerUnit, lane_count(list));
    for (int lane = 0; lane < lanes; ++lane) {
      const std::string name = unit.name + (lane == 0 ? "" : fmt::format(" [{}]", lane + 1));
      print(FMT_COMPILE(",\n{{\"ph\": \"M\", \"pid\": {}, \"tid\": {}, \"name\": \"thread_name\", \"args\": "
                        "{{\"name\": \"{}\"}}}}"),
            kProcess, first + lane, name);
      print(FMT_COMPILE(",\n{{\"ph\": \"M\", \"pid\": {}, \"tid\": {}, \"name\": \"thread_sort_index\", \"args\": "
                        "{{\"sort_index\": {}}}}}"),
            kProcess, first + lane, first + lane);
    }
    for (const JobSpan& span : list) {
      if (span.lane >= kTracksPerUnit) continue;
      const Job& j = job(span.job);
      const int track = first + span.lane;
      track_[span.job] = track;
      print(FMT_COMPILE(",\n{{\"ph\": \"X\", \"pid\": {}, \"tid\": {}, \"ts\": {}, \"dur\": {}, \"cat\": \"{}\", "
                        "\"name\": {}: {}\", \"args\": {{\"job\": {}, "
                        "\"start_cycle\": {}, \"cycles\": {}, "),
            kProcess, track, microseconds(span.begin), microseconds(span.end - span.begin), to_string(j.kind),
            names_[static_cast<std::size_t>(j.layer)], to_string(j.kind), span.job.value, span.begin,
            span.end - span.begin);
      if (is_dma(unit.kind)) {
        const JobCost& cost = timeline_.costs.of(span.job);
        print(FMT_COMPILE("\"transfers\": {}, \"bytes\": {}, \"prefetch\": {}}}}}"),
              std::get<TransferRange>(j.detail).count, cost.scratchpad_read + cost.scratchpad_write,
              is_prefetch(j, times(span.job), layers_[static_cast<std::size_t>(j.layer)]));
      } else {
        print(FMT_COMPILE("\"m\": {}, \"k\": {}, \"n\": {}, \"step\": \"{}\"}}}}"), j.m, j.k, j.n,
              to_string(timeline_.schedule.operators[j.op].role));
      }
    }
  }

  // Bytes that the DMA has requested and not yet received.
  void outstanding() {
    struct Change {
      Cycles cycle;
      std::size_t direction;
      Bytes bytes;
    };
    std::vector<Change> changes;
    for (std::size_t i = 0; i < timeline_.schedule.jobs.size(); ++i) {
      const JobId index{static_cast<std::int32_t>(i)};
      const Job& j = job(index);
      if (!is_dma(j.unit)) continue;
      const Bytes bytes = timeline_.costs.of(index).scratchpad_read + timeline_.costs.of(index).scratchpad_write;
      const std::size_t direction = j.unit == UnitKind::kDmaLoad ? 0 : 1;
      changes.push_back({times(index).start, direction, bytes});
      changes.push_back({times(index).done, direction, -bytes});
    }
    std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.cycle < b.cycle; });
    // The largest value of each interval, because a long run has more changes than a picture has columns.
    const Cycles width = std::max<Cycles>(1, ceil_div(cycles_, kCounterBins));
    std::array<Bytes, 2> bytes{}, most{};
    const auto emit = [&](Cycles cycle) {
      print(FMT_COMPILE(",\n{{\"ph\": \"C\", \"pid\": {}, \"ts\": {}, \"name\": \"outstanding DMA (B)\", \"args\": "
                        "{{\"load\": {}, \"store\": {}}}}}"),
            kProcess, microseconds(cycle), most[0], most[1]);
    };
    std::size_t i = 0;
    for (Cycles begin = 0; begin < cycles_; begin += width) {
      most = bytes;
      while (i < changes.size() && changes[i].cycle < begin + width) {
        const Cycles cycle = changes[i].cycle;
        for (; i < changes.size() && changes[i].cycle == cycle; ++i) bytes[changes[i].direction] += changes[i].bytes;
        for (std::size_t d = 0; d < 2; ++d) most[d] = std::max(most[d], bytes[d]);
      }
      emit(begin);
    }
    for (; i < changes.size(); ++i) bytes[changes[i].direction] += changes[i].bytes;
    most = bytes;
    emit(cycles_);
  }

  void rates() {
    RateCounter scratchpad(cycles_, 2), noc(cycles_, 1), dram(cycles_, 2), macs(cycles_, 1);
    for (std::size_t i = 0; i < timeline_.schedule.jobs.size(); ++i) {
      const JobId index{static_cast<std::int32_t>(i)};
      const JobTimes& t = times(index);
      const JobCost& cost = timeline_.costs.of(index);
      const UnitKind unit = job(index).unit;
      const Cycles end = std::max(t.released, t.stream + 1);
      scratchpad.add(0, t.stream, end, cost.scratchpad_read);
      scratchpad.add(1, t.stream, end, cost.scratchpad_write);
      if (is_dma(unit)) {
        dram.add(unit == UnitKind::kDmaLoad ? 0 : 1, t.stream, end, cost.scratchpad_read + cost.scratchpad_write);
      } else {
        noc.add(0, t.stream, end, cost.scratchpad_read + cost.scratchpad_write);
      }
      macs.add(0, t.stream, end, cost.macs);
    }
    counter("scratchpad (B/cycle)", {"read", "write"}, scratchpad);
    counter("NoC (B/cycle)", {"moved"}, noc);
    counter("DRAM (B/cycle)", {"read", "write"}, dram);
    counter("MACs per cycle", {"macs"}, macs);
  }

  void power() {
    if (timeline_.power == nullptr) return;
    Cycles begin = 0;
    for (const double watts : timeline_.power->w) {
      print(FMT_COMPILE(
                ",\n{{\"ph\": \"C\", \"pid\": {}, \"ts\": {}, \"name\": \"power (W)\", \"args\": {{\"chip and DRAM\": "
                "{:.4f}}}}}"),
            kProcess, microseconds(begin), watts);
      begin += timeline_.power->bin_cycles;
    }
  }

  void counter(const char* name, const std::vector<const char*>& series, const RateCounter& rates) {
    for (std::size_t bin = 0; bin < rates.bins(); ++bin) {
      print(FMT_COMPILE(",\n{{\"ph\": \"C\", \"pid\": {}, \"ts\": {}, \"name\": \"{}\", \"args\": {{"), kProcess,
            microseconds(rates.begin_of(bin)), name);
      for (std::size_t s = 0; s < series.size(); ++s)
        print(FMT_COMPILE("{}\"{}\": {:.3f}"), s == 0 ? "" : ", ", series[s], rates.rate(s, bin));
      print(FMT_COMPILE("}}}}"));
    }
  }

  // The job behind the arrow: the one that satisfied the last dependency of this job. An uncharged job has no track and
  // takes no time, so its own cause is used in its place.
  JobId cause_of(JobId index) const {
    JobId cause = times(index).limiter;
    while (cause != kNone && track_[cause] < 0) cause = times(cause).limiter;
    return cause;
  }

  std::pair<std::int64_t, std::int64_t> arrows() {
    std::vector<JobId> targets;
    for (std::size_t i = 0; i < track_.size(); ++i) {
      const JobId index{static_cast<std::int32_t>(i)};
      if (track_[i] >= 0 && cause_of(index) != kNone) targets.push_back(index);
    }
    const auto all = static_cast<std::int64_t>(targets.size());
    const std::int64_t drawn = std::min<std::int64_t>(all, kMaxArrows);
    for (std::int64_t i = 0; i < drawn; ++i) {
      const JobId target = targets[static_cast<std::size_t>(i * all / drawn)], source = cause_of(target);
      const char* const name = times(target).limiter_kind == DependencyKind::kReleased ? "buffer" : "data";
      print(FMT_COMPILE(",\n{{\"ph\": \"s\", \"pid\": {}, \"tid\": {}, \"ts\": {}, \"id\": {}, \"cat\": "
                        "\"dependency\", \"name\": \"{}\"}}"),
            kProcess, track_[source], microseconds(times(source).start), target.value, name);
      print(FMT_COMPILE(",\n{{\"ph\": \"f\", \"bp\": \"e\", \"pid\": {}, \"tid\": {}, \"ts\": {}, \"id\": {}, \"cat\": "
                        "\"dependency\", \"name\": \"{}\"}}"),
            kProcess, track_[target], microseconds(times(target).start), target.value, name);
    }
    return {drawn, all};
  }

  const Timeline& timeline_;
  std::vector<LayerSpan> layers_;
  Cycles cycles_;
  IdVector<JobId, int> track_;      // -1: none
  std::vector<std::string> names_;  // per layer
};

}  // namespace

void write_perfetto_trace(std::FILE* stream, const Timeline& timeline) {
  Writer(stream, timeline).write();
}

}  // namespace vitality
