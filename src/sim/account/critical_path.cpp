#include "sim/account/critical_path.h"

#include <algorithm>
#include <array>

namespace vitality {
namespace {

class Walk {
 public:
  explicit Walk(const RunRecord& run) : run_(run), at_(run.cycles), later_(run.order.size()) {
    if (run.repetition) missing_blocks_ = run.repetition->times, at_ -= run.repetition->times * run.repetition->period;
    for (std::size_t u = 0; u < later_.size(); ++u) later_[u] = run.order[u].size();
  }

  std::vector<PathStep> back_to_the_start() {
    JobId current = last_job();
    for (std::size_t jobs = 0; current && at_ > 0 && jobs <= jobs_of_the_run(); ++jobs) {
      const JobTimes& t = run_.times_of(current);
      take(current, PathPhase::kNoc, t.done - t.noc_latency);
      JobId before;
      if (run_.job(current).unit == UnitKind::kMatrixEngine) {
        take(current, PathPhase::kDrain, t.released);
        take(current, PathPhase::kStream, t.stream);
        before = pass_that_held_the_array(current);
        if (before == kNone) take(current, PathPhase::kLoad, t.start);
      } else {
        take(current, PathPhase::kStream, t.start);
      }
      if (before == kNone) before = before_issue(current);
      current = in_missing_block(before);
    }
    return std::move(steps_);
  }

 private:
  std::size_t jobs_of_the_run() const {
    return run_.times.size() + (run_.repetition ? static_cast<std::size_t>(run_.repetition->jobs) : 0);
  }

  JobId last_job() const {
    JobId last;
    for (std::size_t i = 0; i < run_.times.size(); ++i)
      if (!last || run_.times[i].done > run_.times_of(last).done) last = {static_cast<std::int32_t>(i)};
    return last;
  }

  void take(JobId job, PathPhase phase, Cycles from) {
    if (from >= at_) return;
    steps_.push_back({job, phase, from, at_});
    at_ = from;
  }

  // The job itself. If it comes before the block that is repeated, its counterpart in that block instead: the path then
  // goes through one of the missing blocks.
  JobId in_missing_block(JobId job) {
    for (; missing_blocks_ > 0 && job && run_.job(job).layer < run_.repetition->layer; --missing_blocks_) {
      job.value += static_cast<std::int32_t>(run_.repetition->jobs / run_.repetition->times);
      at_ += run_.repetition->period;
      for (std::size_t u = 0; u < later_.size(); ++u) later_[u] = run_.order[u].size();
    }
    return job;
  }

  // With stationary prefetch the array takes a pass while the one before it is still streaming: the new tile is loaded
  // after the tile of that pass, and the new stream begins after its stream. Returns the pass before, if `job` waited
  // for it in this way; else kNone.
  JobId pass_that_held_the_array(JobId job) {
    const JobTimes& t = run_.times_of(job);
    const Cycles load = run_.load_of(job).cycles;
    if (t.stream == t.start + load) return kNone;
    const std::vector<JobId>& jobs = run_.order[run_.unit_of(job)];
    std::size_t& end = later_[run_.unit_of(job)];
    while (end > 0 && jobs[end - 1] != job) --end;
    if (end < 2) return kNone;
    const JobId before = jobs[end - 2];
    const JobTimes& b = run_.times_of(before);
    if (t.stream == b.released || t.stream == b.free) return before;
    if (t.stream != b.stream + load) return kNone;
    take(job, PathPhase::kLoad, b.stream);
    return before;
  }

  // What the job waited for before it began: its last dependency; room in its unit; or, if the controller decodes
  // one job after the other, the jobs that were decoded before it; or its descriptor.
  JobId before_issue(JobId job) {
    const Cycles decoding = run_.config.controller.issue_cycles;
    for (;;) {
      const JobTimes& t = run_.times_of(job);
      if (!t.unit) return t.limiter;
      const Cycles decided = t.start - decoding;
      if (decided != t.ready)
        if (const JobId in_channel = job_in_channel(job)) return in_channel;
      take(job, PathPhase::kIssue, decided);
      JobId issued;
      if (decided == t.ready) {
        if (t.limiter || run_.fetches == nullptr) return t.limiter;
        issued = before_fetch(job);
      } else {
        if (const JobId made_room = job_that_made_room(job, decided)) return made_room;
        if (decoding > 0) issued = issued_at(decided);
      }
      if (!issued) return kNone;
      job = issued;
    }
  }

  // The job waited for its descriptor. Its request waited for the one before it, and so on, or for a job that left the
  // queue by being issued: returns this job.
  JobId before_fetch(JobId job) {
    while (job) {
      const Cycles begin = (*run_.fetches)[job].begin;
      take(job, PathPhase::kIssue, begin);
      if (const JobId issued = issued_at(begin)) return issued;
      job = fetched_at(begin);
    }
    return kNone;
  }

  // A job whose descriptor came in this cycle.
  JobId fetched_at(Cycles cycle) {
    const auto end_of = [this](JobId job) { return (*run_.fetches)[job].end; };
    return first_at(by_fetch_, cycle, end_of);
  }

  // The first of the charged jobs in the order of `time` that has this time; `sorted` is filled by the first call.
  template <class Time>
  JobId first_at(std::vector<JobId>& sorted, Cycles cycle, const Time& time) const {
    if (sorted.empty()) {
      for (const std::vector<JobId>& jobs : run_.order) sorted.insert(sorted.end(), jobs.begin(), jobs.end());
      std::sort(sorted.begin(), sorted.end(), [&](JobId a, JobId b) { return time(a) < time(b); });
    }
    const auto found =
        std::lower_bound(sorted.begin(), sorted.end(), cycle, [&](JobId a, Cycles c) { return time(a) < c; });
    return found != sorted.end() && time(*found) == cycle ? *found : JobId();
  }

  // A charged job that was issued in this cycle.
  JobId issued_at(Cycles cycle) {
    return first_at(by_start_, cycle, [this](JobId job) { return run_.times_of(job).start; });
  }

  // Of the jobs of its unit that began before `start`, the number.
  std::size_t jobs_before(JobId job, Cycles start) {
    const std::vector<JobId>& jobs = run_.order[run_.unit_of(job)];
    std::size_t& end = later_[run_.unit_of(job)];
    while (end > 0 && run_.times_of(jobs[end - 1]).start >= start) --end;
    return end;
  }

  // A job that was in flight, or ended, when this DMA job began: it waited in the channel's queue.
  JobId job_in_channel(JobId job) {
    if (!is_dma(run_.job(job).unit)) return kNone;
    const std::vector<JobId>& jobs = run_.order[run_.unit_of(job)];
    const Cycles start = run_.times_of(job).start;
    for (std::size_t position = jobs_before(job, start); position-- > 0;)
      if (run_.times_of(jobs[position]).free >= start) return jobs[position];
    return kNone;
  }

  JobId job_that_made_room(JobId job, Cycles start) {
    if (!run_.times_of(job).unit) return kNone;  // uncharged
    const std::vector<JobId>& jobs = run_.order[run_.unit_of(job)];
    const std::size_t end = jobs_before(job, start);
    for (std::size_t position = end; position-- > 0;)
      if (run_.times_of(jobs[position]).free == start) return jobs[position];
    return kNone;
  }

  const RunRecord& run_;
  int missing_blocks_ = 0;
  Cycles at_;
  std::vector<PathStep> steps_;
  std::vector<JobId> by_start_, by_fetch_;
  std::vector<std::size_t> later_;  // per unit: as the path goes back, its jobs from here on start too late
};

}  // namespace

std::vector<PathStep> find_critical_path(const RunRecord& run) {
  return Walk(run).back_to_the_start();
}

std::vector<std::pair<std::string, Cycles>> cycles_by_unit(const RunRecord& run, const std::vector<PathStep>& path) {
  std::vector<std::array<Cycles, kPathPhases>> sums(run.units.size());
  Cycles before = run.cycles;
  for (const PathStep& step : path) {
    sums[run.unit_of(step.job)][static_cast<std::size_t>(step.phase)] += step.end - step.begin;
    before = step.begin;
  }
  std::vector<std::pair<std::string, Cycles>> list;
  const auto add = [&](const std::string& name, Cycles cycles) {
    if (cycles > 0) list.emplace_back(name, cycles);
  };
  add("start", before);
  for (std::size_t u = 0; u < sums.size(); ++u) {
    const auto& [load, stream, drain, noc, issue] = sums[u];
    const MachineUnit& unit = run.units.all()[u];
    add(unit.name + ".stationary_load", load);
    add(unit.kind == UnitKind::kMatrixEngine ? unit.name + ".stream" : unit.name, stream);
    add(unit.name + ".fill_drain", drain);
    add(unit.name + ".noc", noc);
    add(unit.name + ".issue", issue);
  }
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return list;
}

}  // namespace vitality
