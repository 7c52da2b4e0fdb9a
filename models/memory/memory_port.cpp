#include "models/memory/memory_port.h"

#include <limits>

namespace vitality {

MemoryPort::Request& MemoryPort::Pool::take() {
  if (free_.empty()) {
    requests_.push_back(std::make_unique<Request>(this));
    free_.push_back(requests_.back().get());
  }
  Request& taken = *free_.back();
  free_.pop_back();
  taken.acquire();
  return taken;
}

void MemoryPort::Pool::free(tlm::tlm_generic_payload* payload) {
  payload->reset();  // removes the extensions that others have added, except the hint, which is sticky
  free_.push_back(static_cast<Request*>(payload));
}

MemoryPort::MemoryPort(sc_core::sc_module_name name, const MachineClock& clock, bool in_order,
                       std::function<void(std::int32_t)> done)
    : sc_module(name), socket("socket"), clock_(clock), in_order_(in_order), done_(std::move(done)), late_("late") {
  socket.register_nb_transport_bw(this, &MemoryPort::respond);
  SC_HAS_PROCESS(MemoryPort);
  SC_METHOD(finish_late);
  dont_initialize();
  sensitive << late_.get_event();
}

void MemoryPort::request(Bytes address, Bytes bytes, bool read, std::int32_t tag, bool more) {
  if (bytes > std::numeric_limits<unsigned>::max())
    SC_REPORT_ERROR("/vitality/memory_port", "a transfer of more than 4 GiB is no transaction");
  Request& next = pool_.take();
  next.tag = tag;
  next.hint.more = more, next.hint.in_order = in_order_;
  const auto length = static_cast<std::size_t>(bytes);
  if (zeros_.size() < length) zeros_.resize(length);
  next.set_data_length(static_cast<unsigned>(length));
  next.set_streaming_width(static_cast<unsigned>(length));
  next.set_byte_enable_ptr(nullptr);
  next.set_dmi_allowed(false);
  next.set_address(static_cast<sc_dt::uint64>(address));
  next.set_command(read ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
  next.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  unsent_.push_back(&next);
  if (!more) send();
}

void MemoryPort::send() {
  while (requesting_ == nullptr && !unsent_.empty()) {
    Request& next = *unsent_.front();
    unsent_.pop_front();
    next.set_data_ptr(zeros_.data());  // set here, because zeros_ may have been reallocated since the request was made
    requesting_ = &next;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum status = socket->nb_transport_fw(next, phase, delay);
    if (status == tlm::TLM_ACCEPTED) continue;
    requesting_ = nullptr;  // END_REQ, or a later phase that includes it
    if (status == tlm::TLM_COMPLETED) {
      answer(next, delay);
    } else if (phase == tlm::BEGIN_RESP) {
      phase = tlm::END_RESP;
      sc_core::sc_time none = delay;
      socket->nb_transport_fw(next, phase, none);
      answer(next, delay);
    }
  }
}

tlm::tlm_sync_enum MemoryPort::respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) {
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

void MemoryPort::answer(Request& answered, const sc_core::sc_time& delay) {
  if (answered.is_response_error())
    SC_REPORT_ERROR("/vitality/memory_port", ("the memory answers " + answered.get_response_string() + " at address " +
                                              std::to_string(answered.get_address()))
                                                 .c_str());
  const sc_core::sc_time edge = clock_.until_edge(delay);
  if (edge == sc_core::SC_ZERO_TIME)
    finish(answered);
  else
    late_.notify(answered, edge);
}

void MemoryPort::finish_late() {
  while (tlm::tlm_generic_payload* const answered = late_.get_next_transaction())
    finish(static_cast<Request&>(*answered));
}

void MemoryPort::finish(Request& answered) {
  const std::int32_t tag = answered.tag;
  answered.release();
  done_(tag);
}

}  // namespace vitality
