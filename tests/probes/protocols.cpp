// Not part of any target: tests/protocol_probe.py compiles it and demands an error in each line that says "refused",
// and in no other one. Jobs, phases, streams and rows have protocols of their own: what does not speak a socket's
// protocol cannot be bound to it.
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "models/chunk.h"

using namespace vitality;

struct Foreign : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Foreign> initiator;
  tlm_utils::simple_target_socket<Foreign> target;
};

void bind_jobs(AcceleratorChunk& chunk, ComputeUnit& unit, Foreign& foreign) {
  chunk.controller.units.bind(unit.job_socket);
  unit.phase_socket.bind(chunk.controller.phases);
  foreign.initiator.bind(unit.job_socket);             // refused
  chunk.controller.units.bind(foreign.target);         // refused
  foreign.initiator.bind(chunk.controller.phases);     // refused
  unit.phase_socket.bind(foreign.target);              // refused
  unit.phase_socket.bind(unit.job_socket);             // refused
  unit.memory_socket.bind(chunk.controller.phases);    // refused
  chunk.dma_load.memory.socket.bind(unit.job_socket);  // refused
  chunk.dma_load.job_socket.bind(chunk.noc.units);     // refused
  foreign.initiator.bind(chunk.dma_load.job_socket);   // refused
}

void bind_streams(AcceleratorChunk& chunk, ComputeUnit& unit, Foreign& foreign) {
  unit.memory_socket.bind(chunk.noc.units);
  unit.memory_socket.bind(chunk.scratchpad.socket);
  foreign.initiator.bind(chunk.scratchpad.socket);       // refused
  foreign.initiator.bind(chunk.noc.units);               // refused
  unit.memory_socket.bind(foreign.target);               // refused
  chunk.noc.scratchpad.bind(foreign.target);             // refused
  chunk.controller.units.bind(chunk.scratchpad.socket);  // refused
}

void bind_rows(AcceleratorChunk& chunk, ComputeUnit& unit, Foreign& foreign) {
  unit.rows.bind(chunk.row_fifos);
  unit.rows.bind(foreign.target);     // refused
  foreign.initiator.bind(unit.rows);  // refused
}

void bind_memory(AcceleratorChunk& chunk, Foreign& foreign) {
  chunk.load_memory.bind(foreign.target);
  foreign.initiator.bind(foreign.target);
}

void transport(ComputeUnit& unit, AcceleratorChunk& chunk) {
  tlm::tlm_generic_payload payload;
  sc_core::sc_time delay;
  unit.memory_socket->b_transport(payload, delay);         // refused
  unit.phase_socket->b_transport(payload, delay);          // refused
  chunk.controller.units[0]->b_transport(payload, delay);  // refused
}
