#include "cost/sram.h"

#include <algorithm>
#include <cmath>

#include "cost/scratchpad_lanes.h"

namespace vitality {

SramMacros sram_macros(const ScratchpadConfig& scratchpad) {
  const ScratchpadLanes lanes = scratchpad_lanes(scratchpad);
  const auto count = static_cast<double>(lanes.lanes), port_bytes = static_cast<double>(lanes.lane_bytes);
  return {count, scratchpad.capacity_kib * 1024.0 / (count * port_bytes), port_bytes,
          scratchpad.ports == ScratchpadPorts::kReadAndWrite};
}

SquareMicrons sram_macro_um2(const EnergyTable& table, const SramMacros& macros) {
  const SramMacro& law = macros.two_ports ? table.sram_two_port : table.sram_one_port;
  const double columns = 8 * macros.port_bytes;
  return macros.rows * columns * law.bit_um2 + columns * law.column_um2 + macros.rows * law.row_um2 + law.macro_um2;
}

Picojoules sram_read_pj_per_byte(const EnergyTable& table, const SramMacros& macros) {
  const double columns = 8 * macros.port_bytes, rows = std::min(macros.rows, table.sram_most_rows);
  const Picojoules row = table.sram_access_pj + columns * (table.sram_column_pj + rows * table.sram_cell_fj * 1e-3);
  return row / macros.port_bytes * std::sqrt(macros.rows / rows) * (macros.two_ports ? table.sram_two_port_factor : 1) *
         table.knob_sram;
}

}  // namespace vitality
