// The on-chip scratchpad: banks with one read and one write port each, or with one for both, interleaved at the width
// of a port, so that streams share the total rate of the ports. A unit's access carries its demand
// (protocol/stream_protocol.h), and gets back the cycles that it takes. In a run with values it also holds the tiles.
//
// DMA comes first: a stream that begins while a DMA channel fills (empties) the scratchpad gets what the memory's rate
// leaves of the write (read) ports, for its whole length; one that begins while the memory rests gets all of them.
// Channels that move at the same time share the memory's rate. If the memory is faster than the scratchpad, streams
// still get the ports every other cycle.
//
// Storage is one double per byte address, so buffers overlap in values exactly where they overlap in bytes: element i
// of a buffer at address a lies at a + i.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>

#include <systemc>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/rate_calendar.h"
#include "models/protocol/stream_protocol.h"

namespace vitality {

class Scratchpad : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<Scratchpad, 32, StreamProtocol> socket;

  // port_bytes_per_cycle: of all banks, for reads, and the same amount again for writes or, with shared ports, for
  // reads and writes together. memory_bytes_per_cycle: the DRAM's peak rate.
  Scratchpad(sc_core::sc_module_name name, Bytes capacity, double port_bytes_per_cycle, double memory_bytes_per_cycle,
             ScratchpadPorts ports, bool with_values);
  double* values() { return values_.empty() ? nullptr : values_.data(); }
  Bytes read_bytes() const { return read_bytes_; }
  Bytes write_bytes() const { return write_bytes_; }

 private:
  void end_of_elaboration() override;
  double rate_, memory_rate_;
  int filling_ = 0, emptying_ = 0;  // DMA channels
  bool shared_;
  RateCalendar ports_;
  void access(int id, StreamAccess& stream, sc_core::sc_time& delay);
  void follow_dma(const StreamAccess& change);
  std::vector<double> values_;
  Bytes read_bytes_ = 0, write_bytes_ = 0;
};

}  // namespace vitality
