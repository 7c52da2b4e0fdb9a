// Prices actions, areas and leakage from the energy table (docs/hardware.md section 3).
#pragma once

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "schedule/schedule.h"

namespace vitality {

class EnergyModel {
 public:
  explicit EnergyModel(const HardwareConfig& config);

  // Compute, scratchpad or NoC energy of an action, with the class's calibration knob.
  Picojoules per_action(Action action) const { return action_pj_[static_cast<std::size_t>(action)]; }
  Picojoules compute(const ActionCounts& actions) const;
  Picojoules sram(const ActionCounts& actions) const;
  Picojoules noc(const ActionCounts& actions) const;
  // DRAM energy per byte of the bandwidth model.
  Picojoules dram_per_byte() const;

  // Leakage and clock energy of everything on chip in one cycle.
  Picojoules leakage_per_cycle() const;
  Picojoules clock_per_cycle() const;            // contained in leakage_per_cycle()
  SquareMicrons unit_area(UnitKind unit) const;  // of one unit of the kind
  SquareMicrons scratchpad_area() const;
  SquareMicrons noc_area() const;  // each link takes a share of the rest of the core's area, which grows with the
                                   // link's width
  SquareMicrons total_area() const;

 private:
  const HardwareConfig& config_;
  double energy_scale_, area_scale_;  // from the table's node to the machine's (config/technology.h)
  std::array<Picojoules, kActions> action_pj_{};
};

// pJ per byte read from an SRAM bank of `kib` KiB: linear between the table's points, extrapolated with the square root
// of the capacity.
double sram_read_pj_per_byte(const EnergyTable& table, double kib);
// The same through a port of `port_bytes`: a wider port is made of lanes of 8 bytes, each at this price; a narrower one
// pays the fixed share of an 8-byte access for fewer bytes.
double sram_read_pj_per_byte(const EnergyTable& table, double kib, int port_bytes);

}  // namespace vitality
