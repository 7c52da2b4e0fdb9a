// `vitality new`: what it writes is valid, runs, and overwrites nothing.
#include <catch2/catch.hpp>

#include "base/json.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;

TEST_CASE("new: a config is the published machine, a model runs on it, values checked") {
  const ScratchFolder scratch;
  const std::string config = scratch.path("machine.json"), workload = scratch.path("model.json");
  REQUIRE(run_program({"new", "config", "--name", "my \"machine\"", "--out", config}).exit_code == 0);
  REQUIRE(run_program({"new", "workload", "--out", workload}).exit_code == 0);
  CHECK(run_program({"validate", config, workload}).exit_code == 0);
  const JsonDocument written = read_json_file(config);
  CHECK(written.find("name")->text() == "my \"machine\"");
  CHECK(written.find("sources")->members().size() > 15);
  for (const JsonMember& member : written.find("sources")->members())
    CHECK(member.value.text().find(". Default.") != std::string::npos);
  // 16 patches and a class token, 64 features: 16 x 768 x 64 + 4 x 17 x (64 x 192 + 64 x 64 + 2 x 64 x 256) + 4 blocks
  // x 4 heads x 17 x 17 x 32 + 64 x 10 MACs with softmax attention.
  const auto run = run_program({"run", "--config", config, "--workload", workload, "--quiet", "--result", "-"});
  REQUIRE(run.exit_code == 0);
  const JsonDocument result = parse_json(run.out, "result");
  CHECK(result.find("workload")->find("macs")->integer() ==
        16 * 768 * 64 + 4 * 17 * (64 * 192 + 64 * 64 + 2 * 64 * 256) + 4 * 4 * 17 * 17 * 32 + 64 * 10);
  CHECK(result.find("numerics")->find("passed")->boolean());
  // The published machine, under another name.
  const auto published =
      run_program({"run", "--config", "vitality", "--workload", workload, "--quiet", "--result", "-"});
  REQUIRE(published.exit_code == 0);
  const JsonDocument expected = parse_json(published.out, "result");
  for (const char* total : {"cycles", "dram_read_bytes", "macs"})
    CHECK(result.find("totals")->find(total)->integer() == expected.find("totals")->find(total)->integer());
}

TEST_CASE("new: stdout without --out, and nothing is overwritten") {
  const ScratchFolder scratch;
  const std::string file = scratch.path("machine.json");
  const auto printed = run_program({"new", "config"});
  REQUIRE(run_program({"new", "config", "--out", file}).exit_code == 0);
  CHECK(read_text(file) == printed.out);
  const auto again = run_program({"new", "workload", "--out", file});
  CHECK(again.exit_code == 2);
  CHECK(again.err.find("is there already") != std::string::npos);
  CHECK(read_text(file) == printed.out);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"new"},
                                                {"new", "sweep"},
                                                {"new", "config", "workload"},
                                                {"new", "config", "--name", ""}})
    CHECK(run_program(words).exit_code == 2);
}
