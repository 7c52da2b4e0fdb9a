// The memory controller: a thin SystemC module over a DramBackend (src/cost/dram_model.h), which knows cycles and
// energy.
//
// TLM-2.0 base protocol for any number of initiators, in both coding styles, transactions of any length:
// - b_transport blocks until the last byte has moved (an annotated delay is waited for first: memory is shared, nobody
// runs ahead).
// - nb_transport in two phases: BEGIN_REQ is accepted at once (TLM_UPDATED, END_REQ); BEGIN_RESP follows in the cycle
// in which the
//   last byte has moved.
// The length is the payload's data length, unless a TransferExtension gives another: a DMA moves more than a payload's
// data buffer needs to hold. It may also say that more requests follow in the same instant: the back end is asked for
// its next event after the last of them. Data is not stored here (values live in the tile executor): timing only. Byte
// enables are refused.
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
  bool more = false;
  tlm::tlm_extension_base* clone() const override { return new TransferExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    *this = static_cast<const TransferExtension&>(other);
  }
};

class DramController : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<DramController> socket;

  // period: of the machine's clock, clock_mhz as sc_time.
  DramController(sc_core::sc_module_name name, const DramConfig& config, double clock_mhz,
                 const sc_core::sc_time& period);
  DramController(sc_core::sc_module_name name, const MachineContext& context);
  DramStatistics statistics() const { return backend_->statistics(); }
  DramEnergy energy() const { return backend_->energy(); }
  void observe(const DramCommandObserver& observer) { backend_->observe(observer); }

 private:
  struct Outstanding {  // by request id
    tlm::tlm_generic_payload* payload;
    int initiator;
    sc_core::sc_event* finished;  // of the blocked thread; null: answered through nb_transport_bw
  };

  tlm::tlm_sync_enum request(int initiator, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                             sc_core::sc_time& delay);
  void blocking_request(int initiator, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void submit(const Outstanding& outstanding);
  void step();
  void wake();
  Cycles now() const { return static_cast<Cycles>(sc_core::sc_time_stamp().value() / period_.value()); }

  sc_core::sc_time period_;
  std::unique_ptr<DramBackend> backend_;
  std::vector<Outstanding> outstanding_;
  std::vector<std::int64_t> free_ids_, completed_;
  sc_core::sc_event event_;
  Cycles next_wake_ = -1;  // cycle of the pending notification
};

}  // namespace vitality
