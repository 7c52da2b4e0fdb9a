// Accesses to the scratchpad: one transaction per job, with the bytes of its stream and their rate. The scratchpad
// answers with the cycles that the stream takes on the shared ports. A protocol of its own, as in job_protocol.h.
#pragma once

#include <systemc>
#include <tlm>

#include "base/units.h"

namespace vitality {

struct StreamAccess {
  Bytes read_bytes = 0, write_bytes = 0;
  double read_rate = 0, write_rate = 0;  // bytes a cycle
  Cycles now = 0, start = 0;
  Cycles cycles = 0;        // in: when alone; out: on the shared ports. 0: no stream
  Cycles noc_cycles = 0;    // out: the part of them caused by the shared links of the NoC
  Cycles route_cycles = 0;  // out: latency of the NoC's hops, in addition to them
  // Of a DMA channel that begins (1) or ends (-1) to fill (write) or to empty (read) the scratchpad.
  int filling = 0, emptying = 0;
};

struct StreamProtocol {
  using tlm_payload_type = StreamAccess;
  using tlm_phase_type = tlm::tlm_phase;
};

}  // namespace vitality
