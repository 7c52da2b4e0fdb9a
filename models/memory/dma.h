// A DMA channel: moves tiles between DRAM and the scratchpad, several jobs in flight to hide the memory's latency.
//
// A job is taken at once, its transfers are requested together, and it is done in the cycle in which the last of them
// is; then the tile's values are in their place.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <memory>
#include <systemc>
#include <vector>

#include "models/memory/dram_controller.h"
#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_context.h"
#include "models/protocol/stream_protocol.h"

namespace vitality {

class Dma : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Dma> job_socket;
  tlm_utils::simple_initiator_socket<Dma> phase_socket, memory_socket, dram_socket;

  Dma(sc_core::sc_module_name name, MachineContext& context);
  int depth() const { return kDepth; }

 private:
  static constexpr int kDepth = 4;
  struct Request : tlm::tlm_generic_payload {
    Request() { set_extension(&transfer); }
    ~Request() override { clear_extension(&transfer); }
    TransferExtension transfer;
    std::int32_t slot = 0;
  };
  struct Slot {
    JobId job;
    int waiting = 0;
  };

  void take(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  tlm::tlm_sync_enum respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void finish(Slot& slot, sc_core::sc_time& delay);
  Request& request();

  MachineContext& context_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<Request*> free_;
  JobPayload report_;
  StreamPayload access_;
};

}  // namespace vitality
