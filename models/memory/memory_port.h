// Transfers between this machine and a memory: a plain TLM-2.0 initiator in the approximately timed style, with one
// transaction per transfer: address and length, payloads from a pool with a memory manager, the exclusion rules of
// request and response, and any of the protocol's short cuts: TLM_ACCEPTED, TLM_UPDATED, early completion, annotated
// delays, END_REQ left out before BEGIN_RESP. An error response is an SC_REPORT_ERROR of "/vitality/memory_port". The
// data of a payload are zeros, because values move in the tile executor; TimingOnly, an ignorable extension, tells this
// to a memory that keeps data.
#pragma once

#include <tlm_utils/peq_with_get.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <deque>
#include <functional>
#include <memory>
#include <systemc>
#include <vector>

#include "models/memory/dram_controller.h"
#include "models/protocol/machine_clock.h"

namespace vitality {

class MemoryPort : public sc_core::sc_module {
 public:
  // May stay unbound if nothing is requested.
  tlm_utils::simple_initiator_socket_optional<MemoryPort> socket;

  // done: called for each transfer in the first clock edge at or after its end, with the tag of its request.
  // in_order: the memory is asked to serve the transfers one after the other (TimingOnly).
  MemoryPort(sc_core::sc_module_name name, const MachineClock& clock, bool in_order,
             std::function<void(std::int32_t tag)> done);
  // Requests go to the memory in this order, as it accepts them. more: another request follows in the same instant.
  void request(Bytes address, Bytes bytes, bool read, std::int32_t tag, bool more = false);

 private:
  struct Request : tlm::tlm_generic_payload {
    explicit Request(tlm::tlm_mm_interface* manager) : tlm_generic_payload(manager) { set_extension(&hint); }
    ~Request() override { clear_extension(&hint); }
    TimingOnly hint;
    std::int32_t tag = 0;
  };
  class Pool : public tlm::tlm_mm_interface {
   public:
    Request& take();
    void free(tlm::tlm_generic_payload* payload) override;

   private:
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
  };

  void send();
  tlm::tlm_sync_enum respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  // The memory has answered; the response counts `delay` from now.
  void answer(Request& answered, const sc_core::sc_time& delay);
  void finish(Request& answered);
  void finish_late();

  MachineClock clock_;
  bool in_order_;
  std::function<void(std::int32_t)> done_;
  Pool pool_;
  std::vector<unsigned char> zeros_;
  std::deque<Request*> unsent_;
  Request* requesting_ = nullptr;  // BEGIN_REQ without END_REQ
  tlm_utils::peq_with_get<tlm::tlm_generic_payload> late_;
};

}  // namespace vitality
