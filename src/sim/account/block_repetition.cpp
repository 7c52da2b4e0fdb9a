#include "sim/account/block_repetition.h"

#include <algorithm>

#include "cost/bandwidth_dram.h"

namespace vitality {
namespace {

constexpr int kFewest = 3, kFewestOfModel = 8;

struct JobRange {
  std::int32_t begin = 0, end = 0;
  std::int32_t size() const { return end - begin; }
};

template <class T>
const T& at(const std::vector<T>& list, std::int32_t index) {
  return list[static_cast<std::size_t>(index)];
}

// The job ranges of the last three blocks; empty if the jobs of a block are not contiguous.
std::vector<JobRange> last_blocks(const KeptBlocks& blocks, const std::vector<Job>& jobs) {
  const auto first_from = [&](int layer) {
    const auto begin = std::find_if(jobs.begin(), jobs.end(), [&](const Job& job) { return job.layer >= layer; });
    const bool sorted = std::all_of(begin, jobs.end(), [&](const Job& job) { return job.layer >= layer; });
    return sorted ? static_cast<std::int32_t>(begin - jobs.begin()) : kNone;
  };
  std::vector<JobRange> ranges;
  for (int block = blocks.kept - 3; block < blocks.kept; ++block)
    ranges.push_back({first_from(blocks.all.begin(block)), first_from(blocks.all.begin(block + 1))});
  if (std::any_of(ranges.begin(), ranges.end(), [](const JobRange& r) { return r.begin < 0 || r.size() <= 0; }))
    ranges.clear();
  return ranges;
}

bool same_transfers(const Schedule& schedule, const Job& a, const Job& b, Bytes burst) {
  const TransferSpan of_a = schedule.transfers_of(a), of_b = schedule.transfers_of(b);
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), [&](const Transfer& x, const Transfer& y) {
    return x.bytes == y.bytes && x.dram_address % burst == y.dram_address % burst;
  });
}

// Whether y, which comes `shift` jobs after x, does the same and has the same dependencies, each also `shift` jobs
// later.
bool same_job(const Schedule& schedule, const Job& x, const Job& y, std::int32_t shift, Bytes burst) {
  if (x.unit != y.unit || x.kind != y.kind || x.flags != y.flags || x.m != y.m || x.k != y.k || x.n != y.n ||
      x.dependency_count != y.dependency_count || (x.follows == kNone) != (y.follows == kNone) ||
      (x.follows != kNone && x.follows.value + shift != y.follows.value))
    return false;
  for (std::int32_t d = 0; d < x.dependency_count; ++d) {
    const Dependency on_x = at(schedule.dependencies, x.first_dependency + d),
                     on_y = at(schedule.dependencies, y.first_dependency + d);
    if (on_x.job().value + shift != on_y.job().value || on_x.kind() != on_y.kind()) return false;
  }
  return !is_dma(x.unit) || same_transfers(schedule, x, y, burst);
}

// The smallest n such that all jobs of a after its first n equal those of b; all jobs differ if the blocks have
// different lengths.
std::int32_t different_jobs(const Schedule& schedule, JobRange a, JobRange b, Bytes burst) {
  std::int32_t count = a.size();
  if (a.size() != b.size()) return count;
  const std::int32_t shift = b.begin - a.begin;
  while (count > 0 && same_job(schedule, at(schedule.jobs, a.begin + count - 1), at(schedule.jobs, b.begin + count - 1),
                               shift, burst))
    --count;
  return count;
}

bool same_times(const JobTimes& a, const JobTimes& b, Cycles period) {
  return a.unit == b.unit && a.ready + period == b.ready && a.start + period == b.start &&
         a.stream + period == b.stream && a.released + period == b.released && a.free + period == b.free &&
         a.done + period == b.done && a.contention == b.contention && a.noc_contention == b.noc_contention &&
         a.load_contention == b.load_contention && a.load_noc_contention == b.load_noc_contention &&
         a.fifo_wait == b.fifo_wait;
}

// Whether everything that happens to `a` up to `end` happens to `b` exactly `period` later, on the same unit.
bool same_until(const JobTimes& a, Cycles end, const JobTimes& b, Cycles period) {
  const auto same = [&](Cycles x, Cycles y) { return x > end ? y > end + period : x + period == y; };
  return same(a.ready, b.ready) && same(a.start, b.start) && (a.start > end || same_times(a, b, period));
}

// Whether the job depends directly on a job with an index >= `first`.
bool waits_for(const Schedule& schedule, std::int32_t job, std::int32_t first) {
  const Job& waiting = at(schedule.jobs, job);
  const auto begin = schedule.dependencies.begin() + waiting.first_dependency;
  return std::any_of(begin, begin + waiting.dependency_count,
                     [&](const Dependency& d) { return d.job().value >= first; });
}

Cycles latest(const IdVector<JobId, JobTimes>& times, JobRange range) {
  Cycles end = 0;
  for (std::int32_t i = range.begin; i < range.end; ++i) end = std::max(end, at(times, i).done);
  return end;
}

// Of every layer of the whole model: the layer that is simulated in its place.
std::vector<int> stands_for(const KeptBlocks& blocks, int layers) {
  std::vector<int> list;
  const RepeatedBlocks& all = blocks.all;
  for (int layer = 0; layer < layers; ++layer) {
    if (layer < all.begin(blocks.kept - 1))
      list.push_back(layer);
    else if (layer < all.begin(all.count - 1))
      list.push_back(all.begin(blocks.kept - 2) + (layer - all.first) % all.layers);
    else
      list.push_back(layer - blocks.omitted() * all.layers);
  }
  return list;
}

}  // namespace

namespace {

// Of the blocks, without some in front and behind, the longest run in which `together` blocks leave their results in
// the same places as those before them. What lies behind the last block of the run is the model's tail.
RepeatedBlocks mapped_alike(const RepeatedBlocks& all, const PlannedModel& planned, int together) {
  RepeatedBlocks best{all.first, all.layers * together, 1};
  int first = 0;
  for (int block = together; block <= all.count; ++block) {
    if (block < all.count && planned.alike(all.begin(block - together), all.begin(block), all.layers)) continue;
    const int count = (block - first) / together;
    if (count > best.count) best.first = all.begin(first), best.count = count;
    first = block - together + 1;
  }
  return best;
}

// With as few of these blocks as are mapped alike.
std::optional<ShortenedRun> with_fewest(const VitModel& model, const HardwareConfig& config, PlannedModel& planned,
                                        const RepeatedBlocks& blocks) {
  for (int kept = kFewest; 3 * kept <= 2 * blocks.count; kept += (kept + 1) / 3) {
    ShortenedRun run{{blocks, kept}, with_fewer_blocks(model, blocks, kept), {}};
    std::optional<Schedule> schedule =
        planned.map_shortened(run.model, stands_for(run.blocks, static_cast<int>(model.layers.size())));
    if (!schedule) continue;
    run.schedule = std::move(*schedule);
    const std::vector<JobRange> ranges = last_blocks(run.blocks, run.schedule.jobs);
    const Bytes burst = config.dram.device.burst_bytes();
    if (!ranges.empty() && different_jobs(run.schedule, ranges[1], ranges[2], burst) == 0 &&
        different_jobs(run.schedule, ranges[0], ranges[1], burst) <= ranges[0].size() / 2)
      return run;
  }
  return {};
}

}  // namespace

bool may_be_shortened(const HardwareConfig& config, const MappingOptions& options) {
  // Where descriptors are fetched, a block does not begin in the state in which the one before it began. A mapping from
  // a file names the blocks that would be left out.
  return config.dram.model == DramModel::kBandwidth && config.controller.descriptor_bytes == 0 &&
         options.masks == nullptr && !options.training && options.selected.empty() && options.attention.empty() &&
         options.given == nullptr;
}

std::optional<ShortenedRun> shorten(const VitModel& model, const HardwareConfig& config, PlannedModel& planned) {
  const std::optional<RepeatedBlocks> all = find_repeated_blocks(model, kFewestOfModel);
  if (!all) return {};
  std::optional<ShortenedRun> run = with_fewest(model, config, planned, *all);
  // Results that have to lie behind others alternate between both ends of the scratchpad.
  for (const int together : {1, 2})
    if (const RepeatedBlocks some = mapped_alike(*all, planned, together); !run && some.count < all->count)
      run = with_fewest(model, config, planned, some);
  return run;
}

std::optional<BlockRepetition> find_steady_state(const KeptBlocks& blocks, const Schedule& schedule,
                                                 const HardwareConfig& config, const CostTable& costs,
                                                 const IdVector<JobId, JobTimes>& times) {
  const std::vector<JobRange> ranges = last_blocks(blocks, schedule.jobs);
  const JobRange a = ranges[0], b = ranges[1], c = ranges[2];
  const Cycles period = latest(times, b) - latest(times, a);
  if (period <= 0) return {};
  std::int32_t different = different_jobs(schedule, a, b, config.dram.device.burst_bytes());
  for (std::int32_t i = a.size(); i-- > different;) {
    const std::int32_t in_a = a.begin + i, in_b = b.begin + i;
    if (costs.entry({in_a}) != costs.entry({in_b}) || !same_times(at(times, in_a), at(times, in_b), period))
      different = i + 1;
  }
  if (different > a.size() / 2) return {};
  Cycles begin = latest(times, {0, a.begin + different}), of_b = latest(times, b);
  for (std::int32_t i = c.end; i < static_cast<std::int32_t>(times.size()); ++i) {
    if (waits_for(schedule, i, b.begin))
      of_b = std::min(of_b, at(times, i).ready - 1);
    else
      begin = std::max(begin, at(times, i).done);
  }
  const Cycles of_a = of_b - period;
  if (begin > of_a) return {};
  for (std::int32_t i = 0; i < b.size(); ++i) {
    const std::int32_t in_b = b.begin + i, in_c = c.begin + i;
    if (costs.entry({in_b}) != costs.entry({in_c}) || at(times, in_c).ready <= of_a ||
        !same_until(at(times, in_b), of_a, at(times, in_c), period))
      return {};
  }

  const int omitted = blocks.omitted();
  BlockRepetition repetition{blocks.all.begin(blocks.kept - 2), blocks.all.layers, omitted, period, begin, {}, {}};
  repetition.jobs = std::int64_t{omitted} * b.size();
  for (std::int32_t i = b.begin; i < b.end; ++i) {
    const Job& job = at(schedule.jobs, i);
    if (!is_dma(job.unit)) continue;
    for (const Transfer& transfer : schedule.transfers_of(job)) {
      const bool load = job.unit == UnitKind::kDmaLoad;
      (load ? repetition.dram.read_bytes : repetition.dram.write_bytes) += omitted * transfer.bytes;
      (load ? repetition.dram.read_bursts : repetition.dram.write_bursts) +=
          omitted * bursts_touched(config.dram.device, transfer.dram_address, transfer.bytes);
    }
  }
  return repetition;
}

}  // namespace vitality
