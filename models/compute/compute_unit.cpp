#include "models/compute/compute_unit.h"

#include <algorithm>

namespace vitality {

ComputeUnit::ComputeUnit(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      rows("rows"),
      context_(context) {
  job_socket.register_b_transport(this, &ComputeUnit::take);
  SC_HAS_PROCESS(ComputeUnit);
  SC_METHOD(step);
  dont_initialize();
  sensitive << event_;
}

void ComputeUnit::take(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const JobExtension& order = JobPayload::of(payload);
  context_.times[order.job].start = context_.now();
  if ((order.phases & kPhaseReleased) != 0) apart_.push_back(order.job);
  if (unsettled_ != kNone)
    behind_.push(order.job);
  else
    begin(order.job);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void ComputeUnit::begin(JobId index) {
  const Job& job = context_.schedule.jobs[index];
  const JobCost& cost = context_.costs.of(index);
  JobTimes& times = context_.times[index];
  times.stream = sums_there(index, job, cost);
  schedule_job(job, cost, times.start, times);
  ++counters_.jobs;
  // The operands are there (dependencies) and stay until they are released, so the values can be computed at any time
  // between.
  if (context_.executor != nullptr) context_.executor->execute(job, times.unit);
  if (rows->in_chain(index)) {
    if (context_.schedule.rows_to[index] != kNone) {
      const Cycles first_row = times.stream + ceil_div(times.released - times.stream, Cycles{job.m});
      add_phase(first_row + times.done - times.released, index, kPhaseFirstRow);
    }
    unsettled_ = index;
    rows->begin(index, *this);
    if (unsettled_ != kNone) report_what_is_certain(index);
  } else {
    report(index);
  }
  wake();
}

// Before anything can hold a job of a chain: a unit that prefetches takes the next job, operands are released.
void ComputeUnit::report_what_is_certain(JobId job) {
  const JobTimes& times = context_.times[job];
  const Cycles until = rows->certain_until(job);
  if (times.free <= until) add_phase(times.free, job, kPhaseFree), reported_ |= kPhaseFree;
  if (times.released <= until) add_phase(times.released, job, kPhaseReleased), reported_ |= kPhaseReleased;
}

void ComputeUnit::delay_by(JobTimes& times, Cycles wait, Cycles held) {
  times.released += held, times.free += wait, times.done += wait;
}

void ComputeUnit::settle(JobId job, Cycles wait, Cycles held) {
  JobTimes& times = context_.times[job];
  const JobCost& cost = context_.costs.of(job);
  const Cycles now = context_.now(), alone = left(cost, times);
  delay_by(times, wait, held);
  if ((reported_ & kPhaseFree) == 0) times.free = std::max(times.free, now);  // held until this was known
  times.done = std::max(times.done, now);
  times.fifo_wait = left(cost, times) - alone;
  counters_.fifo_wait += times.fifo_wait;
  unsettled_ = {};
  report(job);
  while (unsettled_ == kNone && !behind_.empty()) {
    const JobId next = behind_.front();
    behind_.pop();
    begin(next);
  }
  wake();
}

void ComputeUnit::report(JobId job) {
  JobTimes& times = context_.times[job];
  counters_.occupy(times.start, left(context_.costs.of(job), times));
  times.done += times.noc_latency;
  const auto wanted = std::find(apart_.begin(), apart_.end(), job);
  const bool apart = wanted != apart_.end() || times.released > times.free;
  if (wanted != apart_.end()) apart_.erase(wanted);
  if ((reported_ & kPhaseReleased) == 0)
    add_phase(std::max(apart ? times.released : times.free, context_.now()), job, kPhaseReleased);
  if ((reported_ & kPhaseFree) == 0) add_phase(times.free, job, kPhaseFree);
  add_phase(times.done, job, kPhaseDone);
  reported_ = 0;
}

void ComputeUnit::schedule_job(const Job&, const JobCost& cost, Cycles now, JobTimes& times) {
  times.stream = std::max(times.stream, now + cost.load);
  times.released = times.stream + stream(cost, times.stream, times);
  times.free = times.released + cost.drain;
  times.done = times.free + cost.latency;
}

Cycles ComputeUnit::sums_there(JobId index, const Job& job, const JobCost& cost) const {
  if (cost.partial_read == 0) return 0;
  Cycles there = 0;
  const UnitId own = context_.times[index].unit;
  for (int d = 0; d < job.dependency_count; ++d) {
    const Dependency on = context_.schedule.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
    if (on.kind() != DependencyKind::kIssued) continue;
    const JobTimes& before = context_.times[on.job()];
    if (before.unit == own) there = std::max(there, before.stream + before.noc_latency);
  }
  return there;
}

Cycles ComputeUnit::stream(const JobCost& cost, Cycles start, JobTimes& times) {
  if (cost.scratchpad_read + cost.scratchpad_write == 0) return cost.stream;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  StreamExtension demand;
  demand.read_bytes = cost.scratchpad_read, demand.write_bytes = cost.scratchpad_write;
  demand.read_rate = cost.read_rate, demand.write_rate = cost.write_rate;
  demand.now = context_.now(), demand.start = start, demand.cycles = cost.stream;
  memory_socket->b_transport(access_.fill(demand), delay);
  const Cycles taken = std::max(cost.stream, access_.stream().cycles);
  times.noc_contention = access_.stream().noc_cycles;
  times.noc_latency = access_.stream().route_cycles;
  times.contention = taken - cost.stream - times.noc_contention;
  counters_.port_wait += times.contention, counters_.noc_wait += times.noc_contention;
  counters_.read += cost.scratchpad_read, counters_.written += cost.scratchpad_write;
  return taken;
}

void ComputeUnit::add_phase(Cycles cycle, JobId job, std::uint8_t phase) {
  for (TimedPhase& timed : pending_) {
    if (timed.job == job && timed.cycle == cycle) {
      timed.phases |= phase;
      return;
    }
  }
  TimedPhase& timed = pending_.emplace_back();
  timed.cycle = cycle, timed.job = job, timed.phases = phase;
}

void ComputeUnit::wake() {
  if (pending_.empty()) return;
  Cycles next = pending_.front().cycle;
  for (const TimedPhase& timed : pending_) next = std::min(next, timed.cycle);
  if (next_wake_ >= 0 && next_wake_ <= next) return;
  next_wake_ = next;
  event_.notify(context_.until(next));
}

void ComputeUnit::step() {
  next_wake_ = -1;
  const Cycles now = context_.now();
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  for (std::size_t i = 0; i < pending_.size();) {
    if (pending_[i].cycle > now) {
      ++i;
      continue;
    }
    const TimedPhase due = pending_[i];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    phase_socket->b_transport(report_.fill(due.job, due.phases), delay);
  }
  wake();
}

}  // namespace vitality
