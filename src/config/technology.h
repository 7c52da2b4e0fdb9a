// Technology scaling: what an operation and a unit cost at another node, from Stillmaker and Baas (Integration, 2017),
// interpolated at 0.9 V (docs/hardware.md section 2, mark C). Delay is not scaled: a machine states its clock.
#pragma once

#include <string>

namespace vitality {

// Nodes with data, as a list for messages: "65, 55, 45, 40, 28, 22, 16, 12, 7".
std::string technology_nodes();
bool has_technology(double nm);
// Multiply an operation's energy, or an area, given at `from` nm by this factor to get its value at `to` nm. The table
// must hold both nodes.
double technology_energy_factor(double from, double to);
double technology_area_factor(double from, double to);

}  // namespace vitality
