// The network between the scratchpad and the units' registers: a bus that all units share, or a mesh (units in
// row-major order from node 1, the scratchpad at node 0, routed along the row first), whose links are shared by the
// routes that cross them (cost/noc_route.h). A link carries link_bytes per cycle in each direction; it is shared by
// rate, first come first served (cost/rate_calendar.h). A stream pays hop_latency_cycles per hop once, in addition to
// the cycles for its bytes. Counts byte-hops.
//
// b_transport grants a stream its rates at once. nb_transport_fw (BEGIN_REQ with the time until the stream begins)
// grants them then, and answers with nb_transport_bw (BEGIN_RESP); streams that begin in one instant are granted in the
// order of their units.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <map>
#include <systemc>
#include <utility>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/rate_calendar.h"
#include "models/protocol/stream_protocol.h"

namespace vitality {

class Noc : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<Noc, 32, StreamProtocol>
      units;  // one binding a unit, in the order of the units
  tlm_utils::simple_initiator_socket<Noc, 32, StreamProtocol> scratchpad;

  Noc(sc_core::sc_module_name name, const NocConfig& config);
  Bytes bytes(std::size_t port) const { return port < bytes_.size() ? bytes_[port] : 0; }
  Bytes byte_hops() const;
  int hops(std::size_t port) const;

 private:
  struct Waiting {
    sc_core::sc_time due;
    int id;
    StreamAccess* stream;
  };
  void access(int id, StreamAccess& stream, sc_core::sc_time& delay);
  tlm::tlm_sync_enum request(int id, StreamAccess& stream, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void grant();
  void add_port();
  void end_of_elaboration() override;
  NocConfig config_;
  std::map<std::pair<int, int>, RateCalendar> links_;  // by the nodes that they join; a bus is one link
  std::vector<std::vector<RateCalendar*>> routes_;     // by port: the links on the way
  std::vector<Bytes> bytes_;
  std::vector<Waiting> waiting_;
  sc_core::sc_event event_;
};

}  // namespace vitality
