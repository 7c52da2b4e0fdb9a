#include "models/memory/dma.h"

#include <limits>

namespace vitality {

Dma::Request& Dma::Pool::take() {
  if (free_.empty()) {
    requests_.push_back(std::make_unique<Request>(this));
    free_.push_back(requests_.back().get());
  }
  Request& taken = *free_.back();
  free_.pop_back();
  taken.acquire();
  return taken;
}

void Dma::Pool::free(tlm::tlm_generic_payload* payload) {
  payload->reset();  // removes the extensions that others have added, except the hint, which is sticky
  free_.push_back(static_cast<Request*>(payload));
}

Dma::Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, TileExecutor* executor)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      dram_socket("dram_socket"),
      clock_(clock),
      executor_(executor),
      slots_(static_cast<std::size_t>(config.max_outstanding)),
      late_("late") {
  job_socket.register_b_transport(this, &Dma::take);
  dram_socket.register_nb_transport_bw(this, &Dma::respond);
  SC_HAS_PROCESS(Dma);
  SC_METHOD(finish_late);
  dont_initialize();
  sensitive << late_.get_event();
}

void Dma::take(const JobOrder& order, sc_core::sc_time&) {
  order.times->start = order.times->stream = clock_.now();
  ++counters_.jobs;
  if (jobs_inside_++ == 0) occupied_from_ = order.times->start;
  std::size_t slot = 0;
  while (slots_[slot].waiting != 0) ++slot;
  slots_[slot] = {order, static_cast<int>(order.transfers.last - order.transfers.first)};
  for (const Transfer& transfer : order.transfers)
    request(transfer, static_cast<std::int32_t>(slot), order.job->kind == JobKind::kLoad,
            &transfer + 1 != order.transfers.last);
  send();
}

void Dma::request(const Transfer& transfer, std::int32_t slot, bool read, bool more) {
  if (transfer.bytes > std::numeric_limits<unsigned>::max())
    SC_REPORT_ERROR("/vitality/dma", "a transfer of more than 4 GiB is no transaction");
  Request& next = pool_.take();
  next.slot = slot;
  next.hint.more = more;
  const auto length = static_cast<std::size_t>(transfer.bytes);
  if (zeros_.size() < length) zeros_.resize(length);
  next.set_data_length(static_cast<unsigned>(length));
  next.set_streaming_width(static_cast<unsigned>(length));
  next.set_byte_enable_ptr(nullptr);
  next.set_dmi_allowed(false);
  next.set_address(static_cast<sc_dt::uint64>(transfer.dram_address));
  next.set_command(read ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
  next.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  unsent_.push_back(&next);
}

void Dma::send() {
  while (requesting_ == nullptr && !unsent_.empty()) {
    Request& next = *unsent_.front();
    unsent_.pop_front();
    next.set_data_ptr(zeros_.data());  // set here, because zeros_ may have been reallocated since the request was made
    requesting_ = &next;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum status = dram_socket->nb_transport_fw(next, phase, delay);
    if (status == tlm::TLM_ACCEPTED) continue;
    requesting_ = nullptr;  // END_REQ, or a later phase that includes it
    if (status == tlm::TLM_COMPLETED) {
      answer(next, delay);
    } else if (phase == tlm::BEGIN_RESP) {
      phase = tlm::END_RESP;
      sc_core::sc_time none = delay;
      dram_socket->nb_transport_fw(next, phase, none);
      answer(next, delay);
    }
  }
}

tlm::tlm_sync_enum Dma::respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  auto& answered = static_cast<Request&>(payload);  // safe: this channel sends no other payloads
  if (requesting_ == &answered) requesting_ = nullptr;
  if (phase == tlm::END_REQ) {
    send();
    return tlm::TLM_ACCEPTED;
  }
  answer(answered, delay);
  send();
  phase = tlm::END_RESP;
  return tlm::TLM_COMPLETED;
}

void Dma::answer(Request& answered, const sc_core::sc_time& delay) {
  if (answered.is_response_error())
    SC_REPORT_ERROR("/vitality/dma", ("the memory answers " + answered.get_response_string() + " at address " +
                                      std::to_string(answered.get_address()))
                                         .c_str());
  const sc_core::sc_time edge = clock_.until_edge(delay);
  if (edge == sc_core::SC_ZERO_TIME)
    finish(answered);
  else
    late_.notify(answered, edge);
}

void Dma::finish_late() {
  while (tlm::tlm_generic_payload* const answered = late_.get_next_transaction())
    finish(static_cast<Request&>(*answered));
}

void Dma::finish(Request& answered) {
  Slot& slot = slots_[static_cast<std::size_t>(answered.slot)];
  answered.release();
  if (--slot.waiting == 0) finish_job(slot);
}

void Dma::finish_job(const Slot& slot) {
  const JobOrder& order = slot.order;
  JobTimes& times = *order.times;
  times.released = times.free = times.done = clock_.now();
  if (--jobs_inside_ == 0) counters_.occupied += times.done - occupied_from_;
  if (executor_ != nullptr) executor_->execute(*order.job, times.unit);
  StreamAccess moved;
  moved.read_bytes = order.cost->scratchpad_read, moved.write_bytes = order.cost->scratchpad_write;
  counters_.read += moved.read_bytes, counters_.written += moved.write_bytes;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  memory_socket->b_transport(moved, delay);
  const PhaseReport report{order.id, kPhaseReleased | kPhaseFree | kPhaseDone};
  phase_socket->b_transport(report, delay);
}

}  // namespace vitality
