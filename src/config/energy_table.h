// What an action costs and what a unit occupies (docs/hardware.md section 3; configs/energy/*.json), at the table's
// node and voltage.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "tensor/precision.h"

namespace vitality {

// Values for one number format. pJ per action, um2 per unit, uW per PE.
struct FormatCosts {
  double pe_pj, pe_um2, pe_leakage_uw;   // one multiply-accumulate with its registers; one PE
  double add_pj, add_um2;                // elementwise add including registers
  double accumulate_pj, accumulate_um2;  // column accumulator
  double divide_pj, divide_um2;          // per quotient; one lane
  double exp_pj, exp_um2;                // 64-entry table + shift-add
  double compare_pj, compare_um2;
  double multiply_pj, multiply_um2;  // a single multiplier (sqrt(d) v_sum, special functions)
};

struct EnergyTable {
  std::string name = "28nm";
  std::string source;
  std::map<std::string, std::string> sources;  // key -> source and mark (P, Q, C, A) of the value
  double technology_nm = 28;
  // fp64, fp32, fp16, int16, int8, bf16, fp8_e4m3, fp8_e5m2. configs/energy/28nm.json carries the sources.
  EnumArray<Precision, FormatCosts> format{{{
      {6.2, 9000, 60, 1.8, 4200, 3.4, 10000, 24, 60000, 4.8, 15000, 0.12, 240, 3.9, 5600},
      {2.2, 3600, 30, 0.7, 1500, 1.3, 3600, 9, 22000, 1.8, 5500, 0.05, 100, 1.9, 2100},
      {0.88, 1500, 15, 0.30, 700, 0.55, 1700, 4.0, 10000, 0.8, 2500, 0.03, 60, 0.56, 620},
      {0.61, 1000, 12, 0.145, 300, 0.17, 300, 2.2, 10000, 0.40, 1200, 0.017, 40, 0.40, 530},
      {0.27, 450, 6, 0.08, 150, 0.13, 200, 0.8, 1200, 0.25, 700, 0.01, 25, 0.10, 110},
      {0.62, 1210, 12, 0.30, 700, 0.55, 1700, 2.1, 5300, 0.8, 2500, 0.03, 60, 0.30, 330},
      {0.35, 960, 9.6, 0.15, 350, 0.55, 1700, 0.53, 1320, 0.4, 1250, 0.015, 30, 0.074, 82},
      {0.32, 930, 9.3, 0.15, 350, 0.55, 1700, 0.30, 740, 0.4, 1250, 0.015, 30, 0.042, 46},
  }}};
  static_assert(enum_count<Precision>() == 8, "a row of costs for each number format");
  double dual_accumulation_pj_per_mac = 0.08;   // G-stationary PEs: a second 32-bit sum register and its multiplexer
  double iterative_divider_um2_fraction = 0.3;  // area of a divider with initiation interval > 1
  // SRAM read energy per byte by bank capacity (KiB), CACTI 7, before the margin; writes cost write_fraction of it.
  std::vector<std::array<double, 2>> sram_read_pj_per_byte{
      {{2, 0.089}, {8, 0.287}, {32, 0.673}, {64, 0.912}, {128, 1.307}, {200, 1.665}, {256, 1.952}}};
  double sram_margin = 1.5, sram_write_fraction = 0.875;
  // A port narrower than 8 bytes still pays this share of an 8-byte access (decoder, word line, control). Wider ports
  // are made of lanes of 8 bytes.
  double sram_narrow_port_fixed_fraction = 0.5;
  double sram_um2_per_kib = 2000, sram_leakage_mw_per_kib = 0.13;
  double noc_pj_per_byte_hop = 0.8, noc_area_fraction = 0.05;
  double noc_area_link_bytes = 1024;  // the link width for which noc_area_fraction holds; the area grows with the
                                      // width
  // Clock tree and clock pins of idle registers, per PE and cycle. It is 0 because the energy of a written bit includes
  // a working register's clock pin, idle units are assumed to be clock-gated, and the clock tree is not modelled.
  double clock_pj_per_pe_cycle = 0;
  // One calibration factor ("knob") per class; 1 = as the sources give it. Never fitted to a workload.
  double knob_compute = 1, knob_sram = 1, knob_noc = 1, knob_dram = 1, knob_area = 1;
};

}  // namespace vitality
