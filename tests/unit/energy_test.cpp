// Prices: technology scaling, SRAM by capacity and port, clock, calibration knobs, uncertainty bars.
#include "cost/energy.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "config/technology.h"
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
  CHECK_FALSE(has_technology(16));
  CHECK(technology_nodes() == "65, 55, 45, 40, 28, 22");
}

TEST_CASE("technology: a machine at 40 nm pays the 28 nm table's prices over 0.588, its area over 0.547") {
  const HardwareConfig here = machine(), there = machine({"technology_nm=40"});
  const EnergyModel at28(here), at40(there);
  for (const Action action : {Action::kMac, Action::kScratchpadRead, Action::kNocByteHop, Action::kDivide})
    CHECK(at40.per_action(action) == Approx(at28.per_action(action) / 0.588));
  CHECK(at40.leakage_per_cycle() == Approx(at28.leakage_per_cycle() / 0.588));
  CHECK(at40.total_area() == Approx(at28.total_area() / 0.547));
  CHECK(at40.dram_per_byte() == at28.dram_per_byte());  // the memory is another chip
  // A table of another node: 65 nm prices at 28 nm.
  CHECK(EnergyModel(machine({"energy.technology_nm=65"})).per_action(Action::kMac) == Approx(0.61 * 0.404));
}

TEST_CASE("technology: nodes without data are refused with the list") {
  for (const std::string key : {"technology_nm", "energy.technology_nm"}) {
    try {
      machine({key + "=16"});
      FAIL("accepted");
    } catch (const InputError& error) {
      CHECK_THAT(error.what(), Catch::Contains("expected one of 65, 55, 45, 40, 28, 22"));
    }
  }
}

TEST_CASE("energy: SRAM by capacity and port") {
  const EnergyTable table;
  CHECK(sram_read_pj_per_byte(table, 8, 8) == 0.287);     // CACTI's points
  CHECK(sram_read_pj_per_byte(table, 64, 256) == 0.912);  // wide ports are lanes of 8 bytes
  CHECK(sram_read_pj_per_byte(table, 48, 8) == Approx((0.673 + 0.912) / 2));
  CHECK(sram_read_pj_per_byte(table, 1024, 8) == Approx(1.952 * 2));  // square root beyond the table
  CHECK(sram_read_pj_per_byte(table, 8, 4) == Approx(0.287 * (0.5 * 2 + 0.5)));
  CHECK(sram_read_pj_per_byte(table, 8, 1) == Approx(0.287 * (0.5 * 8 + 0.5)));
  // docs/hardware.md section 3: 4 banks of 50 KiB, 1.2 pJ a byte read and 1.05 written.
  const HardwareConfig config = machine();
  CHECK(EnergyModel(config).per_action(Action::kScratchpadRead) == Approx(1.2).epsilon(0.02));
  CHECK(EnergyModel(config).per_action(Action::kScratchpadWrite) == Approx(1.05).epsilon(0.02));
}

TEST_CASE("energy: the clock is priced per PE and cycle, off by default") {
  const HardwareConfig off = machine(), on = machine({"energy.clock_pj_per_pe_cycle=0.01"});
  CHECK(EnergyModel(off).clock_per_cycle() == 0);
  CHECK(EnergyModel(on).clock_per_cycle() == Approx((64 * 64 + 64) * 0.01));
  CHECK(EnergyModel(on).leakage_per_cycle() == Approx(EnergyModel(off).leakage_per_cycle() + 41.6));
}

TEST_CASE("energy: a knob scales its class, a bar is what 30 % of the class is worth") {
  const HardwareConfig config = machine({"energy.knob_sram=1.3"}), plain = machine();
  CHECK(EnergyModel(config).per_action(Action::kScratchpadRead) ==
        Approx(1.3 * EnergyModel(plain).per_action(Action::kScratchpadRead)));
  CHECK(EnergyModel(config).per_action(Action::kMac) == EnergyModel(plain).per_action(Action::kMac));
  const EnergyBreakdown energy{1e9, 2e9, 3e9, 4e9, 5e9};  // pJ: 1 to 5 mJ
  const auto bars = energy_bars(energy);
  CHECK(std::string(bars[1].knob) == "knob_sram");
  CHECK(bars[0].low_mj == Approx(15 - 0.3));
  CHECK(bars[1].high_mj == Approx(15 + 0.6));
  CHECK(bars[3].low_mj == Approx(15 - 1.2));
}

TEST_CASE("energy: formats are priced apart, fp32 and fp64 by stated assumption") {
  CHECK(EnergyModel(machine({"precision=int8"})).per_action(Action::kMac) == 0.27);
  CHECK(EnergyModel(machine({"precision=int16"})).per_action(Action::kMac) == 0.61);
  CHECK(EnergyModel(machine({"precision=fp16"})).per_action(Action::kMac) == 0.88);
  const HardwareConfig config = machine({"precision=fp32"});
  CHECK(EnergyModel(config).per_action(Action::kMac) == 2.2);
  CHECK_THAT(config.energy.sources.at("format.fp32"), Catch::Contains("[A]"));
  CHECK_THAT(config.energy.sources.at("format.fp64"), Catch::Contains("[A]"));
}

TEST_CASE("area: links cost it by their width and number") {
  HardwareConfig config;
  const auto noc_area = [&] { return EnergyModel(config).noc_area(); };
  const auto core = [&] { return EnergyModel(config).total_area() - noc_area(); };
  // The published machine's bus of 1,024 bytes: 5 % of the core.
  CHECK(noc_area() == Approx(0.05 * core()));
  config.noc.link_bytes = 64;
  CHECK(noc_area() == Approx(0.05 * core() / 16));
  // Units at nodes 1 to 6: links 0-1, 0-2, 1-3, 2-4, 3-5, 4-6.
  config.noc.topology = NocTopology::kMesh, config.noc.mesh_width = 2;
  CHECK(noc_area() == Approx(6 * 0.05 * core() / 16));
}
