// The memory controller: a thin SystemC module over a DramBackend (src/cost/dram_model.h), which knows cycles and
// energy.
//
// TLM-2.0 base protocol for any number of initiators, in both coding styles, transactions of any length:
// - b_transport blocks until the last byte has moved. It first waits for an annotated delay, because the memory is
//   shared and no initiator may run ahead.
// - nb_transport: BEGIN_REQ is accepted at once (TLM_UPDATED, END_REQ), and counts from the end of its annotated delay.
//   BEGIN_RESP follows in the cycle in which the last byte has moved. An initiator that answers BEGIN_RESP with
//   TLM_ACCEPTED gets the next response after its END_RESP.
// The controller keeps data, page by page as they are written, and reads zeros elsewhere; transport_dbg sees them. A
// transaction with the TimingOnly extension moves time but no data, because the values of a run are in the tile
// executor; its addresses wrap at the device's capacity. Other transactions outside the capacity get an address error.
// Byte enables and streaming widths below the length are refused. No DMI, because accesses take time.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/peq_with_get.h>

#include <array>
#include <deque>
#include <memory>
#include <systemc>
#include <unordered_map>
#include <vector>

#include "cost/dram_model.h"
#include "models/protocol/machine_clock.h"

namespace vitality {

// May be ignored. The data of the transaction mean nothing. `more`: others follow in the same instant, so the back end
// need not be asked for its next event yet. `in_order`: the initiator's transactions are to be served one after the
// other, as if it kept only as many bursts in flight as hide the memory's latency.
struct TimingOnly : tlm::tlm_extension<TimingOnly> {
  bool more = false, in_order = false;
  tlm::tlm_extension_base* clone() const override { return new TimingOnly(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const TimingOnly&>(other); }
};

class DramController : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<DramController> socket;

  // clock_mhz: of the machine.
  DramController(sc_core::sc_module_name name, const DramConfig& config, double clock_mhz);
  DramStatistics statistics() const { return backend_->statistics(); }
  DramEnergy energy() const { return backend_->energy(); }
  void observe(const DramCommandObserver& observer) { backend_->observe(observer); }

 private:
  struct Outstanding {  // by request id
    tlm::tlm_generic_payload* payload;
    int initiator;
    sc_core::sc_event* finished;  // of the blocked thread; null if the answer goes through nb_transport_bw
  };
  struct Responses {    // of an initiator
    bool open = false;  // BEGIN_RESP without END_RESP
    std::deque<tlm::tlm_generic_payload*> waiting;
  };
  using Page = std::array<unsigned char, 4096>;

  tlm::tlm_sync_enum request(int initiator, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                             sc_core::sc_time& delay);
  void blocking_request(int initiator, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned int debug_request(int initiator, tlm::tlm_generic_payload& payload);
  // The error in the transaction's attributes, or TLM_OK_RESPONSE.
  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload) const;
  void move_data(tlm::tlm_generic_payload& payload);
  void submit(const Outstanding& outstanding);
  void submit_late();
  void respond(int initiator, tlm::tlm_generic_payload& payload);
  void step();
  void wake();

  MachineClock clock_;
  sc_dt::uint64 capacity_;  // bytes of all channels
  std::unique_ptr<DramBackend> backend_;
  std::vector<Outstanding> outstanding_;
  std::vector<std::int64_t> free_ids_, completed_;
  std::vector<Responses> responses_;  // per initiator
  tlm_utils::peq_with_get<tlm::tlm_generic_payload> late_;
  std::unordered_map<const tlm::tlm_generic_payload*, int> late_initiator_;
  std::unordered_map<sc_dt::uint64, std::unique_ptr<Page>> pages_;
  sc_core::sc_event event_;
  Cycles next_wake_ = -1;  // cycle of the pending notification
};

}  // namespace vitality
