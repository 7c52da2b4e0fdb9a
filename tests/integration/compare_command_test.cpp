// `vitality compare` from outside.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;

namespace {
const std::string kVitality = "configs/vitality.json", kDense = "configs/dense_softmax.json",
                  kTiny = "workloads/tiny_vit.json";

nlohmann::json compared(std::vector<std::string> words) {
  const ScratchFolder folder;
  words.insert(words.begin(), "compare");
  words.insert(words.end(), {"--json", folder.path("c.json"), "--quiet"});
  const ProgramResult result = run_program(words);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.out.empty());
  std::ifstream file(folder.path("c.json"));
  return nlohmann::json::parse(file);
}
}  // namespace

TEST_CASE("compare: two machines, values checked, Taylor has an error against softmax, softmax has none") {
  const auto json = compared({"--config", kVitality, "--config", kDense, "--workload", kTiny});
  REQUIRE(json["pairs"].size() == 2);
  const auto& first = json["pairs"][0];
  const auto& second = json["pairs"][1];
  CHECK(first["end_to_end"]["speedup"]["value"] == 1);
  CHECK(first["end_to_end"]["latency_ms"]["tag"] == "simulated");
  CHECK(first["attention_error"]["value"].get<double>() > 0);
  CHECK(second["attention_error"]["value"] == 0);
  const double latency = first["end_to_end"]["latency_ms"]["value"],
               other = second["end_to_end"]["latency_ms"]["value"];
  CHECK(second["end_to_end"]["speedup"]["value"].get<double>() == Approx(latency / other));
}

TEST_CASE("compare: the same numbers whatever the number of jobs") {
  const auto with = [](const char* jobs) {
    auto json = compared({"--config", kVitality, kDense, "--workload", kTiny, "workloads/tiny_levit.json", "--numerics",
                          "off", "--jobs", jobs});
    json.erase("command");
    return json;
  };
  CHECK(with("1") == with("4"));
}

TEST_CASE("compare: normalization tags every other machine and says how") {
  const auto json =
      compared({"--config", kVitality, kDense, "--workload", kTiny, "--numerics", "off", "--normalize", "area"});
  CHECK(json["machines"][0]["tag"] == "simulated");
  CHECK(json["machines"][1]["tag"] == "scaled");
  CHECK(json["pairs"][1]["end_to_end"]["latency_ms"]["tag"] == "scaled");
  CHECK(json["machines"][1]["how"].get<std::string>().find("mm2") != std::string::npos);
}

TEST_CASE("compare: a failing pair is reported, the rest stand, nothing that runs is exit 4") {
  const ScratchFolder folder;
  const std::string small = folder.write(
      "small.json", R"({"name": "small", "scratchpad": {"capacity_kib": 1, "banks": 1, "port_bytes": 64}})");
  const auto json = compared({"--config", kVitality, small, "--workload", kTiny, "--numerics", "off"});
  CHECK(json["pairs"][0]["status"] == "ok");
  CHECK(json["pairs"][1]["status"] == "infeasible");
  CHECK(json["pairs"][1]["reason"].get<std::string>().find("scratchpad") != std::string::npos);
  CHECK(run_program({"compare", "--config", small, "--workload", kTiny, "--numerics", "off"}).exit_code == 4);
}

TEST_CASE("compare: values of one machine alone, equal names stay apart") {
  const auto json = compared({"--config", kVitality, kVitality + ",pipeline.intra_layer=false,dram.channels=1",
                              kVitality, "--workload", kTiny, "--numerics", "off"});
  REQUIRE(json["machines"].size() == 3);
  CHECK(json["machines"][1]["name"] == "vitality pipeline.intra_layer=false dram.channels=1");
  CHECK(json["machines"][2]["name"] == "vitality (2)");
  CHECK(json["pairs"][1]["end_to_end"]["speedup"]["value"].get<double>() < 1);
  CHECK(json["pairs"][2]["end_to_end"]["speedup"]["value"] == 1);
  CHECK(json["pairs"][0]["end_to_end"]["on_chip_energy_mj"]["value"].get<double>() <
        json["pairs"][0]["end_to_end"]["energy_mj"]["value"].get<double>());
}

TEST_CASE("compare: masks that fit one model and not the other cost that pair alone, masks that fit none are exit 2") {
  const ScratchFolder folder;
  std::string text = "\x93NUMPY\x01";
  text += std::string("\x00\x76\x00", 3);
  text += "{'descr': '|u1', 'fortran_order': False, 'shape': (17, 17), }";
  text += std::string(10 + 0x76 - text.size() - 1, ' ') + "\n" + std::string(17 * 17, '\1');
  const std::string mask = folder.write("mask.npy", text);
  const std::string machine =
      "configs/vitality_training.json,sparsity.source=file,sparsity.mask_file=" + mask + ",attention=sparse";
  const auto json =
      compared({"--config", machine, "--workload", kTiny, "workloads/tiny_levit.json", "--numerics", "off"});
  CHECK(json["pairs"][0]["status"] == "ok");
  CHECK(json["pairs"][0]["density"]["value"] == 1);
  CHECK(json["pairs"][1]["status"] == "infeasible");
  CHECK(json["pairs"][1]["reason"].get<std::string>().find("(17, 17)") != std::string::npos);
  const ProgramResult none = run_program({"compare", "--config", machine, "--workload", "workloads/tiny_levit.json"});
  CHECK(none.exit_code == 2);
  CHECK(none.err.find("mask.npy") != std::string::npos);
}

TEST_CASE("compare: a machine or a model that is not there is answered with the one that was meant") {
  for (const auto& [word, meant] :
       std::vector<std::pair<std::string, std::string>>{{"sangr", "configs/sanger.json"},
                                                        {"configs/vitalty.json", "configs/vitality.json"},
                                                        {"spaten.json,clock_mhz=500", "configs/spatten.json"}}) {
    const ProgramResult result = run_program({"compare", "--config", kVitality, word, "--workload", kTiny});
    INFO(word << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("did you mean \"" + meant + "\"?") != std::string::npos);
  }
  const ProgramResult run = run_program({"run", "--config", kVitality, "--workload", "deit_tinny"});
  CHECK(run.exit_code == 2);
  CHECK(run.err.find("did you mean \"workloads/deit_tiny.json\"?") != std::string::npos);
}

TEST_CASE("compare: a measured machine keeps its clock and its memory, and cannot be resized") {
  const auto json = compared({"--config", kVitality, "configs/host.json", "--workload", kTiny, "--normalize", "macs"});
  CHECK(json["pairs"][1]["status"] == "infeasible");
  CHECK(json["machines"][1]["tag"] == "measured");
  CHECK(json["machines"][1]["how"] == "");
}

TEST_CASE("compare: bad words and files are exit 2, and nothing is written") {
  const ScratchFolder folder;
  const std::string out = folder.path("out.json");
  const std::vector<std::vector<std::string>> cases = {
      {"--workload", kTiny},
      {"--config", kVitality},
      {"--config", kVitality, "--workload", kTiny, "--normalize", "mac"},
      {"--config", kVitality, "--workload", kTiny, "--dram", "none"},
      {"--config", kVitality, "--workload", kTiny, "--jobs", "0"},
      {"--config", "configs/vitalty.json", "--workload", kTiny},
      {"--config", kVitality, "--workload", "workloads/none.json"},
      {"--config", kVitality, "--workload", kTiny, "--set", "matrix_engine.row=1"},
      {"--config", kVitality, "--config", kVitality + ",pipeline.intra_layr=false", "--workload", kTiny},
      {"--config", kVitality, "--config", kVitality + ",pipeline.intra_layer", "--workload", kTiny},
      {"--config", kVitality, "--config", kVitality + ",", "--workload", kTiny},
      {"--config", "configs/host.json", kVitality, "--workload", kTiny, "--normalize", "power"},
      {"--config", "configs/vitality_training.json", "--workload", kTiny, "--set", "sparsity.source=file", "--set",
       "sparsity.mask_file=no/such/mask.npy"},
      {"--config", kVitality, "--workload", kTiny, "--csv", out},
      {"--config", kVitality, "--workload", kTiny, "--csv", folder.path("no/such/folder.csv")},
  };
  for (std::vector<std::string> words : cases) {
    words.insert(words.begin(), "compare");
    words.insert(words.end(), {"--json", out});
    const ProgramResult result = run_program(words);
    INFO(words.size() << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.rfind("error: ", 0) == 0);
    CHECK(!std::filesystem::exists(out));
  }
}
