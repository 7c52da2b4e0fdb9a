#include "cost/noc_route.h"

#include <cmath>
#include <set>

#include "cost/machine_units.h"

namespace vitality {
namespace {

// The units on the network.
std::size_t ports(const HardwareConfig& config) {
  std::size_t count = 0;
  const MachineUnits units(config);
  for (const MachineUnit& unit : units.all())
    if (!is_dma(unit.kind)) ++count;
  return count;
}

}  // namespace

std::vector<std::pair<int, int>> noc_route(const NocConfig& config, std::size_t port) {
  if (config.topology == NocTopology::kBus) return {{0, 0}};
  const int node = static_cast<int>(port) + 1, width = config.mesh_width;
  std::vector<std::pair<int, int>> route;
  int at = 0;
  while (at % width != node % width) route.emplace_back(at, at + 1), ++at;
  while (at != node) route.emplace_back(at, at + width), at += width;
  return route;
}

int noc_hops(const NocConfig& config, std::size_t port) {
  return static_cast<int>(noc_route(config, port).size());
}

int noc_links(const HardwareConfig& config) {
  std::set<std::pair<int, int>> links;
  for (std::size_t port = 0, count = ports(config); port < count; ++port)
    for (const auto& link : noc_route(config.noc, port)) links.insert(link);
  return static_cast<int>(links.size());
}

double noc_link_bits(const NocConfig& config) {
  return 2 * 8.0 * config.link_bytes;
}

double noc_link_mm(const HardwareConfig& config, SquareMicrons core) {
  const double nodes = config.noc.topology == NocTopology::kBus ? 1 : static_cast<double>(ports(config)) + 1;
  return std::sqrt(core / nodes) * 1e-3;
}

}  // namespace vitality
