// The memory controller: a thin SystemC module over a DramBackend (src/cost/dram_model.h).
//
// Base protocol, approximately timed, two phases: BEGIN_REQ is accepted at once (TLM_UPDATED, END_REQ); BEGIN_RESP follows in the cycle in
// which the last byte has moved. A transaction may be of any length; its length travels in TransferExtension, because a DMA moves
// more than a payload's data buffer needs to hold.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>

#include <memory>
#include <systemc>
#include <vector>

#include "cost/dram_model.h"
#include "models/protocol/machine_context.h"

namespace vitality {

struct TransferExtension : tlm::tlm_extension<TransferExtension> {
  Bytes bytes = 0;
  int initiator = 0;  // filled by the controller
  tlm::tlm_extension_base* clone() const override { return new TransferExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const TransferExtension&>(other); }
};

class DramController : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<DramController> socket;

  DramController(sc_core::sc_module_name name, const MachineContext& context);
  DramStatistics statistics() const { return backend_->statistics(); }
  DramEnergy energy() const { return backend_->energy(); }

 private:
  tlm::tlm_sync_enum request(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void step();
  void wake();

  const MachineContext& context_;
  std::unique_ptr<DramBackend> backend_;
  std::vector<tlm::tlm_generic_payload*> outstanding_;  // by request id
  std::vector<std::int64_t> free_ids_, completed_;
  sc_core::sc_event event_;
};

}  // namespace vitality
