// Area and energy of the scratchpad by its macros, and of the NoC by the length of its links.
#include <catch2/catch.hpp>
#include <cmath>

#include "config/hardware_config_json.h"
#include "cost/energy.h"
#include "cost/noc_route.h"
#include "cost/sram.h"

using namespace vitality;

namespace {

HardwareConfig machine(const std::vector<std::string>& overrides = {}) {
  return read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json", overrides);
}

// A macro of IHP's open 130 nm library (SG13G2, commit 5cccb16): um2, and pJ of a read.
struct Published {
  double rows, bits, um2, read_pj;
};
constexpr Published kOnePort[] = {{256, 8, 17547, 10.2059},   {512, 8, 26138, 12.1274},    {1024, 8, 49419, 15.5961},
                                  {4096, 8, 146412, 33.7167}, {256, 16, 28127, 14.192},    {512, 16, 45309, 19.5664},
                                  {1024, 16, 79674, 26.4863}, {4096, 16, 257608, 58.644},  {256, 32, 49488, 26.006},
                                  {512, 32, 79720, 36.0099},  {1024, 32, 140184, 48.2666}, {8192, 32, 939904, 230.3533},
                                  {256, 48, 70850, 37.82},    {64, 64, 50489, 39.0507},    {256, 64, 93180, 49.634},
                                  {512, 64, 150104, 68.8967}, {1024, 64, 263946, 91.8272}, {2048, 64, 491632, 122.394}};
constexpr Published kTwoPorts[] = {
    {256, 8, 38148, 0}, {512, 8, 57398, 0}, {256, 16, 57521, 0}, {512, 16, 88482, 0},  {1024, 16, 155154, 0},
    {64, 22, 39384, 0}, {64, 32, 52621, 0}, {256, 32, 96267, 0}, {512, 32, 150650, 0}, {1024, 32, 264168, 0}};
constexpr double kArea = 28.0 * 28 / 130 / 130;

}  // namespace

TEST_CASE("SRAM: the law of the area is within 9 % of published macros, within 3 % with two ports") {
  const EnergyTable table;
  for (const Published& macro : kOnePort) {
    INFO(macro.rows << " x " << macro.bits);
    CHECK(sram_macro_um2(table, {1, macro.rows, macro.bits / 8, false}) == Approx(macro.um2 * kArea).epsilon(0.10));
  }
  for (const Published& macro : kTwoPorts) {
    INFO(macro.rows << " x " << macro.bits);
    CHECK(sram_macro_um2(table, {1, macro.rows, macro.bits / 8, true}) == Approx(macro.um2 * kArea).epsilon(0.03));
  }
}

TEST_CASE("SRAM: the energy has the shape of published macros and goes through the published 8 KiB") {
  const EnergyTable table;
  const auto read = [&table](double rows, double bits) {
    return sram_read_pj_per_byte(table, {1, rows, bits / 8, false}) * bits / 8;
  };
  CHECK(read(1024, 64) == Approx(10 * 0.507).epsilon(0.01));
  for (const Published& macro : kOnePort) {
    INFO(macro.rows << " x " << macro.bits);
    CHECK(read(macro.rows, macro.bits) == Approx(macro.read_pj * 0.0582).epsilon(0.14));
  }
  // 32 KB to 1 MB with ports of 64 bits: 20 pJ to 100 pJ, a factor of 5; the square root of 32 is 5.7.
  CHECK(read(4 * 8192, 64) == Approx(2 * read(8192, 64)));
  CHECK(sram_read_pj_per_byte(table, {1, 200, 8, true}) == Approx(1.3 * read(200, 64) / 8));
}

TEST_CASE("SRAM: the published machine's scratchpad by hand") {
  // 4 banks of 32 lanes of 8 bytes: 128 macros of 200 rows of 64 bits.
  const HardwareConfig config = machine();
  const SramMacros macros = sram_macros(config.scratchpad);
  CHECK((macros.count == 128 && macros.rows == 200 && macros.port_bytes == 8 && macros.two_ports));
  const EnergyModel prices(config);
  CHECK(prices.scratchpad_area() == Approx(128 * (12800 * 0.277 + 64 * 39.4 + 200 * 1.42 + 507)));
  const double read = 1.3 * (0.27 + 64 * (0.0294 + 200 * 0.0446e-3)) / 8;
  CHECK(prices.per_action(Action::kScratchpadRead) == Approx(read));
  CHECK(prices.per_action(Action::kScratchpadWrite) == Approx(1.24 * read));
  const EnergyModel shared(machine({"scratchpad.ports=shared"}));
  CHECK(shared.scratchpad_area() == Approx(128 * (12800 * 0.154 + 64 * 22.8 + 200 * 0.402 + 225)));
  CHECK(shared.per_action(Action::kScratchpadRead) == Approx(read / 1.3));
  // Ports that no multiple of 8 bytes fills are made of narrower lanes.
  CHECK(sram_macros(machine({"scratchpad.port_bytes=20"}).scratchpad).port_bytes == 4);
}

TEST_CASE("SRAM: capacity, banks and ports move area and energy as they should") {
  struct Point {
    double um2, byte, access;  // access: a row through all ports of a bank
  };
  const auto price = [](const std::vector<std::string>& overrides) {
    const HardwareConfig config = machine(overrides);
    const EnergyModel prices(config);
    const double byte = prices.per_action(Action::kScratchpadRead);
    return Point{prices.scratchpad_area(), byte, byte * config.scratchpad.port_bytes};
  };
  const auto along = [&price](const std::string& key, std::initializer_list<int> values) {
    std::vector<Point> points;
    for (const int value : values)
      points.push_back(price({"scratchpad.capacity_kib=4096", key + std::to_string(value)}));
    return points;
  };
  const auto rises = [](const std::vector<Point>& points, double Point::*what, int sign) {
    for (std::size_t i = 1; i < points.size(); ++i) CHECK(sign * (points[i].*what - points[i - 1].*what) > 0);
  };
  const auto capacity = along("scratchpad.capacity_kib=", {50, 100, 200, 400, 800, 6400, 51200, 409600});
  rises(capacity, &Point::um2, 1), rises(capacity, &Point::byte, 1);
  const auto banks = along("scratchpad.banks=", {1, 2, 4, 16, 64});
  rises(banks, &Point::um2, 1), rises(banks, &Point::byte, -1);
  const auto width = along("scratchpad.port_bytes=", {8, 16, 64, 256, 1024});
  rises(width, &Point::um2, 1), rises(width, &Point::access, 1), rises(width, &Point::byte, -1);
  // Narrower than a lane: fewer bytes share what an access costs whatever its width, over more rows.
  const auto narrow = along("scratchpad.port_bytes=", {1, 2, 4, 8});
  rises(narrow, &Point::byte, -1);
}

TEST_CASE("NoC: a byte pays for the length of the link, which is the edge of the core, and for its registers") {
  const HardwareConfig config = machine();
  const EnergyModel prices(config);
  const double core = prices.total_area() - prices.noc_area(), mm = std::sqrt(core) * 1e-3;
  CHECK(noc_link_mm(config, 4e6) == Approx(2));
  CHECK(prices.per_action(Action::kNocByteHop) == Approx(8 * (0.047 * mm + 4.96e-3 * 1.33)));
  CHECK(prices.noc_area() == Approx(2 * 8192 * (1.1 * mm + 1.7)));
  CHECK(EnergyModel(machine({"noc.hop_latency_cycles=3"})).per_action(Action::kNocByteHop) >
        prices.per_action(Action::kNocByteHop));
  // At another node the core is larger; a millimetre of wire costs what it cost, registers cost more.
  const HardwareConfig older = machine({"technology_nm=40"});
  const double longer = mm / std::sqrt(0.547);
  CHECK(EnergyModel(older).per_action(Action::kNocByteHop) == Approx(8 * (0.047 * longer + 4.96e-3 * 1.33 / 0.588)));
}

TEST_CASE("NoC: width, number of links and the array move area and energy as they should") {
  const auto area = [](const std::vector<std::string>& overrides) {
    return EnergyModel(machine(overrides)).noc_area();
  };
  const auto byte = [](const std::vector<std::string>& overrides) {
    return EnergyModel(machine(overrides)).per_action(Action::kNocByteHop);
  };
  CHECK(area({"noc.link_bytes=64"}) == Approx(area({}) / 16));
  CHECK(area({"matrix_engine.rows=128"}) > area({}));
  CHECK(byte({"matrix_engine.rows=128"}) > byte({}));
  CHECK(byte({"matrix_engine.cols=16"}) < byte({}));
  CHECK(byte({"scratchpad.capacity_kib=800"}) > byte({}));
  // Six units and the scratchpad, at nodes 0 to 6: links 0-1, 0-2, 1-3, 2-4, 3-5, 4-6, each over a seventh of the core.
  const HardwareConfig mesh = machine({"noc.topology=mesh", "noc.mesh_width=2"});
  const EnergyModel prices(mesh);
  const double mm = std::sqrt((prices.total_area() - prices.noc_area()) / 7) * 1e-3;
  CHECK(noc_links(mesh) == 6);
  CHECK(prices.noc_area() == Approx(6 * 2 * 8192 * (1.1 * mm + 1.7)));
  CHECK(prices.per_action(Action::kNocByteHop) == Approx(8 * (0.047 * mm + 4.96e-3 * 1.33)));
}
