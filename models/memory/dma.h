// A DMA channel: moves tiles between DRAM and the scratchpad, up to dma.max_outstanding jobs in flight to hide the
// memory's latency.
//
// A job is taken at once, and its transfers are requested in order. It is done in the first clock edge at or after the
// end of its last transfer; then the values of the tile are in their place.
//
// Towards the memory it is a plain TLM-2.0 initiator in the approximately timed style, with one transaction per
// transfer: address and length, payloads from a pool with a memory manager, the exclusion rules of request and
// response, and any of the protocol's short cuts: TLM_ACCEPTED, TLM_UPDATED, early completion, annotated delays,
// END_REQ left out before BEGIN_RESP. An error response is an SC_REPORT_ERROR of "/vitality/dma". The data of a payload
// are zeros, because values move in the tile executor; TimingOnly, an ignorable extension, tells this to a memory that
// keeps data.
#pragma once

#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/peq_with_get.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <deque>
#include <memory>
#include <systemc>
#include <vector>

#include "models/memory/dram_controller.h"
#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_clock.h"
#include "models/protocol/stream_protocol.h"
#include "schedule/tile_executor.h"
#include "schedule/unit_counters.h"

namespace vitality {

class Dma : public sc_core::sc_module {
 public:
  tlm_utils::passthrough_target_socket<Dma, 32, JobProtocol> job_socket;
  tlm_utils::simple_initiator_socket<Dma, 32, PhaseProtocol> phase_socket;
  tlm_utils::simple_initiator_socket<Dma, 32, StreamProtocol> memory_socket;  // to the scratchpad
  tlm_utils::simple_initiator_socket<Dma> dram_socket;

  // executor: moves the values of tiles; null in a run without values.
  Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, TileExecutor* executor);
  int depth() const { return static_cast<int>(slots_.size()); }
  const UnitCounters& counters() const { return counters_; }

 private:
  struct Request : tlm::tlm_generic_payload {
    explicit Request(tlm::tlm_mm_interface* manager) : tlm_generic_payload(manager) { set_extension(&hint); }
    ~Request() override { clear_extension(&hint); }
    TimingOnly hint;
    std::int32_t slot = 0;
  };
  class Pool : public tlm::tlm_mm_interface {
   public:
    Request& take();
    void free(tlm::tlm_generic_payload* payload) override;

   private:
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
  };
  struct Slot {
    JobOrder order;
    int waiting = 0;
  };

  void take(const JobOrder& order, sc_core::sc_time& delay);
  tlm::tlm_sync_enum respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void request(const Transfer& transfer, std::int32_t slot, bool read, bool more);
  // Requests the waiting transfers, as long as the memory accepts them.
  void send();
  void finish_late();
  // The memory has answered; the response counts `delay` from now.
  void answer(Request& answered, const sc_core::sc_time& delay);
  void finish(Request& answered);
  void finish_job(const Slot& slot);

  MachineClock clock_;
  TileExecutor* executor_;
  std::vector<Slot> slots_;
  Pool pool_;
  std::vector<unsigned char> zeros_;
  std::deque<Request*> unsent_;
  Request* requesting_ = nullptr;  // BEGIN_REQ without END_REQ
  tlm_utils::peq_with_get<tlm::tlm_generic_payload> late_;
  int jobs_inside_ = 0;
  Cycles occupied_from_ = 0;
  UnitCounters counters_;
};

}  // namespace vitality
