// The parts of a machine's units (config/machine_part.h), counted and sized: those that its config lists, and for units
// that it lists none of, the ones that the unit is built of here. Area, leakage and register clocking are sums over
// them.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "schedule/unit_kinds.h"

namespace vitality {

struct PricedPart {
  PartUnit unit;
  PartKind kind;
  std::string name, source;
  double number = 0;            // in the whole machine
  SquareMicrons um2 = 0;        // of all of them, at the machine's node
  SquareMicrons table_um2 = 0;  // at the energy table's node, without the calibration factor
  // Flip-flops of all of them; clocked: those that a gated clock reaches in the cycles in which their unit works. What
  // clocking the others takes while they work is in the prices of their actions.
  double flip_flops = 0, clocked_flip_flops = 0;
  double multiplexer_bits = 0;  // multiplexers of two inputs, of all of them, that switch while their unit works
};

// Of every unit that the machine has, in the order of PartUnit.
std::vector<PricedPart> parts_of(const HardwareConfig& config);

// The unit's name in a parts list. Throws std::logic_error for work that no unit does and for DMA, which have no parts.
PartUnit part_unit(UnitKind kind);
bool has_parts(UnitKind kind);

}  // namespace vitality
