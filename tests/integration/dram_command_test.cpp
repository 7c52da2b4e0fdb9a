// `vitality dram` from outside: what a trace costs on both models, the command trace against the timing checker,
// refusals.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/dram_checker.h"
#include "tests/support/dram_devices.h"
#include "tests/support/program.h"

using namespace vitality::test;

namespace {

// A file with this text, gone at the end of the test.
struct TextFile {
  std::string path;
  explicit TextFile(const std::string& text) {
    char name[] = "/tmp/dram_trace_XXXXXX";
    const int file = mkstemp(name);
    REQUIRE(file >= 0);
    close(file);
    path = name;
    std::ofstream(path, std::ios::binary) << text;
  }
  ~TextFile() { std::remove(path.c_str()); }
};

ProgramResult dram(const std::string& trace, std::vector<std::string> more) {
  std::vector<std::string> words{"dram", "--config", "configs/vitality.json", "--trace",
                                 trace,  "--set",    "dram.channels=1"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

nlohmann::json replay(const std::string& trace, std::vector<std::string> more) {
  const ProgramResult result = dram(TextFile(trace).path, more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

const std::vector<std::string> kBanked{"--set", "dram.model=banked"}, kBandwidth{"--set", "dram.model=bandwidth"};

}  // namespace

TEST_CASE("dram: one read and one write, from the first request to the last data") {
  const auto read = replay("R 0x1000\n", kBanked);
  CHECK(read["cycles"] == 17 + 17 + 4);
  CHECK(read["bytes"] == 64);
  CHECK(read["row_misses"] == 1);
  CHECK(read["bandwidth_gb_s"].get<double>() == Approx(64 / (38 * 0.833)));
  CHECK(replay("500 W 40\n", kBanked)["cycles"] == 17 + 12 + 4);
  CHECK(replay("R 1000", kBandwidth)["cycles"] == 38);
}

TEST_CASE("dram: row hit, row conflict, a pause, comments, carriage returns") {
  const auto hit = replay("# two columns of a row\n0 R 0\n\n0 R 100\r\n", kBanked);
  CHECK(hit["cycles"] == 38 + 6);
  CHECK(hit["row_hits"] == 1);
  const auto conflict = replay("0 R 0\n0 R 20000\n", kBanked);  // the next row of the bank under the default map
  CHECK(conflict["row_conflicts"] == 1);
  CHECK(conflict["cycles"] == 56 + 38);
  CHECK(replay("10 R 0\n1010 R 100\n", kBanked)["cycles"] == 1000 + 17 + 4);
}

TEST_CASE("dram: a sequential stream runs at the bus's rate in both models") {
  std::ostringstream trace;
  for (int i = 0; i < 16384; ++i) trace << "R " << std::hex << i * 64 << "\n";
  const double expected = 16384 * 4 / (1 - 420.0 / 9360);
  for (const auto& model : {kBanked, kBandwidth}) {
    const auto json = replay(trace.str(), model);
    CHECK(json["cycles"].get<double>() == Approx(expected).epsilon(0.015));
    CHECK(json["energy_pj"].get<double>() == Approx(13.0 * 8 * 64 * 16384).epsilon(0.25));
  }
}

TEST_CASE("dram: the command trace passes the timing checker") {
  std::ostringstream trace;
  std::uint64_t state = 1;
  for (int i = 0; i < 3000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    trace << (state >> 63 ? "W " : "R ") << std::hex << (state >> 20) % (1 << 26) << "\n";
  }
  const TextFile csv("");
  auto options = kBanked;
  options.insert(options.end(), {"--commands", csv.path});
  const auto json = replay(trace.str(), options);
  std::ifstream file(csv.path);
  std::string line;
  REQUIRE(std::getline(file, line));
  CHECK(line == "cycle,channel,command,rank,bank_group,bank,row,column");
  DramChecker checker{ddr4_2400()};
  int columns = 0;
  while (std::getline(file, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words(line);
    std::string name;
    int channel = 0;
    vitality::DramCommandRecord c{};
    words >> c.clock >> channel >> name >> c.at.rank >> c.at.bank_group >> c.at.bank >> c.at.row >> c.at.column;
    int kind = 0;
    while (kind < 5 && name != to_string(static_cast<vitality::DramCommand>(kind))) ++kind;
    c.command = static_cast<vitality::DramCommand>(kind);
    INFO(line);
    REQUIRE(checker.check(c) == "");
    columns += name == "RD" || name == "WR";
  }
  CHECK(columns == 3000);
  CHECK(json["commands"]["rd"].get<int>() + json["commands"]["wr"].get<int>() == 3000);
}

TEST_CASE("dram: bad traces are refused with exit 2 and the line") {
  const std::string junk(
      "\x7f"
      "ELF\x00\x01\xff R \n",
      12);
  const std::pair<std::string, std::string> cases[] = {
      {"", "no request"},
      {"# nothing\n\n", "no request"},
      {"R 0\nR zz\n", "line 2: expected a byte address"},
      {"R\n", "line 1: expected a byte address"},
      {"R 0x\n", "line 1: expected a byte address"},
      {"R -40\n", "line 1: expected a byte address"},
      {"R ffffffffffffffffff\n", "line 1: expected a byte address"},
      {"R 200000000\n", "line 1: address \"200000000\" lies outside the memory of 8589934592 bytes"},
      {"X 0\n", "line 1: expected a cycle, R or W, found \"X\""},
      {"5 0\n", "line 1: expected R or W"},
      {"10 R 0\n9 R 0\n", "line 2: cycle 9 comes before cycle 10"},
      {"99999999999999999999 R 0\n", "line 1: expected a cycle"},
      {"R 0 0\n", "line 1: expected nothing after the address"},
      {junk, "line 1: "},
      {std::string(1 << 20, 'R'), "line 1: longer than"},
  };
  for (const auto& [text, message] : cases) {
    const TextFile trace(text);
    const ProgramResult result = dram(trace.path, kBanked);
    INFO(text.substr(0, 40) << " -> " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Catch::StartsWith("error: " + trace.path + ": ") && Catch::Contains(message));
  }
}

TEST_CASE("dram: bad command lines and devices are refused, and write nothing") {
  const TextFile trace("R 0\n");
  const std::string csv = trace.path + ".csv";
  const std::vector<std::vector<std::string>> cases = {
      {"--set", "dram.device.trefi=500", "--commands", csv},
      {"--set", "dram.device.trc=10"},
      {"--set", "dram.address_map=row_bank_colum_bankgroup"},
      {"--set", "dram.address_map=row_bank_column"},
      {"--set", "dram.model=bandwidth", "--commands", csv},
      {"--set", "dram.channels=0"},
      {"--commands", "/nowhere/at/all.csv"},
  };
  for (auto words : cases) {
    words.insert(words.begin(), kBanked.begin(), kBanked.end());
    const ProgramResult result = dram(trace.path, words);
    INFO(words[3] << " -> " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Catch::StartsWith("error: "));
    CHECK(access(csv.c_str(), F_OK) != 0);
  }
  const ProgramResult late = dram(TextFile("R 0\nR x\n").path, {"--set", "dram.model=banked", "--commands", csv});
  CHECK(late.exit_code == 2);
  CHECK(access(csv.c_str(), F_OK) != 0);
  CHECK(dram("/nowhere/trace.txt", kBanked).exit_code == 2);
  CHECK(dram("/tmp", kBanked).exit_code == 2);
  CHECK(run_program({"dram", "--trace", trace.path}).exit_code == 2);
  CHECK(run_program({"dram", "--config", "configs/vitality.json"}).exit_code == 2);
  CHECK(run_program({"dram", "--help"}).exit_code == 0);
}

TEST_CASE("dram: shipped devices and any channel count replay") {
  for (const char* device : {"ddr4_2400", "lpddr4_3200", "hbm2"}) {
    for (const char* channels : {"1", "3", "8"}) {
      std::ostringstream trace;
      for (int i = 0; i < 4000; ++i) trace << (i % 3 ? "R " : "W ") << std::hex << i * 64 << "\n";
      const auto json = replay(trace.str(), {"--set", std::string("dram.device=") + device, "--set",
                                             "dram.model=banked", "--set", std::string("dram.channels=") + channels});
      CHECK(json["bytes"] == 4000 * 64);
      CHECK(json["device"] == device);
      CHECK(json["row_hits"].get<int>() + json["row_misses"].get<int>() + json["row_conflicts"].get<int>() == 4000);
      const int bursts = device == std::string("ddr4_2400") ? 1 : 2;  // of 64 bytes
      CHECK(json["commands"]["rd"].get<int>() + json["commands"]["wr"].get<int>() == 4000 * bursts);
    }
  }
}
