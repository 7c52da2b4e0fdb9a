// The memory as the machine sees it: requests of any length in, completions out, in machine cycles. Two back ends share
// the interface (dram.model): `bandwidth`, a latency and a fluidly shared rate, and `banked`, the command-level
// scheduler of dram_channel.h. Pure C++: the simulator's event loop and the SystemC controller (models/memory) both
// drive it.
//
// Contract. Time never goes back: the `now` of a call is never before that of the previous call. A request submitted in
// cycle t competes from cycle t + 1 on, so the order of calls inside one cycle decides only between requests that are
// otherwise equal. A request completes in the cycle in which its last byte is on the machine's side of the DRAM bus
// (read) or on the bus (write). Results depend only on the requests, never on how often advance_to() is called.
// Addresses wrap at the device's capacity.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

// Counts since the start, up to the last advance_to(). Device clocks are the DRAM's (tck_ns); the bandwidth back end
// knows no rows, so its command counts are zero and its energy is all_in_pj_per_bit.
struct DramStatistics {
  Count requests = 0;
  Bytes read_bytes = 0, write_bytes = 0;    // as requested
  Count read_bursts = 0, write_bursts = 0;  // as moved on the bus: a partial burst counts as a whole one
  Count activates = 0, precharges = 0, refreshes = 0;
  Count row_hits = 0, row_misses = 0, row_conflicts = 0;  // per burst: row open; bank closed; another row open
  Count bus_busy_clocks = 0;                              // device clocks with data on the bus, summed over channels
  Count active_clocks = 0,
        precharged_clocks = 0;  // device clocks with any and with no bank open, summed over ranks and channels
  Cycles busy_cycles = 0;       // machine cycles with a request outstanding, from its submission to its completion
};

struct DramEnergy {
  Picojoules activate = 0, read = 0, write = 0, refresh = 0, background = 0;
  // Prices the commands and the background time at the device's energies.
  static DramEnergy of(const DramDevice& device, const DramStatistics& statistics);
  Picojoules total() const { return activate + read + write + refresh + background; }
};

struct DramCommandRecord;  // cost/dram_channel.h
using DramCommandObserver = std::function<void(int channel, const DramCommandRecord& command)>;

class DramBackend {
 public:
  static constexpr int kNoLine = -1;
  virtual ~DramBackend() = default;
  // id: the caller's name for the request, returned on completion. bytes <= 0 completes in the next cycle. line: the
  // requests of one line (>= 0) are served one after the other; those without a line share the memory with all others.
  virtual void submit(std::int64_t id, Bytes address, Bytes bytes, bool write, Cycles now, int line = kNoLine) = 0;
  // A cycle after the last advance_to(), not before the last submit() and never later than the next completion: call
  // advance_to() with it and ask again. -1 when nothing is outstanding. Ask again after a submit().
  virtual Cycles next_event() const = 0;
  // Handles everything up to and including `now`; appends the ids of completed requests in the order of completion (of
  // submission, if two complete in the same cycle).
  virtual void advance_to(Cycles now, std::vector<std::int64_t>& completed) = 0;
  virtual DramStatistics statistics() const = 0;
  virtual DramEnergy energy() const = 0;
  // From this call on, calls the observer with every command as it is issued; a back end without commands never does.
  virtual void observe(const DramCommandObserver&) {}
};

// Throws InputError for an impossible device or an unknown address map. clock_mhz is the machine's.
std::unique_ptr<DramBackend> make_dram_model(const DramConfig& config, double clock_mhz);

}  // namespace vitality
