// Routes of the network between the scratchpad and the units: a bus is one link and one hop for everybody; a mesh has
// the scratchpad at node 0 and the units row-major from node 1, routed along the row first. DMA does not cross it.
#pragma once

#include <utility>
#include <vector>

#include "config/hardware_config.h"

namespace vitality {

// The links from the scratchpad to the unit at `port` (0, 1, ...), as the nodes they join.
std::vector<std::pair<int, int>> noc_route(const NocConfig& config, std::size_t port);
int noc_hops(const NocConfig& config, std::size_t port);

// Links that the units of this machine need, none counted twice.
int noc_links(const HardwareConfig& config);

}  // namespace vitality
