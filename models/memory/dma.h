// A DMA channel: moves tiles between DRAM and the scratchpad, up to dma.max_outstanding jobs in flight.
//
// Jobs whose buffers are free wait in the channel's queue, in the order of the program. With dma.policy in_order the
// job that comes first in the program has the memory: its transfers are requested one after the other, no earlier than
// is needed to hide the memory's latency, so that a tile that the array waits for does not stand behind tiles of later
// layers. With `fair` all transfers of a job are requested at once. A job is done in the first clock edge at or after
// the end of its last transfer; then the values of the tile are in their place.
#pragma once

#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <deque>
#include <limits>
#include <queue>
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
  // dram: the memory whose latency is to be hidden.
  Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, const DramConfig& dram,
      TileExecutor* executor);
  // The queue has no limit.
  int depth() const { return slots_.empty() ? 0 : std::numeric_limits<int>::max(); }
  const UnitCounters& counters() const { return counters_; }

 private:
  struct Slot {
    JobOrder order;
    const Transfer* next = nullptr;  // the first one that has not been requested
    int waiting = 0;                 // transfers that have not ended; 0: the slot is free
    bool is_free() const { return waiting == 0; }
    bool has_next() const { return !is_free() && next != order.transfers.last; }
  };
  struct Requested {
    std::size_t slot;
    Bytes bytes;
  };
  struct Later {
    bool operator()(const JobOrder& a, const JobOrder& b) const { return b.id < a.id; }
  };

  void take(const JobOrder& order, sc_core::sc_time& delay);
  // Requests what may be requested now.
  void go_on();
  bool may_request() const { return !in_order_ || requested_.size() < 2 || behind_ < window_; }
  Slot* next_to_request();
  void begin(const JobOrder& order, Slot& slot);
  void end_transfer(std::size_t slot);
  void finish_job(const Slot& slot);
  // Tells the scratchpad that the channel begins (1) or ends (-1) to fill or to empty it.
  void announce(bool filling, int change);

  MachineClock clock_;
  TileExecutor* executor_;
  bool in_order_;
  Bytes window_;                     // that hide the latency behind the transfer that is being served
  std::deque<Requested> requested_;  // in_order: transfers that the memory has not ended
  Bytes behind_ = 0;                 // bytes of all of them but the first
  std::priority_queue<JobOrder, std::vector<JobOrder>, Later> queue_;
  std::vector<Slot> slots_;  // jobs in flight
  int jobs_inside_ = 0;
  bool moving_ = false;
  Cycles occupied_from_ = 0;
  UnitCounters counters_;
};

}  // namespace vitality
