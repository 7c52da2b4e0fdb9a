// Prices: technology scaling, clock, calibration knobs, uncertainty bars.
#include "cost/energy.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/energy_range.h"
#include "config/hardware_config_json.h"
#include "config/technology.h"
#include "cost/machine_units.h"
#include "report/energy_bars.h"

using namespace vitality;

namespace {

HardwareConfig machine(const std::vector<std::string>& overrides = {}) {
  return read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json", overrides);
}

}  // namespace

TEST_CASE("technology: factors of Stillmaker and Baas, there and back") {
  CHECK(technology_energy_factor(65, 28) == 0.404);
  CHECK(technology_energy_factor(55, 28) == 0.450);
  CHECK(technology_energy_factor(45, 28) == 0.507);
  CHECK(technology_energy_factor(40, 28) == 0.588);
  CHECK(technology_energy_factor(22, 28) == 1.66);
  CHECK(technology_area_factor(65, 28) == 0.253);
  CHECK(technology_area_factor(55, 28) == 0.315);
  CHECK(technology_area_factor(45, 28) == 0.377);
  CHECK(technology_area_factor(40, 28) == 0.547);
  CHECK(technology_area_factor(22, 28) == 1.64);
  CHECK(technology_energy_factor(28, 28) == 1);
  CHECK(technology_energy_factor(28, 40) == Approx(1 / 0.588));
  CHECK(technology_energy_factor(65, 40) == Approx(0.404 / 0.588));
  CHECK(technology_area_factor(65, 40) * technology_area_factor(40, 65) == Approx(1));
  CHECK_FALSE(has_technology(10));
  // By hand from the paper's quadratic in the supply, at 0.9 V; 28 nm a third of the way from 32 to 20, 12 half way
  // from 14 to 10. Areas are relative to 45 nm.
  const auto energy = [](double a, double b, double c) { return a * 0.81 + b * 0.9 + c; };
  const double at28 = (2 * energy(0.9559, -0.7823, 0.471) + energy(0.373, -0.1582, 0.04104)) / 3;
  const double at12 = (energy(0.2363, -0.09675, 0.02239) + energy(0.2068, -0.09311, 0.02375)) / 2;
  CHECK(technology_energy_factor(16, 28) == Approx(at28 / energy(0.2958, -0.1241, 0.03024)).epsilon(0.002));
  CHECK(technology_energy_factor(12, 28) == Approx(at28 / at12).epsilon(0.002));
  CHECK(technology_energy_factor(7, 28) == Approx(at28 / energy(0.1776, -0.09097, 0.02447)).epsilon(0.002));
  const double area28 = (2 * 0.46 + 0.21) / 3;
  CHECK(technology_area_factor(16, 28) == Approx(area28 / 0.19).epsilon(0.002));
  CHECK(technology_area_factor(12, 28) == Approx(area28 / ((0.17 + 0.10) / 2)).epsilon(0.002));
  CHECK(technology_area_factor(7, 28) == Approx(area28 / 0.059).epsilon(0.002));
  CHECK(technology_nodes() == "65, 55, 45, 40, 28, 22, 16, 12, 7");
}

TEST_CASE("technology: a machine at 40 nm pays the 28 nm table's prices over 0.588, its area over 0.547") {
  // Without the repeaters, whose wires become longer.
  const std::string bare = "energy.noc_repeater_um2_per_bit_mm=0";
  const HardwareConfig here = machine({bare}), there = machine({bare, "technology_nm=40"});
  const EnergyModel at28(here), at40(there);
  for (const Action action : {Action::kMac, Action::kScratchpadRead, Action::kDivide})
    CHECK(at40.per_action(action) == Approx(at28.per_action(action) / 0.588));
  CHECK(at40.leakage_per_cycle() == Approx(at28.leakage_per_cycle() / 0.588));
  CHECK(at40.total_area() == Approx(at28.total_area() / 0.547));
  CHECK(at40.dram_per_byte() == at28.dram_per_byte());  // the memory is another chip
  // A table of another node: 65 nm prices at 28 nm.
  CHECK(EnergyModel(machine({"energy.technology_nm=65"})).per_action(Action::kMac) == Approx((0.40 + 0.05) * 0.404));
}

TEST_CASE("technology: nodes without data are refused with the list") {
  for (const std::string key : {"technology_nm", "energy.technology_nm"}) {
    try {
      machine({key + "=10"});
      FAIL("accepted");
    } catch (const InputError& error) {
      CHECK_THAT(error.what(), Catch::Contains("expected one of 65, 55, 45, 40, 28, 22, 16, 12, 7"));
    }
  }
}

TEST_CASE("energy: registers are clocked while their unit works, or in every cycle") {
  // By hand. A PE keeps 16 bits and clocks 16 + 32; 64 x 64 of them and a column of 64, 4.96 fJ a flip-flop.
  // The clock tree takes a third more.
  const HardwareConfig gated = machine(), ungated = machine({"energy.register_clocking=ungated"});
  const EnergyModel prices(gated), always(ungated);
  const double flip_flop = 4.96e-3 * 1.33;
  CHECK(prices.working_registers(UnitKind::kMatrixEngine) == Approx(4096 * 48 * flip_flop));
  CHECK(prices.working_registers(UnitKind::kDiagonalEngine) == Approx(64 * 48 * flip_flop));
  CHECK(prices.working_registers(UnitKind::kDividers) == 0);  // their prices contain it
  // 64 accumulators of 32 bits in the unit and 64 below the columns, 64 dividers of 16 stages of three operands, 64
  // adders of three operands, and the bits of the bus, 1,024 bytes either way.
  const double flip_flops = 4160 * 64 + 128 * 32 + 64 * 16 * 48 + 64 * 48 + 2 * 8192;
  CHECK(prices.all_registers() == Approx(flip_flops * flip_flop));
  CHECK(prices.idle_per_cycle() == prices.leakage_per_cycle());
  CHECK(always.idle_per_cycle() == Approx(always.leakage_per_cycle() + flip_flops * flip_flop));
  CHECK(EnergyModel(machine({"energy.knob_registers=3"})).all_registers() == Approx(3 * prices.all_registers()));
  // The mapper's price of a cycle of the arrays: their multiplexers, two of 16 bits a PE, switch too.
  const double multiplexers = 4160 * 2 * 16 * 0.44e-3;
  CHECK(prices.working_multiplexers(UnitKind::kMatrixEngine) == Approx(4096 * 2 * 16 * 0.44e-3));
  CHECK(prices.working_multiplexers(UnitKind::kAdders) == 0);
  CHECK(prices.array_cycle() == Approx(prices.leakage_per_cycle() + 4160 * 48 * flip_flop + multiplexers));
  CHECK(always.array_cycle() == Approx(always.idle_per_cycle() + multiplexers));
}

TEST_CASE("energy: a job's clocked cycles are those of its phases without stalls") {
  JobCost cost;
  cost.load = 70, cost.stream = 200, cost.drain = 30;
  cost.scratchpad_stall = 5, cost.noc_stall = 2, cost.load_scratchpad_stall = 4, cost.load_noc_stall = 1;
  HardwareConfig config;
  CHECK(clocked_cycles(cost, config) == (200 - 5 - 2) + (70 - 4 - 1) + 30);
  config.matrix_engine.stationary_prefetch = true;  // load and drain run beside other passes
  CHECK(clocked_cycles(cost, config) == 200 - 5 - 2);
}

TEST_CASE("energy: leakage is by area of logic and by capacity") {
  const HardwareConfig config = machine();
  const EnergyModel prices(config);
  const double logic = prices.total_area() - prices.scratchpad_area();
  CHECK(prices.leakage_per_cycle() == Approx((logic * 12e-9 + 200 * 0.13e-3) / 500e6 * 1e12));
}

TEST_CASE("energy: ranges by hand") {
  // pJ: compute 8, SRAM 4, NoC 5, DRAM 10, leakage 2; registers 3 gated, 6 ungated.
  const EnergyClasses energy{8, 4, 5, 10, 2, 3, 6};
  const EnergyFactors factors{2, 3, 4, 5, 10, 2};
  const EnergyRange chip = energy_range(energy, factors, false), all = energy_range(energy, factors, true);
  CHECK(chip[0] == Approx(8 / 2.0 + 3 / 3.0 + 4 / 4.0 + 5 / 5.0 + 2 / 2.0));
  CHECK(chip[1] == Approx(8 * 2 + 6 * 3 + 4 * 4 + 5 * 5 + 2 * 2));
  CHECK(all[0] == Approx(chip[0] + 1));
  CHECK(all[1] == Approx(chip[1] + 100));
}

TEST_CASE("energy: a knob scales its class, a bar is what 30 % of the class is worth") {
  const HardwareConfig config = machine({"energy.knob_sram=1.3"}), plain = machine();
  CHECK(EnergyModel(config).per_action(Action::kScratchpadRead) ==
        Approx(1.3 * EnergyModel(plain).per_action(Action::kScratchpadRead)));
  CHECK(EnergyModel(config).per_action(Action::kMac) == EnergyModel(plain).per_action(Action::kMac));
  SimulationResult result;
  result.energy = {1e9, 2e9, 3e9, 4e9, 5e9};                 // pJ: 1 to 5 mJ
  CHECK(energy_bars(result)[0].low_mj == Approx(15 - 0.3));  // no registers are known of what is not simulated
  // Of 1 mJ of compute 0.4 are gated registers; of 5 mJ of leakage 2 are registers without gates.
  result.totals.classes.compute = 0.6e9, result.totals.classes.leakage = 3e9;
  const auto bars = energy_bars(result);
  CHECK(std::string(bars[1].knob) == "knob_registers");
  CHECK(bars[0].low_mj == Approx(15 - 0.18));
  CHECK(bars[1].high_mj == Approx(15 + 0.72));
  CHECK(bars[2].high_mj == Approx(15 + 0.6));
  CHECK(bars[4].low_mj == Approx(15 - 1.2));
}

TEST_CASE("energy: the range of a ratio moves shared prices together") {
  // Only compute and SRAM, both off by 2: (8 c + 4 s) / (2 c + 4 s) with c and s at 1/2 or 2.
  const EnergyFactors twice{2, 2, 2, 2, 3, 2};
  const UncertainEnergy a{{8, 4, 0, 0, 0, 0, 0}, twice}, b{{2, 4, 0, 0, 0, 0, 0}, twice};
  EnergyRange range = energy_ratio_range(a, b, RatioOf::kChip);
  CHECK(range[0] == Approx((8 * 0.5 + 4 * 2) / (2 * 0.5 + 4 * 2)));  // compute cheap, SRAM dear
  CHECK(range[1] == Approx((8 * 2 + 4 * 0.5) / (2 * 2 + 4 * 0.5)));
  // A ratio of equals is 1 whatever the prices are.
  range = energy_ratio_range(a, a, RatioOf::kWithSameDram);
  CHECK((range[0] == Approx(1) && range[1] == Approx(1)));
  // Both gated or both ungated: 3 / 1 or 6 / 12.
  const UncertainEnergy few{{0, 0, 0, 0, 0, 3, 6}, twice}, many{{0, 0, 0, 0, 0, 1, 12}, twice};
  range = energy_ratio_range(few, many, RatioOf::kChip);
  CHECK((range[0] == Approx(0.5) && range[1] == Approx(3)));
  // DRAM of 10 against 5, off by 3: 2 if it is the same device, else 2 / 9 to 2 * 9.
  const UncertainEnergy much{{0, 0, 0, 10, 0, 0, 0}, twice}, little{{0, 0, 0, 5, 0, 0, 0}, twice};
  range = energy_ratio_range(much, little, RatioOf::kWithSameDram);
  CHECK((range[0] == Approx(2) && range[1] == Approx(2)));
  range = energy_ratio_range(much, little, RatioOf::kWithOtherDram);
  CHECK((range[0] == Approx(2.0 / 9) && range[1] == Approx(18)));
}

TEST_CASE("energy: formats are priced apart, fp32 and fp64 by stated assumption") {
  CHECK(EnergyModel(machine({"precision=int8"})).per_action(Action::kMac) == Approx(0.10 + 0.05));
  CHECK(EnergyModel(machine({"precision=int16"})).per_action(Action::kMac) == Approx(0.40 + 0.05));
  CHECK(EnergyModel(machine({"precision=fp16"})).per_action(Action::kMac) == Approx(0.56 + 0.20));
  const HardwareConfig config = machine({"precision=fp32"});
  CHECK(EnergyModel(config).per_action(Action::kMac) == Approx(1.9 + 0.46));
  CHECK_THAT(config.energy.sources.at("format.fp32"), Catch::Contains("[A]"));
  CHECK_THAT(config.energy.sources.at("format.fp64"), Catch::Contains("[A]"));
}
