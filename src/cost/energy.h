// Prices actions, areas, register clocking and leakage from the energy table and the machine's parts (docs/hardware.md
// section 3).
#pragma once

#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "cost/parts.h"
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

  bool gated() const { return config_.energy.register_clocking == RegisterClocking::kGated; }
  // Registers of one unit in one cycle in which a gated clock reaches them.
  Picojoules working_registers(UnitKind unit) const { return working_pj_[unit]; }
  // Multiplexers of one unit in one cycle in which it works: a part of compute.
  Picojoules working_multiplexers(UnitKind unit) const { return multiplexers_pj_[unit]; }
  // What such a cycle of one unit costs beside its actions and beside what every cycle costs.
  Picojoules working_cycle(UnitKind unit) const { return multiplexers_pj_[unit] + (gated() ? working_pj_[unit] : 0); }
  // All registers on chip in one cycle.
  Picojoules all_registers() const { return all_registers_pj_; }
  // Leakage of everything on chip in one cycle; with ungated registers their clocking too.
  Picojoules idle_per_cycle() const { return leakage_pj_ + (gated() ? 0 : all_registers_pj_); }
  Picojoules leakage_per_cycle() const { return leakage_pj_; }
  // What a cycle in which the arrays work costs beside their actions.
  Picojoules array_cycle() const;

  const std::vector<PricedPart>& parts() const { return parts_; }
  // A flip-flop in a cycle in which it is clocked, with its share of the clock tree, and a multiplexer of one bit in a
  // cycle in which its unit works.
  Picojoules flip_flop() const { return flip_flop_pj_; }
  Picojoules multiplexer() const { return multiplexer_pj_; }
  Picojoules leakage_of(const PricedPart& part) const;  // in one cycle
  SquareMicrons unit_area(UnitKind unit) const;         // of one unit of the kind
  SquareMicrons scratchpad_area() const { return area_[PartUnit::kScratchpad]; }
  SquareMicrons noc_area() const { return area_[PartUnit::kNoc]; }
  SquareMicrons total_area() const;

 private:
  void price_actions();
  void price_parts();

  const HardwareConfig& config_;
  double energy_scale_;  // from the table's node to the machine's (config/technology.h)
  std::array<Picojoules, kActions> action_pj_{};
  std::vector<PricedPart> parts_;
  EnumArray<PartUnit, SquareMicrons> area_{};
  EnumArray<UnitKind, Picojoules> working_pj_{}, multiplexers_pj_{};
  Picojoules flip_flop_pj_ = 0, multiplexer_pj_ = 0, all_registers_pj_ = 0, leakage_pj_ = 0;
};

// The cycles of a job in which a gated clock reaches its unit's registers: those of its phases, without the ones in
// which ports or links hold it up.
Cycles clocked_cycles(const JobCost& cost, const HardwareConfig& config);

}  // namespace vitality
