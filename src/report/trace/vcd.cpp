#include "report/trace/vcd.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "report/trace/trace_stream.h"

namespace vitality {
namespace {

enum Signal { kBusy, kJobs, kJob, kLayer, kPrefetch };
constexpr int kSignals = 5;
constexpr std::array<const char*, kSignals> kSignalNames = {"busy", "jobs", "job", "layer", "prefetch"};
constexpr std::array<int, kSignals> kSignalBits = {1, 8, 32, 32, 1};

// A short identifier of printable characters for the number of the signal.
std::string identifier(std::int32_t unit, int signal) {
  constexpr int kPrintable = '~' - '!' + 1;
  std::string text;
  for (int number = unit * kSignals + signal; number >= 0; number = number / kPrintable - 1)
    text.insert(text.begin(), static_cast<char>('!' + number % kPrintable));
  return text;
}

struct Change {
  Cycles cycle;
  std::int32_t unit;
  bool begins;
  JobId job;
};

class Writer : private TraceStream {
 public:
  Writer(std::FILE* stream, const Timeline& timeline)
      : TraceStream(stream),
        timeline_(timeline),
        layers_(layer_spans(timeline)),
        held_(timeline.units.size()),
        shown_(timeline.units.size()),
        dumped_(timeline.units.size()) {
    for (std::int32_t unit = 0; unit < static_cast<std::int32_t>(timeline.units.size()); ++unit) {
      const std::vector<JobSpan> spans = unit_spans(timeline, {unit});
      if (!spans.empty()) units_.push_back(unit);
      for (const JobSpan& span : spans) {
        if (span.begin == span.end) continue;
        changes_.push_back({span.begin, unit, true, span.job});
        changes_.push_back({span.end, unit, false, span.job});
      }
    }
    // In the same cycle, what ends comes before what begins.
    std::stable_sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
      return a.cycle != b.cycle ? a.cycle < b.cycle : a.begins < b.begins;
    });
  }

  void write() {
    header();
    print(FMT_COMPILE("#0\n$dumpvars\n"));
    for (const std::int32_t unit : units_) emit(unit);
    print(FMT_COMPILE("$end\n"));
    const std::int64_t period = std::llround(1e6 / timeline_.config.clock_mhz);  // the period of the machine's clock in
                                                                                 // ps
    for (std::size_t i = 0; i < changes_.size();) {
      const Cycles cycle = changes_[i].cycle;
      std::vector<bool> touched(timeline_.units.size());
      for (; i < changes_.size() && changes_[i].cycle == cycle; ++i) {
        apply(changes_[i]);
        touched[static_cast<std::size_t>(changes_[i].unit)] = true;
      }
      if (cycle > 0) print(FMT_COMPILE("#{}\n"), cycle * period);
      for (const std::int32_t unit : units_) {
        if (touched[static_cast<std::size_t>(unit)]) emit(unit);
      }
    }
    print(FMT_COMPILE("#{}\n"), (last_cycle(timeline_) + 1) * period);
    flush();
  }

 private:
  void header() {
    print(FMT_COMPILE("$version vitality {} $end\n$timescale 1ps $end\n$comment\nlayers of {}:\n"), VITALITY_VERSION,
          clean(timeline_.model.name));
    for (std::size_t i = 0; i < timeline_.model.layers.size(); ++i)
      print(FMT_COMPILE("{} {}\n"), i, clean(timeline_.model.layers[i].name));
    print(FMT_COMPILE("$end\n$scope module machine $end\n"));
    for (const std::int32_t unit : units_) {
      print(FMT_COMPILE("$scope module {} $end\n"), timeline_.units[{unit}].name);
      for (int s = 0; s < kSignals; ++s) {
        const int bits = kSignalBits[static_cast<std::size_t>(s)];
        print(FMT_COMPILE("$var {} {} {} {}{} $end\n"), bits == 1 ? "wire" : "reg", bits, identifier(unit, s),
              kSignalNames[static_cast<std::size_t>(s)], bits == 1 ? "" : fmt::format(" [{}:0]", bits - 1));
      }
      print(FMT_COMPILE("$upscope $end\n"));
    }
    print(FMT_COMPILE("$upscope $end\n$enddefinitions $end\n"));
  }
  // The name is written into a comment, so it must not contain the end of a comment.
  static std::string clean(std::string text) {
    std::replace(text.begin(), text.end(), '$', '_');
    return text;
  }

  void apply(const Change& change) {
    std::vector<JobId>& held = held_[static_cast<std::size_t>(change.unit)];
    if (change.begins) {
      held.push_back(change.job);
    } else {
      held.erase(std::find(held.begin(), held.end(), change.job));
    }
  }

  // Writes the signals of a unit that have changed.
  void emit(std::int32_t unit) {
    const std::vector<JobId>& held = held_[static_cast<std::size_t>(unit)];
    const std::int64_t job = held.empty() ? -1 : held.back().value;
    std::int64_t layer = -1, prefetch = 0;
    if (!held.empty()) {
      const JobId latest = held.back();
      const Job& held_job = timeline_.schedule.jobs[latest];
      layer = held_job.layer;
      prefetch = is_prefetch(held_job, timeline_.times[latest], layers_[static_cast<std::size_t>(layer)]) ? 1 : 0;
    }
    const std::array<std::int64_t, kSignals> now = {held.empty() ? 0 : 1, static_cast<std::int64_t>(held.size()), job,
                                                    layer, prefetch};
    std::array<std::int64_t, kSignals>& shown = shown_[static_cast<std::size_t>(unit)];
    const bool first = !dumped_[static_cast<std::size_t>(unit)];
    dumped_[static_cast<std::size_t>(unit)] = true;
    for (int s = 0; s < kSignals; ++s) {
      const std::int64_t value = now[static_cast<std::size_t>(s)];
      if (!first && shown[static_cast<std::size_t>(s)] == value) continue;
      shown[static_cast<std::size_t>(s)] = value;
      if (kSignalBits[static_cast<std::size_t>(s)] == 1) {
        print(FMT_COMPILE("{}{}\n"), value, identifier(unit, s));
      } else if (value < 0) {
        print(FMT_COMPILE("bx {}\n"), identifier(unit, s));
      } else {
        print(FMT_COMPILE("b{:b} {}\n"), value, identifier(unit, s));
      }
    }
  }

  const Timeline& timeline_;
  std::vector<LayerSpan> layers_;
  std::vector<std::int32_t> units_;  // with jobs
  std::vector<Change> changes_;
  // Per unit.
  std::vector<std::vector<JobId>> held_;
  std::vector<std::array<std::int64_t, kSignals>> shown_;
  std::vector<bool> dumped_;
};

}  // namespace

void write_vcd(std::FILE* stream, const Timeline& timeline) {
  Writer(stream, timeline).write();
}

}  // namespace vitality
