// How far a run's energy changes if one class of prices is 30 % off and all others are right. The calibration factors
// of the energy table do the same for a whole run. How far prices may be off is more (energy.factor_*).
#pragma once

#include <array>

#include "report/result.h"

namespace vitality {

struct EnergyBar {
  const char *name, *knob;
  double low_mj, high_mj;  // total energy with the class at 0.7 and at 1.3
};

constexpr double kEnergyUncertainty = 0.3;

// Registers are apart from the classes that contain them: those of PEs where their clock is gated, else of the chip.
inline std::array<EnergyBar, 5> energy_bars(const SimulationResult& result) {
  const EnergyBreakdown& energy = result.energy;
  const EnergyClasses& classes = result.totals.classes;
  const bool known = classes.compute > 0;  // not of a machine that is not simulated
  const Picojoules gated = known ? energy.compute - classes.compute : 0,
                   ungated = known ? energy.leakage - classes.leakage : 0;
  const auto bar = [&](const char* name, const char* knob, Picojoules part) {
    return EnergyBar{name, knob, (energy.total() - kEnergyUncertainty * part) * 1e-9,
                     (energy.total() + kEnergyUncertainty * part) * 1e-9};
  };
  return {bar("PEs and lanes", "knob_compute", energy.compute - gated),
          bar("registers", "knob_registers", gated + ungated), bar("SRAM", "knob_sram", energy.sram),
          bar("NoC", "knob_noc", energy.noc), bar("DRAM", "knob_dram", energy.dram)};
}

}  // namespace vitality
