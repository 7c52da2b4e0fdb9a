// The banked DRAM against DRAMsim3 and Ramulator 2 on the same traffic (tests/golden/dram/public_simulators.json).
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cost/dram_replay.h"
#include "tests/support/dram_devices.h"
#include "tests/support/dram_traces.h"

using namespace vitality;

namespace {

DramDevice device(const std::string& name) {
  return name == "hbm2" ? test::hbm2() : name == "lpddr4_3200" ? test::lpddr4_3200() : test::ddr4_2400();
}

}  // namespace

TEST_CASE("dram: mixed streams land inside the spread of the public simulators") {
  std::ifstream file(std::string(VITALITY_SOURCE_DIR) + "/tests/golden/dram/public_simulators.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  REQUIRE(golden["cases"].size() == 44);
  const int requests = golden["requests"].get<int>();
  for (const nlohmann::json& c : golden["cases"]) {
    DramConfig config;
    config.device = device(c["device"].get<std::string>());
    config.channels = 1, config.model = DramModel::kBanked, config.address_map = c["address_map"].get<std::string>();
    DramReplay memory(config);
    for (const test::TraceRequest& request : test::dram_trace(c["trace"].get<std::string>(), requests))
      memory.request(0, request.write, request.address);
    const DramReplayResult result = memory.finish();
    double low = 1e18, high = 0;
    for (const auto& [name, cycles] : c["measured"].items())
      low = std::min(low, cycles.get<double>()), high = std::max(high, cycles.get<double>());
    // Two simulators: their spread and 2 %, on HBM2, where they disagree about the command bus, 4 %. One alone says
    // nothing of the spread: 10 %.
    const double margin = c["measured"].size() == 1 ? 0.1 : c["device"] == "hbm2" ? 0.04 : 0.02;
    INFO(c.dump());
    CHECK(static_cast<double>(result.cycles) >= low * (1 - margin));
    CHECK(static_cast<double>(result.cycles) <= high * (1 + margin));
    CHECK(result.statistics.row_hits + result.statistics.row_misses + result.statistics.row_conflicts == requests);
    CHECK(result.bytes == 64 * Bytes{requests});
  }
}

TEST_CASE("dram: a lone read on every device, by hand") {
  struct Lone {
    DramDevice device;
    std::int64_t read, write;
  };
  // tRCD + CL + burst, tRCD + CWL + burst. LPDDR4: a second burst of the same row tCCD later. HBM2: its second burst in
  // the next bank group, whose row opens tRRD_S later.
  const Lone cases[] = {{test::ddr4_2400(), 17 + 17 + 4, 17 + 12 + 4},
                        {test::lpddr4_3200(), 29 + 28 + 8 + 8, 29 + 14 + 8 + 8},
                        {test::hbm2(), 4 + 14 + 14 + 2, 4 + 14 + 5 + 2}};
  for (const Lone& c : cases) {
    for (const int channels : {1, 4}) {
      for (const bool write : {false, true}) {
        DramConfig config;
        config.device = c.device, config.channels = channels, config.model = DramModel::kBanked;
        DramReplay memory(config);
        memory.request(1000, write, 0);
        INFO(c.device.name << " channels " << channels << " write " << write);
        // Over several channels the two bursts of 32 bytes go to two of them.
        const bool split = channels > 1 && c.device.burst_bytes() < 64;
        const std::int64_t alone = c.device.trcd + (write ? c.device.cwl : c.device.cl) + c.device.burst_cycles;
        CHECK(memory.finish().cycles == (split ? alone : write ? c.write : c.read));
      }
    }
  }
}

TEST_CASE("dram: sparse timed reads, each alone, by hand") {
  // The same row far apart in time: a miss, then hits; the last data CL + burst after its arrival.
  DramConfig config;
  config.channels = 1, config.model = DramModel::kBanked;
  DramReplay memory(config);
  for (int i = 0; i < 4; ++i) memory.request(100 + 1000 * i, false, 64 * 4 * i);  // columns of one bank group's row
  const DramReplayResult result = memory.finish();
  CHECK(result.cycles == 3000 + 17 + 4);
  CHECK(result.statistics.row_misses == 1);
  CHECK(result.statistics.row_hits == 3);
  CHECK(result.bandwidth_gb_s == Approx(256 / (3021 * 0.833)));
}
