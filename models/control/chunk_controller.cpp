#include "models/control/chunk_controller.h"

#include <algorithm>

namespace vitality {

ChunkController::ChunkController(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name), units("units"), phases("phases"), context_(context) {
  phases.register_b_transport(this, &ChunkController::receive);
  SC_HAS_PROCESS(ChunkController);
  SC_METHOD(dispatch);
  sensitive << event_;

  const Schedule& schedule = context_.schedule;
  const std::size_t count = schedule.jobs.size();
  waiting_.resize(count);
  first_dependent_.assign(count + 1, 0);
  for (const Dependency dependency : schedule.dependencies)
    ++first_dependent_[static_cast<std::size_t>(dependency.job) + 1];
  for (std::size_t i = 0; i < count; ++i) first_dependent_[i + 1] += first_dependent_[i];
  dependents_.resize(schedule.dependencies.size());
  std::vector<std::int32_t> next(first_dependent_.begin(), first_dependent_.end() - 1);
  last_reader_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Job& job = schedule.jobs[i];
    waiting_[i] = job.dependency_count;
    std::uint32_t seen = 0;                         // units
    for (int d = job.dependency_count; d-- > 0;) {  // in descending order of the jobs
      const Dependency dependency = schedule.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
      const auto on = static_cast<std::size_t>(dependency.job);
      dependents_[static_cast<std::size_t>(next[on]++)] = {static_cast<std::int32_t>(i), dependency.kind};
      if (static_cast<DependencyKind>(dependency.kind) != DependencyKind::kReleased) continue;
      const std::uint32_t unit = 1U << static_cast<unsigned>(schedule.jobs[on].unit);
      if ((seen & unit) == 0) last_reader_[on] = 1;
      seen |= unit;
    }
  }
}

void ChunkController::attach_unit(UnitKind kind, int depth) {
  Unit& unit = unit_[static_cast<std::size_t>(kind)];
  unit.socket = sockets_++;
  unit.room = unit.depth = depth;
}

void ChunkController::make_ready(std::int32_t job, std::int32_t limiter, DependencyKind kind) {
  JobTimes& times = context_.times[static_cast<std::size_t>(job)];
  times.ready = context_.now();
  times.limiter = limiter;
  times.limiter_kind = kind;
  const UnitKind unit = context_.schedule.jobs[static_cast<std::size_t>(job)].unit;
  if (unit == UnitKind::kUncharged) {
    uncharged_.push_back(job);
  } else {
    unit_[static_cast<std::size_t>(unit)].ready.push(job);
    candidates_ |= 1U << static_cast<unsigned>(unit);
  }
  if (!dispatching_) event_.notify(sc_core::SC_ZERO_TIME);
}

void ChunkController::satisfy(std::int32_t job, DependencyKind kind) {
  const auto begin = static_cast<std::size_t>(first_dependent_[static_cast<std::size_t>(job)]);
  const auto end = static_cast<std::size_t>(first_dependent_[static_cast<std::size_t>(job) + 1]);
  for (std::size_t i = begin; i < end; ++i) {
    const Dependency dependent = dependents_[i];
    if (static_cast<DependencyKind>(dependent.kind) == kind && --waiting_[static_cast<std::size_t>(dependent.job)] == 0)
      make_ready(dependent.job, job, kind);
  }
}

void ChunkController::receive(int, tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const JobExtension& report = JobPayload::of(payload);
  if ((report.phases & kPhaseReleased) != 0) satisfy(report.job, DependencyKind::kReleased);
  if ((report.phases & kPhaseFree) != 0) {
    Unit& unit = unit_[static_cast<std::size_t>(context_.schedule.jobs[static_cast<std::size_t>(report.job)].unit)];
    ++unit.room;
    if (!unit.ready.empty()) {
      candidates_ |= 1U << static_cast<unsigned>(&unit - unit_.data());
      event_.notify(sc_core::SC_ZERO_TIME);
    }
  }
  if ((report.phases & kPhaseDone) != 0) {
    ++done_;
    last_cycle_ = std::max(last_cycle_, context_.now());
    satisfy(report.job, DependencyKind::kDone);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void ChunkController::run_uncharged() {
  while (!uncharged_.empty()) {
    const auto smallest = std::min_element(uncharged_.begin(), uncharged_.end());
    const std::int32_t index = *smallest;
    uncharged_.erase(smallest);
    JobTimes& times = context_.times[static_cast<std::size_t>(index)];
    times.start = times.stream = times.released = times.free = times.done = context_.now();
    if (context_.executor != nullptr)
      context_.executor->execute(context_.schedule.jobs[static_cast<std::size_t>(index)]);
    ++done_;
    last_cycle_ = std::max(last_cycle_, context_.now());
    satisfy(index, DependencyKind::kIssued);
    satisfy(index, DependencyKind::kReleased);
    satisfy(index, DependencyKind::kDone);
  }
}

// Who waits for the operands of a job that is not a last reader waits for a later job of the same unit too. Where the
// unit holds one job at a time and has issued none of the later ones, those start when this one has left the unit.
std::uint8_t ChunkController::wanted_phases(Unit& unit, std::int32_t job) const {
  const bool in_order = job > unit.last_issued;
  if (in_order) unit.last_issued = job;
  return in_order && unit.depth == 1 && last_reader_[static_cast<std::size_t>(job)] == 0 ? 0 : kPhaseReleased;
}

void ChunkController::dispatch() {
  dispatching_ = true;
  if (done_ == 0 && context_.now() == 0) {  // the first activation, at elaboration's end
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i] == 0 && context_.times[i].ready < 0)
        make_ready(static_cast<std::int32_t>(i), kNone, DependencyKind::kDone);
    }
  }
  run_uncharged();
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  // In the order of the units; issuing can make jobs of any unit ready.
  while (candidates_ != 0) {
    const auto u = static_cast<std::size_t>(__builtin_ctz(candidates_));
    candidates_ &= candidates_ - 1;
    Unit& unit = unit_[u];
    while (unit.room > 0 && !unit.ready.empty()) {
      const std::int32_t job = unit.ready.top();
      unit.ready.pop();
      --unit.room;
      context_.order[u].push_back(job);
      units[unit.socket]->b_transport(order_.fill(job, wanted_phases(unit, job)), delay);
      satisfy(job, DependencyKind::kIssued);
    }
  }
  dispatching_ = false;
  if (!uncharged_.empty()) event_.notify(sc_core::SC_ZERO_TIME);
}

std::string ChunkController::describe_deadlock() const {
  std::string text;
  int listed = 0;
  for (std::size_t i = 0; i < waiting_.size() && listed < 8; ++i) {
    if (context_.times[i].done >= 0) continue;
    const Job& job = context_.schedule.jobs[i];
    text += "\n  job " + std::to_string(i) + " (" + to_string(job.kind) + " on " + to_string(job.unit) + ", layer " +
            std::to_string(job.layer) + ")";
    if (context_.times[i].start >= 0) {
      text += " started and never ended";
    } else {
      text += " waits for";
      for (int d = 0; d < job.dependency_count; ++d) {
        const Dependency dependency =
            context_.schedule.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
        if (context_.times[static_cast<std::size_t>(dependency.job)].done < 0)
          text += " " + std::to_string(dependency.job);
      }
      if (waiting_[i] == 0) text += " a unit that this machine has not";
    }
    ++listed;
  }
  return text;
}

}  // namespace vitality
