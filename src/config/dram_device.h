// A DRAM device's timing and energy (docs/hardware.md section 4; configs/memory/*.json). Timings in device clocks
// (tck_ns each).
#pragma once

#include <map>
#include <string>

namespace vitality {

struct DramDevice {
  std::string name = "ddr4_2400";
  std::string source;
  std::map<std::string, std::string> sources;  // key -> source and mark (P, Q, C, A: docs/hardware.md) of the value
  double tck_ns = 0.833;
  int cl = 17, cwl = 12, trcd = 17, trp = 17, tras = 39, trc = 56;
  int tccd_s = 4, tccd_l = 6, trrd_s = 4, trrd_l = 6, tfaw = 26;
  int trp_all_bank = 0;  // precharge of all banks at once, before a refresh; 0: the same as trp
  int turnaround = 2;    // idle clocks of the data bus between a read's and a write's data, and between ranks
  int twr = 18, trtp = 9, twtr_s = 3, twtr_l = 9, trfc = 420, trefi = 9360;
  int burst_length = 8, burst_cycles = 4;  // beats and clocks of one burst
  int bank_groups = 4, banks_per_group = 4, ranks = 1, rows = 65536;
  int row_bytes = 8192;  // page of a whole rank
  int bus_bits = 64;     // of a channel
  // Energy per rank: ACT+PRE pair, core read/write and I/O per bit, refresh command, background power.
  double act_pre_nj = 3.5, read_pj_per_bit = 5.75, write_pj_per_bit = 5.0, io_pj_per_bit = 6.0, refresh_nj = 695;
  double background_active_mw = 413, background_precharged_mw = 326;
  double all_in_pj_per_bit = 13;  // used by dram.model = bandwidth
  double energy_factor = 1.25;    // how far its energies may be off either way

  int precharge_all() const { return trp_all_bank > 0 ? trp_all_bank : trp; }
  // Clocks that a bank may take to open, serve one burst and close. The time between two refreshes must hold two of
  // them.
  int one_access() const {
    const int served = trcd + (cl > cwl ? cl : cwl) + burst_cycles + (twr > trtp ? twr : trtp);
    return (tras > served ? tras : served) + (trp > trp_all_bank ? trp : trp_all_bank);
  }
  // Clocks from a request to the end of its first burst, of a closed bank.
  int first_burst_clocks() const { return trcd + cl + burst_cycles; }
  int burst_bytes() const { return bus_bits / 8 * burst_length; }
  double peak_gb_s_per_channel() const { return burst_bytes() / (burst_cycles * tck_ns); }
};

}  // namespace vitality
