// What an action costs and what a unit occupies (docs/hardware.md section 3; configs/energy/*.json), at the table's
// node and voltage.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "tensor/precision.h"

namespace vitality {

// Whether registers that hold their value are clocked. Gated: only in the cycles in which their unit works, and those
// that keep an operand not even then. Ungated: all of them in every cycle.
enum class RegisterClocking { kGated, kUngated };
constexpr const char* to_string(RegisterClocking value) {
  switch (value) {
    case RegisterClocking::kGated:
      return "gated";
    case RegisterClocking::kUngated:
      return "ungated";
  }
  return nullptr;
}

// Values for one number format. pJ per action, um2 per part (config/machine_part.h).
struct FormatCosts {
  double multiply_pj, multiply_um2;      // a multiplier
  double sum_pj, sum_um2;                // adds a product to a sum; with the multiplier: a multiply-accumulate
  double add_pj, add_um2;                // elementwise add including registers
  double accumulate_pj, accumulate_um2;  // column accumulator
  double divide_pj, divide_um2;          // per quotient; one lane
  double exp_pj, exp_um2;                // 64-entry table + shift-add
  double compare_pj, compare_um2;
};

// Area of an SRAM macro of one kind: bits x bit_um2 + bits of its port x column_um2 + rows x row_um2 + macro_um2. A row
// is as wide as the port.
struct SramMacro {
  double bit_um2, column_um2, row_um2, macro_um2;
};

struct EnergyTable {
  std::string name = "28nm";
  std::string source;
  std::map<std::string, std::string> sources;  // key -> source and mark (P, Q, C, A) of the value
  double technology_nm = 28;
  // fp64, fp32, fp16, int16, int8, bf16, fp8_e4m3, fp8_e5m2. configs/energy/28nm.json carries the sources.
  EnumArray<Precision, FormatCosts> format{{{
      {3.9, 5600, 0.9, 3150, 1.8, 4200, 3.4, 10000, 24, 60000, 4.8, 15000, 0.12, 240},
      {1.9, 2100, 0.46, 1580, 0.7, 1500, 1.3, 3600, 9, 22000, 1.8, 5500, 0.05, 100},
      {0.56, 620, 0.20, 510, 0.30, 700, 0.55, 1700, 4.0, 10000, 0.8, 2500, 0.03, 60},
      {0.40, 717, 0.05, 70, 0.145, 113, 0.17, 139, 2.2, 1983, 0.40, 158, 0.017, 24},
      {0.10, 163, 0.05, 70, 0.08, 56, 0.13, 140, 0.8, 471, 0.25, 79, 0.01, 7},
      {0.30, 330, 0.20, 510, 0.30, 700, 0.55, 1700, 2.1, 5300, 0.8, 2500, 0.03, 60},
      {0.074, 82, 0.20, 510, 0.15, 350, 0.55, 1700, 0.53, 1320, 0.4, 1250, 0.015, 30},
      {0.042, 46, 0.20, 510, 0.15, 350, 0.55, 1700, 0.30, 740, 0.4, 1250, 0.015, 30},
  }}};
  static_assert(enum_count<Precision>() == 8, "a row of costs for each number format");
  double flip_flop_um2 = 1.7, multiplexer_um2 = 0.65;  // of one bit; a multiplexer of two inputs
  double flip_flop_fj = 4.96;                          // a flip-flop in a cycle in which it is clocked
  double clock_tree_share = 0.33;                      // of that, for the tree that brings it the clock
  double multiplexer_fj = 0.44;                        // a multiplexer of one bit in a cycle in which its unit works
  RegisterClocking register_clocking = RegisterClocking::kGated;
  double leakage_nw_per_um2 = 12;               // of logic
  double iterative_divider_um2_fraction = 0.3;  // area of a divider with initiation interval > 1
  // SRAM macros with one port for reads and writes, and with two ports. An access of a row reads
  // sram_access_pj + bits of the port x (sram_column_pj + rows x sram_cell_fj), up to sram_most_rows rows; more rows
  // are several macros, and the energy grows with the square root. A second port makes it dearer, and so does writing.
  SramMacro sram_one_port{0.154, 22.8, 0.402, 225}, sram_two_port{0.277, 39.4, 1.42, 507};
  double sram_access_pj = 0.27, sram_column_pj = 0.0294, sram_cell_fj = 0.0446, sram_most_rows = 8192;
  double sram_two_port_factor = 1.3, sram_write_fraction = 1.24;
  double sram_leakage_mw_per_kib = 0.13;
  // Wires of the NoC: a bit over a millimetre, and its repeaters. Not scaled to other nodes: a wire's capacity per
  // length is nearly the same in all of them.
  double noc_wire_fj_per_bit_mm = 47, noc_repeater_um2_per_bit_mm = 1.1;
  // One calibration factor ("knob") per class; 1 = as the sources give it. Never fitted to a workload.
  double knob_compute = 1, knob_registers = 1, knob_sram = 1, knob_noc = 1, knob_dram = 1, knob_area = 1;
  // How far each class of prices may be off either way, as a factor; ranges of power and energy come from them. The
  // DRAM device has its own.
  double factor_compute = 2, factor_registers = 2, factor_sram = 2.2, factor_noc = 2.5, factor_leakage = 2;
};

}  // namespace vitality
