// A unit that knows of the machine only the protocol of its streams: it asks for one, at once or ahead of its begin.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "models/protocol/stream_protocol.h"

namespace vitality::test {

// Cycles of 2 ns.
inline sc_core::sc_time at(Cycles cycle) {
  return sc_core::sc_time(2.0 * static_cast<double>(cycle), sc_core::SC_NS);
}
inline Cycles now() {
  return static_cast<Cycles>(sc_core::sc_time_stamp() / at(1));
}

struct ForeignUnit : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<ForeignUnit, 32, StreamProtocol> memory;
  StreamAccess wanted;
  Cycles when = 0;
  bool ahead = false;       // asks at 0 for what begins at `when`
  std::vector<Cycles> got;  // when, cycles, of them on the links, hops

  explicit ForeignUnit(sc_core::sc_module_name name) : sc_module(name), memory("memory") {
    memory.register_nb_transport_bw(this, &ForeignUnit::granted);
    SC_HAS_PROCESS(ForeignUnit);
    SC_THREAD(run);
  }
  void run() {
    wanted.now = wanted.start = when;
    sc_core::sc_time delay = at(when);
    if (ahead) {
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      memory->nb_transport_fw(wanted, phase, delay);
      return;
    }
    if (when > 0) wait(delay);
    delay = sc_core::SC_ZERO_TIME;
    memory->b_transport(wanted, delay);
    note();
  }
  tlm::tlm_sync_enum granted(StreamAccess&, tlm::tlm_phase& phase, sc_core::sc_time&) {
    if (phase == tlm::BEGIN_RESP) note();
    return tlm::TLM_COMPLETED;
  }
  void note() { got = {now(), wanted.cycles, wanted.noc_cycles, wanted.route_cycles}; }
};

}  // namespace vitality::test
