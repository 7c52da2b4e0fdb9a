// The network between the scratchpad and the units' registers: one link a unit, a bus (one hop) or a mesh (row-major placement of the
// units, the scratchpad at node 0, dimension-ordered routes). Counts byte-hops.
#pragma once

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>

#include <systemc>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

class Noc : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<Noc> units;         // one binding a unit, in the order of the units
  tlm_utils::multi_passthrough_initiator_socket<Noc> scratchpad;

  Noc(sc_core::sc_module_name name, const NocConfig& config);
  Bytes bytes(std::size_t port) const { return port < bytes_.size() ? bytes_[port] : 0; }
  Bytes byte_hops() const;
  int hops(std::size_t port) const;

 private:
  void access(int id, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  NocConfig config_;
  std::vector<Bytes> bytes_;
};

// Hops from the scratchpad to the unit at `port`.
int noc_hops(const NocConfig& config, std::size_t port);

}  // namespace vitality
