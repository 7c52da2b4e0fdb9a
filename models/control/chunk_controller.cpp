#include "models/control/chunk_controller.h"

#include <algorithm>

namespace vitality {

ChunkController::ChunkController(sc_core::sc_module_name name, const MachineParameters& parameters)
    : sc_module(name),
      units("units"),
      phases("phases"),
      descriptors("descriptors", MachineClock(parameters.config.clock_mhz), parameters.config.controller,
                  parameters.schedule),
      clock_(parameters.config.clock_mhz),
      schedule_(parameters.schedule),
      costs_(parameters.costs),
      machine_units_(parameters.units),
      executor_(parameters.executor),
      issue_cycles_(parameters.config.controller.issue_cycles),
      times_(parameters.schedule.jobs.size()),
      order_(parameters.units.size()),
      units_(parameters.units.size()) {
  phases.register_b_transport(this, &ChunkController::receive);
  SC_HAS_PROCESS(ChunkController);
  SC_METHOD(dispatch);
  sensitive << event_;
  SC_METHOD(decoded);
  dont_initialize();
  sensitive << decoded_event_;
  descriptors.on_arrival = [this](JobId job) {
    if (--waiting_[job] == 0) make_ready(job, kNone, DependencyKind::kDone);
    event_.notify(sc_core::SC_ZERO_TIME);  // for the next request
  };

  for (const UnitKind kind : all_of_enum<UnitKind>()) {
    kinds_[kind].first = static_cast<std::size_t>(machine_units_.id(kind).value);
    kinds_[kind].count = static_cast<std::size_t>(machine_units_.count(kind));
  }
  const std::size_t count = schedule_.jobs.size();
  waiting_.resize(count);
  first_dependent_.assign(count + 1, 0);
  for (const Dependency dependency : schedule_.dependencies)
    ++first_dependent_[static_cast<std::size_t>(dependency.job().value) + 1];
  for (std::size_t i = 0; i < count; ++i) first_dependent_[i + 1] += first_dependent_[i];
  dependents_.resize(schedule_.dependencies.size());
  std::vector<std::int32_t> next(first_dependent_.begin(), first_dependent_.end() - 1);
  last_reader_.resize(count);
  continued_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Job& job = schedule_.jobs[i];
    waiting_[i] = job.dependency_count + (descriptors.fetches() && job.unit != UnitKind::kUncharged ? 1 : 0);
    if (job.follows != kNone && continues_in_registers(job)) continued_[job.follows] = 1;
    std::uint32_t seen = 0;                         // kinds of units
    for (int d = job.dependency_count; d-- > 0;) {  // in descending order of the jobs
      const Dependency dependency = schedule_.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
      const auto on = static_cast<std::size_t>(dependency.job().value);
      dependents_[static_cast<std::size_t>(next[on]++)] = {{static_cast<std::int32_t>(i)}, dependency.kind()};
      if (dependency.kind() != DependencyKind::kReleased) continue;
      const std::uint32_t unit = 1U << static_cast<unsigned>(schedule_.jobs[on].unit);
      if ((seen & unit) == 0) last_reader_[on] = 1;
      seen |= unit;
    }
  }
}

void ChunkController::attach_unit(UnitId id, int depth) {
  Unit& unit = units_[static_cast<std::size_t>(id.value)];
  unit.socket = sockets_++;
  unit.room = unit.depth = depth;
}

void ChunkController::make_ready(JobId job, JobId limiter, DependencyKind kind) {
  JobTimes& times = times_[job];
  times.ready = clock_.now();
  times.limiter = limiter;
  times.limiter_kind = kind;
  const Job& ready = job_at(job);
  if (ready.unit == UnitKind::kUncharged) {
    uncharged_.push_back(job);
  } else {
    Kind& of_kind = kinds_[ready.unit];
    const UnitId bound = of_kind.count > 1 && ready.follows != kNone ? times_[ready.follows].unit : UnitId{};
    (bound ? units_[static_cast<std::size_t>(bound.value)].followers : of_kind.ready).push(job);
    candidates_ |= 1U << static_cast<unsigned>(ready.unit);
  }
  if (!dispatching_) event_.notify(sc_core::SC_ZERO_TIME);
}

void ChunkController::satisfy(JobId job, DependencyKind kind) {
  const auto begin = static_cast<std::size_t>(first_dependent_[job]);
  const auto end = static_cast<std::size_t>(first_dependent_[static_cast<std::size_t>(job.value) + 1]);
  for (std::size_t i = begin; i < end; ++i) {
    const Dependency dependent = dependents_[i];
    if (dependent.kind() == kind && --waiting_[dependent.job()] == 0) make_ready(dependent.job(), job, kind);
  }
}

void ChunkController::receive(int, const PhaseReport& report, sc_core::sc_time&) {
  if ((report.phases & kPhaseFirstRow) != 0) satisfy(report.job, DependencyKind::kFirstRow);
  if ((report.phases & kPhaseReleased) != 0) satisfy(report.job, DependencyKind::kReleased);
  if ((report.phases & kPhaseFree) != 0) {
    Unit& unit = units_[static_cast<std::size_t>(times_[report.job].unit.value)];
    ++unit.room;
    if (!kind_of(report.job).ready.empty() || !unit.followers.empty()) {
      candidates_ |= 1U << static_cast<unsigned>(job_at(report.job).unit);
      event_.notify(sc_core::SC_ZERO_TIME);
    }
  }
  if ((report.phases & kPhaseDone) != 0) {
    job_ended(report.job);
    satisfy(report.job, DependencyKind::kDone);
  }
}

void ChunkController::run_uncharged() {
  while (!uncharged_.empty()) {
    const auto smallest = std::min_element(uncharged_.begin(), uncharged_.end());
    const JobId index = *smallest;
    uncharged_.erase(smallest);
    JobTimes& times = times_[index];
    times.start = times.stream = times.released = times.free = times.done = clock_.now();
    if (executor_ != nullptr) executor_->execute(job_at(index), {});
    job_ended(index);
    satisfy(index, DependencyKind::kIssued);
    satisfy(index, DependencyKind::kReleased);
    satisfy(index, DependencyKind::kDone);
  }
}

// The unit must report the release of the job's operands on its own only if this can make some job ready before the
// unit is free. It cannot if all of the following hold; the release is then reported together with `free`.
// (1) Every job that waits for this release also waits for the release of a later job of the same unit (last_reader_ is
//     0).
// (2) The unit holds one job at a time and is the only one of its kind, so a later job starts after this one has left
//     it.
// (3) The unit has not issued a later job before this one.
bool ChunkController::released_apart(Unit& unit, JobId job) const {
  const bool in_order = job > unit.last_issued && kinds_[job_at(job).unit].count == 1;
  if (in_order) unit.last_issued = job;
  return !in_order || unit.depth != 1 || last_reader_[job] != 0;
}

// Of a pass that adds to sums: the pass that wrote them, or one between that and this, on the same unit; the one that
// the unit took last.
const JobTimes* ChunkController::sums_before(JobId index) const {
  const Job& job = job_at(index);
  if (costs_.of(index).partial_read == 0) return nullptr;
  const JobTimes* last = nullptr;
  for (int d = 0; d < job.dependency_count; ++d) {  // in ascending order of the jobs
    const Dependency on = schedule_.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
    const JobTimes& before = times_[on.job()];
    if (on.kind() == DependencyKind::kIssued && before.unit == times_[index].unit &&
        (last == nullptr || before.start >= last->start))
      last = &before;
  }
  return last;
}

void ChunkController::issue(std::size_t index, JobId id) {
  Unit& unit = units_[index];
  --unit.room;
  times_[id].unit = {static_cast<std::int32_t>(index)};
  order_[index].push_back(id);
  const Job& job = job_at(id);
  JobOrder order;
  order.id = id, order.job = &job, order.cost = &costs_.of(id), order.times = &times_[id];
  if (is_dma(job.unit)) order.transfers = schedule_.transfers_of(job);
  order.sums = sums_before(id);
  order.released_apart = released_apart(unit, id);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  units[unit.socket]->b_transport(order, delay);
  descriptors.leave();
  satisfy(id, DependencyKind::kIssued);
}

bool ChunkController::may_take(const Unit& unit, JobId job) const {
  return unit.holds_for == kNone || (job_at(job).follows == unit.holds_for && continues_in_registers(job_at(job)));
}

// The job with the smallest index that some unit of the kind may take.
ChunkController::Choice ChunkController::choose_among_several(const Kind& kind) const {
  Choice next;
  std::size_t roomy = 0;
  int most_room = 0;
  for (std::size_t u = kind.first; u < kind.first + kind.count; ++u) {
    const Unit& unit = units_[u];
    if (unit.room == 0) continue;
    if (unit.holds_for == kNone && unit.room > most_room) most_room = unit.room, roomy = u;
    if (unit.followers.empty()) continue;
    const JobId follower = unit.followers.top();
    if (may_take(unit, follower) && (next.job == kNone || follower < next.job)) next = {follower, u, false};
  }
  if (most_room > 0 && !kind.ready.empty() && (next.job == kNone || kind.ready.top() < next.job))
    next = {kind.ready.top(), roomy, true};
  return next;
}

ChunkController::Choice ChunkController::choose(const Kind& kind) const {
  if (kind.count > 1) return choose_among_several(kind);
  if (kind.count == 0 || units_[kind.first].room == 0 || kind.ready.empty()) return {};
  return {kind.ready.top(), kind.first, true};
}

void ChunkController::take(const Choice& choice) {
  Unit& unit = units_[choice.unit];
  Kind& kind = kind_of(choice.job);
  (choice.shared ? kind.ready : unit.followers).pop();
  if (kind.count > 1) unit.holds_for = continued_[choice.job] != 0 ? choice.job : JobId();
}

void ChunkController::start(Bytes descriptors_at) {
  started_ = true;
  descriptors.set_address(descriptors_at);
  if (finished() && on_finished) on_finished();
  event_.notify(sc_core::SC_ZERO_TIME);
}

// What else happens in this instant is decided together with the end of decoding, in the following delta cycle.
void ChunkController::decoded() {
  event_.notify(sc_core::SC_ZERO_TIME);
}

void ChunkController::end_of_elaboration() {
  const std::size_t count = units_.size();
  bool room = true;
  for (const Unit& unit : units_) room = room && (unit.socket < 0 || unit.depth > 0);
  if (static_cast<std::size_t>(sockets_) != count || units.size() != count || phases.size() != count)
    SC_REPORT_ERROR("/vitality/controller", "not every unit of the machine is attached and bound");
  if (!room) SC_REPORT_ERROR("/vitality/controller", "a unit holds at least one job");
}

void ChunkController::dispatch() {
  if (!started_) return;
  dispatching_ = true;
  if (!seeded_) {
    seeded_ = true;
    for (std::size_t i = 0; i < waiting_.size(); ++i)
      if (waiting_[i] == 0) make_ready({static_cast<std::int32_t>(i)}, kNone, DependencyKind::kDone);
  }
  run_uncharged();
  if (issue_cycles_ == 0)
    issue_all();
  else
    issue_one_by_one();
  descriptors.refill();
  dispatching_ = false;
  if (!uncharged_.empty()) event_.notify(sc_core::SC_ZERO_TIME);
}

// Goes through the kinds in order; issuing a job can make jobs of any kind ready.
void ChunkController::issue_all() {
  while (candidates_ != 0) {
    const auto k = static_cast<UnitKind>(__builtin_ctz(candidates_));
    candidates_ &= candidates_ - 1;
    for (Choice next = choose(kinds_[k]); next.job; next = choose(kinds_[k])) {
      take(next);
      issue(next.unit, next.job);
    }
  }
}

void ChunkController::issue_one_by_one() {
  const Cycles now = clock_.now();
  if (decoding_.job) {
    if (now < decoded_) return;
    const Choice decoded = decoding_;
    decoding_ = {};
    issue(decoded.unit, decoded.job);
  }
  for (const UnitKind kind : all_of_enum<UnitKind>()) {
    if (kind == UnitKind::kUncharged) continue;
    const Choice next = choose(kinds_[kind]);
    if (next.job && (!decoding_.job || next.job < decoding_.job)) decoding_ = next;
  }
  if (!decoding_.job) return;
  take(decoding_);
  decoded_ = now + issue_cycles_;
  decoded_event_.notify(clock_.until(decoded_));
}

void ChunkController::job_ended(JobId job) {
  ++done_;
  waiting_[job] = kEnded;
  last_cycle_ = std::max(last_cycle_, clock_.now());
  if (!finished()) return;
  sort_orders();
  if (on_finished) on_finished();
}

// A DMA channel does not begin its jobs in the order in which they were issued.
void ChunkController::sort_orders() {
  const auto starts_before = [this](JobId a, JobId b) { return times_[a].start < times_[b].start; };
  for (std::vector<JobId>& jobs : order_)
    if (!std::is_sorted(jobs.begin(), jobs.end(), starts_before))
      std::stable_sort(jobs.begin(), jobs.end(), starts_before);
}

std::string ChunkController::describe_unfinished() const {
  std::string text = sc_core::sc_get_status() == sc_core::SC_STOPPED ? "sc_stop() ended the simulation early:"
                                                                     : "the simulation ended with jobs left:";
  int listed = 0;
  for (std::size_t i = 0; i < waiting_.size() && listed < 8; ++i) {
    if (waiting_[i] == kEnded) continue;
    const Job& job = schedule_.jobs[i];
    text += "\n  job " + std::to_string(i) + " (" + to_string(job.kind) + " on " + to_string(job.unit) + ", layer " +
            std::to_string(job.layer) + ")";
    if (times_[i].start >= 0) {
      text += " started and never ended";
    } else {
      text += " waits for";
      for (int d = 0; d < job.dependency_count; ++d) {
        const Dependency dependency = schedule_.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
        if (waiting_[dependency.job()] != kEnded) text += " " + std::to_string(dependency.job().value);
      }
      if (waiting_[i] == 0)
        text += machine_units_.count(job.unit) == 0 ? " a unit that this machine has not" : " a unit that is not free";
    }
    ++listed;
  }
  return text;
}

}  // namespace vitality
