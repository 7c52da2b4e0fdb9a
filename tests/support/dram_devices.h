// The three devices of docs/hardware.md section 4, for tests of the memory that read no files.
#pragma once

#include "config/dram_device.h"

namespace vitality::test {

inline DramDevice ddr4_2400() {
  return {};
}

inline DramDevice lpddr4_3200() {
  DramDevice d;
  d.name = "lpddr4_3200";
  d.tck_ns = 0.625;
  d.cl = 28, d.cwl = 14, d.trcd = 29, d.trp = 29, d.trp_all_bank = 34, d.tras = 68, d.trc = 97;
  d.tccd_s = d.tccd_l = 8, d.trrd_s = d.trrd_l = 16, d.tfaw = 64;
  d.twr = 29, d.trtp = 12, d.twtr_s = d.twtr_l = 16, d.trfc = 448, d.trefi = 6246;
  d.burst_length = 16, d.burst_cycles = 8;
  d.bank_groups = 1, d.banks_per_group = 8, d.row_bytes = 2048, d.bus_bits = 16;
  d.act_pre_nj = 1.2, d.read_pj_per_bit = 8.5, d.write_pj_per_bit = 5.0, d.io_pj_per_bit = 0, d.refresh_nj = 22;
  d.background_active_mw = 38, d.background_precharged_mw = 34, d.all_in_pj_per_bit = 8;
  return d;
}

inline DramDevice hbm2() {
  DramDevice d;
  d.name = "hbm2";
  d.tck_ns = 1.0;
  d.cl = 14, d.cwl = 5, d.trcd = 14, d.trp = 14, d.tras = 34, d.trc = 48;
  d.tccd_s = 2, d.tccd_l = 4, d.trrd_s = 4, d.trrd_l = 4, d.tfaw = 15;
  d.twr = 16, d.trtp = 5, d.twtr_s = 6, d.twtr_l = 8, d.trfc = 350, d.trefi = 3900;
  d.burst_length = 4, d.burst_cycles = 2;
  d.row_bytes = 1024, d.bus_bits = 64, d.rows = 16384;
  d.act_pre_nj = 0.83, d.read_pj_per_bit = d.write_pj_per_bit = 3.9, d.io_pj_per_bit = 0, d.refresh_nj = 61;
  d.background_active_mw = 66, d.background_precharged_mw = 48, d.all_in_pj_per_bit = 5;
  return d;
}

}  // namespace vitality::test
