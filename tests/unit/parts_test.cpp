// Areas of machines by parts: sums written out by hand from the energy table's sizes.
#include "cost/parts.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "cost/energy.h"
#include "cost/machine_units.h"

using namespace vitality;

namespace {

HardwareConfig machine(const std::string& name, const std::vector<std::string>& overrides = {}) {
  return read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/" + name + ".json", overrides);
}
double unit_um2(const HardwareConfig& config, UnitKind kind) {
  return EnergyModel(config).unit_area(kind);
}

// int16 at 28 nm, um2: multiplier 717, sum adder 70, flip-flop 1.7, multiplexer 0.65 a bit.
constexpr double kHeld = 16 * (1.7 + 0.65), kOperand = 16 * 1.7, kSum = 32 * 1.7, kMux = 16 * 0.65;
constexpr double kPe = 717 + 70 + kHeld + kOperand + kSum + 2 * kMux;

}  // namespace

TEST_CASE("parts: the published machine, unit by unit") {
  const HardwareConfig config = machine("vitality");
  CHECK(kPe == Approx(927));
  CHECK(unit_um2(config, UnitKind::kMatrixEngine) == Approx(4096 * kPe + 64 * 139));
  CHECK(unit_um2(config, UnitKind::kDiagonalEngine) == Approx(64 * kPe));
  CHECK(unit_um2(config, UnitKind::kAccumulators) == Approx(64 * 139));
  CHECK(unit_um2(config, UnitKind::kDividers) == Approx(64 * 1983));
  CHECK(unit_um2(config, UnitKind::kAdders) == Approx(64 * 113));
  CHECK(unit_um2(config, UnitKind::kSpecialFunctions) == 0);
  const EnergyModel prices(config);
  const double logic = 4160 * kPe + 128 * 139 + 64 * (1983 + 113);
  CHECK(prices.total_area() == Approx(logic + prices.scratchpad_area() + prices.noc_area()));
}

TEST_CASE("parts: Sanger's PE from its released RTL is about five PEs of the published array") {
  const HardwareConfig config = machine("sanger");
  const double buffer = 48 * (kHeld + kMux), operands = 129 * kMux;
  const double pe = 717 + 70 + kOperand + kHeld + 158 + operands + buffer;
  CHECK(pe / kPe == Approx(5).epsilon(0.05));
  CHECK(unit_um2(config, UnitKind::kMatrixEngine) == Approx(1024 * pe + 64 * 129 * kOperand));
  // A 4-bit PE of the predictor: a quarter of an int8 multiplier, 12 bits of a 32-bit adder, 20 flip-flops with enable.
  const double predictor = 163 / 4.0 + 70 * 12 / 32.0 + 20 * (1.7 + 0.65);
  CHECK(unit_um2(config, UnitKind::kPredictor) == Approx(4096 * predictor + 64 * (158 + 2 * kOperand)));
  const double mm2 = EnergyModel(config).total_area() * 1e-6;
  CHECK((mm2 > 4.5 && mm2 < 6.5));
}

TEST_CASE("parts: a unit without parts in the config has its usual ones, a listed one only those") {
  HardwareConfig config = machine("vitality"), plain = config;
  plain.parts.clear();
  CHECK(EnergyModel(plain).total_area() == Approx(EnergyModel(config).total_area()));
  plain.parts.push_back({PartUnit::kAdders, PartPer::kLane, PartKind::kLogic, 2, 70});
  CHECK(unit_um2(plain, UnitKind::kAdders) == Approx(64 * 2 * 70));
  CHECK(unit_um2(plain, UnitKind::kDividers) == Approx(64 * 1983));
}

TEST_CASE("parts: numbers follow the machine's size, sizes its number format and node") {
  CHECK(unit_um2(machine("vitality", {"matrix_engine.rows=8", "matrix_engine.cols=16"}), UnitKind::kMatrixEngine) ==
        Approx(128 * kPe + 16 * 139));
  const double int8 = 163 + 70 + 8 * (1.7 + 0.65) + 8 * 1.7 + 32 * 1.7 + 16 * 0.65;
  CHECK(unit_um2(machine("vitality", {"precision=int8"}), UnitKind::kDiagonalEngine) == Approx(64 * int8));
  CHECK(unit_um2(machine("vitality", {"technology_nm=55"}), UnitKind::kDiagonalEngine) == Approx(64 * kPe / 0.315));
  CHECK(unit_um2(machine("vitality", {"dividers.initiation_interval=16"}), UnitKind::kDividers) ==
        Approx(64 * 0.3 * 1983));
  // Two arrays have two columns of SA-Diag.
  CHECK(EnergyModel(machine("vitality", {"matrix_engine.count=2"})).unit_area(UnitKind::kDiagonalEngine) ==
        Approx(64 * kPe));
  // A second sum register and its multiplexer in each PE.
  CHECK(unit_um2(machine("vitality", {"matrix_engine.accumulation=g_stationary"}), UnitKind::kMatrixEngine) ==
        Approx(4096 * (kPe + kSum + 2 * kMux) + 64 * 139));
}

TEST_CASE("parts: every shipped machine lists its parts with a source and a mark") {
  for (const char* name : {"vitality", "vitality_overlapped", "vitality_training", "vitality_g_stationary",
                           "dense_softmax", "sanger", "vitcod", "salo", "spatten", "elsa", "dota"}) {
    INFO(name);
    const HardwareConfig config = machine(name);
    for (const MachinePart& part : config.parts) {
      const char mark = part.source.size() > 2 ? part.source[part.source.size() - 2] : ' ';
      CHECK((mark == 'P' || mark == 'Q' || mark == 'C' || mark == 'A' || mark == 'U'));
    }
    for (const PricedPart& part : parts_of(config)) {
      INFO(part.name);
      CHECK(part.source != "");  // no unit falls back to its usual parts
      CHECK(part.clocked_flip_flops <= part.flip_flops);
    }
  }
}

TEST_CASE("parts: mistakes are found") {
  const auto refused = [](const std::string& part) {
    try {
      machine("vitality", {"parts=[" + part + "]"});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refused(R"({"unit":"adder"})"), Catch::Contains("adders"));
  CHECK_THAT(refused(R"({"unit":"adders","per":"kib","kind":"adder"})"), Catch::Contains("kib of a scratchpad"));
  CHECK_THAT(refused(R"({"unit":"adders","per":"lane","kind":"sram"})"), Catch::Contains("sram of a scratchpad"));
  CHECK_THAT(refused(R"({"unit":"adders","per":"lane"})"), Catch::Contains("expected a size"));
  CHECK_THAT(refused("7"), Catch::Contains("object"));
  CHECK(refused(R"({"unit":"adders","per":"lane","um2":70})") == "");
}
