// A memory that knows nothing of this project, for the machine's memory sockets: TLM-2.0's base protocol in any style.
#pragma once

#include <tlm_utils/peq_with_get.h>
#include <tlm_utils/simple_target_socket.h>

#include <systemc>

namespace vitality::test {

enum class Style { kTwoPhase, kFourPhase, kEarly, kUpdatedResponse, kFailing };

// A memory that knows nothing of this project: every request takes `latency` from its begin, one after the other where
// it keeps the initiator waiting for END_REQ (four phases).
struct ForeignMemory : sc_core::sc_module {
  tlm_utils::simple_target_socket<ForeignMemory> socket;
  Style style;
  sc_core::sc_time latency;
  int faults = 0, served = 0;
  bool requesting = false;
  sc_dt::uint64 bytes = 0;

  ForeignMemory(sc_core::sc_module_name name, Style how, const sc_core::sc_time& takes)
      : sc_module(name), socket("socket"), style(how), latency(takes), accepts_("accepts"), answers_("answers") {
    socket.register_nb_transport_fw(this, &ForeignMemory::forward);
    SC_HAS_PROCESS(ForeignMemory);
    SC_METHOD(accept);
    dont_initialize();
    sensitive << accepts_.get_event();
    SC_METHOD(answer);
    dont_initialize();
    sensitive << answers_.get_event();
  }

  tlm::tlm_sync_enum forward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
    faults += phase != tlm::BEGIN_REQ || requesting;             // the request's exclusion rule
    faults += !payload.has_mm() || payload.get_ref_count() < 1;  // DRAMSys acquires what it keeps
    faults += payload.get_data_ptr() == nullptr || payload.get_data_length() == 0;
    faults += payload.get_streaming_width() < payload.get_data_length() || payload.get_byte_enable_ptr() != nullptr;
    faults += payload.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE;
    bytes += payload.get_data_length();
    ++served;
    payload.acquire();
    const auto status = style == Style::kFailing ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_OK_RESPONSE;
    switch (style) {
      case Style::kEarly:
      case Style::kUpdatedResponse:
        payload.set_response_status(status);
        payload.release();
        delay += latency;
        if (style == Style::kEarly) return tlm::TLM_COMPLETED;
        phase = tlm::BEGIN_RESP;
        return tlm::TLM_UPDATED;
      case Style::kFourPhase:
        requesting = true;
        accepts_.notify(payload, latency / 2);
        return tlm::TLM_ACCEPTED;
      case Style::kTwoPhase:
      case Style::kFailing:
        answers_.notify(payload, latency);
        phase = tlm::END_REQ;
        return tlm::TLM_UPDATED;
    }
    return tlm::TLM_ACCEPTED;
  }
  void accept() {
    while (tlm::tlm_generic_payload* const payload = accepts_.get_next_transaction()) {
      requesting = false;
      tlm::tlm_phase phase = tlm::END_REQ;
      sc_core::sc_time delay;
      answers_.notify(*payload, latency - latency / 2);
      faults += socket->nb_transport_bw(*payload, phase, delay) != tlm::TLM_ACCEPTED;
    }
  }
  void answer() {
    while (tlm::tlm_generic_payload* const payload = answers_.get_next_transaction()) {
      payload->set_response_status(style == Style::kFailing ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_OK_RESPONSE);
      tlm::tlm_phase phase = tlm::BEGIN_RESP;
      sc_core::sc_time delay;
      socket->nb_transport_bw(*payload, phase, delay);
      payload->release();
    }
  }

 private:
  tlm_utils::peq_with_get<tlm::tlm_generic_payload> accepts_, answers_;
};

}  // namespace vitality::test
