// The scratchpad's SRAM macros: how many there are, what they occupy and what an access costs. Each lane of each bank
// (cost/scratchpad_lanes.h) has an address of its own, so it is a macro. Laws and constants: docs/hardware.md
// section 3.
#pragma once

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

struct SramMacros {
  double count;  // in the scratchpad
  double rows;   // of each; a row is as wide as a port
  double port_bytes;
  bool two_ports;  // one reads, one writes; else one does both
};
SramMacros sram_macros(const ScratchpadConfig& scratchpad);

// At the energy table's node: the area of one macro, and the energy of reading a byte of it with the class's knob.
SquareMicrons sram_macro_um2(const EnergyTable& table, const SramMacros& macros);
Picojoules sram_read_pj_per_byte(const EnergyTable& table, const SramMacros& macros);

}  // namespace vitality
