// A DMA channel: moves tiles between DRAM and the scratchpad, up to dma.max_outstanding jobs in flight to hide the
// memory's latency.
//
// A job is taken at once, and its transfers are requested in order. It is done in the first clock edge at or after the
// end of its last transfer; then the values of the tile are in their place.
#pragma once

#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "models/memory/memory_port.h"
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
  MemoryPort memory;                                                          // to the DRAM

  // executor: moves the values of tiles; null in a run without values.
  Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, TileExecutor* executor);
  int depth() const { return static_cast<int>(slots_.size()); }
  const UnitCounters& counters() const { return counters_; }

 private:
  struct Slot {
    JobOrder order;
    int waiting = 0;
  };

  void take(const JobOrder& order, sc_core::sc_time& delay);
  void finish_job(const Slot& slot);

  MachineClock clock_;
  TileExecutor* executor_;
  std::vector<Slot> slots_;
  int jobs_inside_ = 0;
  Cycles occupied_from_ = 0;
  UnitCounters counters_;
};

}  // namespace vitality
