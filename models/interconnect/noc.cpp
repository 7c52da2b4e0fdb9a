#include "models/interconnect/noc.h"

#include <algorithm>

#include "models/protocol/stream_protocol.h"

namespace vitality {

int noc_hops(const NocConfig& config, std::size_t port) {
  if (config.topology == NocTopology::kBus) return 1;
  const int node = static_cast<int>(port) + 1;
  return std::max(1, node % config.mesh_width + node / config.mesh_width);
}

Noc::Noc(sc_core::sc_module_name name, const NocConfig& config) : sc_module(name), units("units"), scratchpad("scratchpad"), config_(config) {
  units.register_b_transport(this, &Noc::access);
}

int Noc::hops(std::size_t port) const { return noc_hops(config_, port); }

Bytes Noc::byte_hops() const {
  Bytes total = 0;
  for (std::size_t port = 0; port < bytes_.size(); ++port) total += bytes_[port] * hops(port);
  return total;
}

void Noc::access(int id, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const auto port = static_cast<std::size_t>(id);
  if (bytes_.size() <= port) bytes_.resize(port + 1);
  const auto& stream = *payload.get_extension<StreamExtension>();
  bytes_[port] += stream.read_bytes + stream.write_bytes;
  scratchpad->b_transport(payload, delay);
}

}  // namespace vitality
