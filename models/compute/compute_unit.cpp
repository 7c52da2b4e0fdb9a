#include "models/compute/compute_unit.h"

#include <algorithm>
#include <utility>

namespace vitality {

ComputeUnit::ComputeUnit(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor,
                         bool load_ports)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      rows("rows"),
      clock_(clock),
      executor_(executor),
      load_ports_(load_ports) {
  job_socket.register_b_transport(this, &ComputeUnit::take);
  memory_socket.register_nb_transport_bw(this, &ComputeUnit::stream_due);
  SC_HAS_PROCESS(ComputeUnit);
  SC_METHOD(step);
  dont_initialize();
  sensitive << event_;
}

void ComputeUnit::take(const JobOrder& order, sc_core::sc_time&) {
  order.times->start = clock_.now();
  if (occupied())
    behind_.push(order);
  else
    load(order);
}

void ComputeUnit::load(const JobOrder& order) {
  JobTimes& times = *order.times;
  const JobCost& cost = *order.cost;
  const Cycles from = load_begin(order, times.start);
  loaded_ = from + cost.load;
  if (load_ports_ && cost.load_read > 0) {
    StreamAccess access;
    access.read_bytes = cost.load_read, access.cycles = cost.load_moving;
    access.read_rate = static_cast<double>(cost.load_read) / static_cast<double>(cost.load_moving);
    access.now = clock_.now(), access.start = from;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    memory_socket->b_transport(access, delay);
    times.load_noc_contention = access.noc_cycles;
    times.load_contention = access.cycles - cost.load_moving - access.noc_cycles;
    counters_.port_wait += times.load_contention, counters_.noc_wait += times.load_noc_contention;
    loaded_ += times.load_contention + times.load_noc_contention;
  }
  if (unsettled_)
    waiting_ = order;
  else
    await_stream(order);
}

void ComputeUnit::load_next() {
  while (!occupied() && !behind_.empty()) {
    const JobOrder next = behind_.front();
    behind_.pop();
    load(next);
  }
}

Cycles ComputeUnit::stream_begin(const JobOrder& order, Cycles loaded) const {
  return order.sums == nullptr ? loaded : std::max(loaded, order.sums->stream + order.sums->noc_latency);
}

void ComputeUnit::await_stream(const JobOrder& order) {
  const JobCost& cost = *order.cost;
  const Cycles now = clock_.now(), from = order.times->stream = stream_begin(order, loaded_);
  const bool due = !load_ports_ || from <= now;
  access_ = {};
  access_.read_bytes = cost.scratchpad_read - (load_ports_ ? cost.load_read : 0);
  access_.write_bytes = cost.scratchpad_write;
  access_.read_rate = cost.read_rate, access_.write_rate = cost.write_rate;
  access_.now = due ? now : from, access_.start = from, access_.cycles = cost.stream;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  if (due) {
    if (cost.scratchpad_read + cost.scratchpad_write > 0) memory_socket->b_transport(access_, delay);
    return begin(order);
  }
  waiting_ = order;
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  delay = clock_.until(from);
  memory_socket->nb_transport_fw(access_, phase, delay);
}

tlm::tlm_sync_enum ComputeUnit::stream_due(StreamAccess&, tlm::tlm_phase&, sc_core::sc_time&) {
  begin(*std::exchange(waiting_, {}));
  load_next();
  step();
  return tlm::TLM_COMPLETED;
}

void ComputeUnit::begin(const JobOrder& order) {
  JobTimes& times = *order.times;
  const JobCost& cost = *order.cost;
  const Cycles taken = std::max(cost.stream, access_.cycles);
  times.noc_contention = access_.noc_cycles, times.noc_latency = access_.route_cycles;
  times.contention = taken - cost.stream - times.noc_contention;
  counters_.port_wait += times.contention, counters_.noc_wait += times.noc_contention;
  counters_.read += cost.scratchpad_read, counters_.written += cost.scratchpad_write;
  schedule_job(order, taken);
  ++counters_.jobs;
  // The operands are there (dependencies) and stay until they are released, so the values can be computed at any time
  // between.
  if (executor_ != nullptr) executor_->execute(*order.job, times.unit);
  if (rows->in_chain(order.id)) {
    if (rows->gives_rows(order.id)) {
      const Cycles first_row = times.stream + ceil_div(times.released - times.stream, Cycles{order.job->m});
      add_phase(first_row + times.done - times.released, order.id, kPhaseFirstRow);
    }
    unsettled_ = order;
    rows->begin(order, *this);
    if (unsettled_) report_what_is_certain(*unsettled_);
  } else {
    report(order);
  }
  wake();
}

// Before anything can hold a job of a chain: a unit that prefetches takes the next job, operands are released.
void ComputeUnit::report_what_is_certain(const JobOrder& order) {
  const Cycles until = rows->certain_until(order.id);
  if (order.times->free <= until) add_phase(order.times->free, order.id, kPhaseFree), reported_ |= kPhaseFree;
  if (order.times->released <= until)
    add_phase(order.times->released, order.id, kPhaseReleased), reported_ |= kPhaseReleased;
}

void ComputeUnit::delay_by(JobTimes& times, Cycles wait, Cycles held) {
  times.released += held, times.free += wait, times.done += wait;
}

void ComputeUnit::settle(Cycles wait, Cycles held) {
  const JobOrder order = *unsettled_;
  JobTimes& times = *order.times;
  const Cycles now = clock_.now(), alone = left(*order.cost, times);
  delay_by(times, wait, held);
  if ((reported_ & kPhaseFree) == 0) times.free = std::max(times.free, now);  // held until this was known
  times.done = std::max(times.done, now);
  times.fifo_wait = left(*order.cost, times) - alone;
  counters_.fifo_wait += times.fifo_wait;
  unsettled_.reset();
  report(order);
  if (const auto next = std::exchange(waiting_, {})) await_stream(*next);
  load_next();
  wake();
}

void ComputeUnit::report(const JobOrder& order) {
  JobTimes& times = *order.times;
  counters_.occupy(times.start, left(*order.cost, times));
  times.done += times.noc_latency;
  const bool apart = order.released_apart || times.released > times.free;
  if ((reported_ & kPhaseReleased) == 0)
    add_phase(std::max(apart ? times.released : times.free, clock_.now()), order.id, kPhaseReleased);
  if ((reported_ & kPhaseFree) == 0) add_phase(times.free, order.id, kPhaseFree);
  add_phase(times.done, order.id, kPhaseDone);
  reported_ = 0;
}

void ComputeUnit::schedule_job(const JobOrder& order, Cycles streaming) {
  JobTimes& times = *order.times;
  times.released = times.stream + streaming;
  times.free = times.released + order.cost->drain;
  times.done = times.free + order.cost->latency;
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
  event_.notify(clock_.until(next));
}

void ComputeUnit::step() {
  next_wake_ = -1;
  const Cycles now = clock_.now();
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  for (std::size_t i = 0; i < pending_.size();) {
    if (pending_[i].cycle > now) {
      ++i;
      continue;
    }
    const TimedPhase due = pending_[i];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    const PhaseReport report{due.job, due.phases};
    phase_socket->b_transport(report, delay);
  }
  wake();
}

}  // namespace vitality
