// Routes of the network between the scratchpad and the units. A bus is one link and one hop for every unit. A mesh has
// the scratchpad at node 0 and the units in row-major order from node 1; routes go along the row first. DMA does not
// use the network.
#pragma once

#include <utility>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

// The links from the scratchpad to the unit at `port` (0, 1, ...), each as the pair of nodes that it joins.
std::vector<std::pair<int, int>> noc_route(const NocConfig& config, std::size_t port);
int noc_hops(const NocConfig& config, std::size_t port);

// Links that the units of this machine need, none counted twice.
int noc_links(const HardwareConfig& config);
// Wires of a link: operands go one way and results the other, link_bytes a cycle each.
double noc_link_bits(const NocConfig& config);
// Length of a link over a core of this area: a bus spans the core from edge to edge, and the link of a mesh the share
// of it that each node stands on.
double noc_link_mm(const HardwareConfig& config, SquareMicrons core);

}  // namespace vitality
