// SpAtten, ELSA and DOTA from outside: runs, comparisons, and what they refuse.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;

namespace {

const std::vector<std::string> kMachines = {"configs/spatten.json", "configs/elsa.json", "configs/dota.json"};

nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("pruning machines: run checks the values, says the density and the error against softmax") {
  for (const std::string& machine : kMachines) {
    const ScratchFolder folder;
    const ProgramResult result = run_program({"run", "--config", machine, "--workload", "workloads/tiny_vit.json",
                                              "--result", folder.path("r.json"), "--seed", "3"});
    INFO(machine << ": " << result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(result.out.find("masks         predicted") != std::string::npos);
    CHECK(result.out.find("approximation sparse against softmax") != std::string::npos);
    const auto json = read_json(folder.path("r.json"));
    CHECK(json["numerics"]["passed"] == true);
    CHECK(json["mask_source"] == "predicted");
    double prediction = 0;
    for (const auto& unit : json["units"])
      if (unit["name"] == "predictor") prediction = unit["busy_cycles"];
    CHECK(prediction > 0);
  }
}

TEST_CASE("pruning machines: compare shows density and error, and says what is assumed") {
  const ScratchFolder folder;
  std::vector<std::string> words = {"compare", "--config", "configs/vitality.json"};
  words.insert(words.end(), kMachines.begin(), kMachines.end());
  words.insert(words.end(), {"--workload", "workloads/tiny_vit.json", "--json", folder.path("c.json")});
  const ProgramResult result = run_program(words);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.out.find("learned on the run's own inputs") != std::string::npos);
  const auto json = read_json(folder.path("c.json"));
  for (std::size_t machine = 1; machine < 4; ++machine) {
    const auto& pair = json["pairs"][machine];
    CHECK(pair["status"] == "ok");
    CHECK(pair["density"]["value"].get<double>() > 0);
    CHECK(pair["density"]["value"].get<double>() < 1);
    CHECK(pair["attention_error"]["value"].get<double>() > 0);
    CHECK(pair["end_to_end"]["latency_ms"]["tag"] == "simulated");
  }
  CHECK(json["pairs"][3]["density"]["value"].get<double>() == Approx(2.0 / 17));  // ceil(0.1 x 17) keys a query
}

TEST_CASE("pruning machines: pruning nothing is exact softmax") {
  const ScratchFolder folder;
  const ProgramResult result = run_program(
      {"compare", "--config",
       "configs/spatten.json,sparsity.token_keep=1,sparsity.head_keep=1,sparsity.value_keep=1,precision=fp64",
       "configs/dota.json,sparsity.row_keep=1,precision=fp64", "configs/elsa.json,sparsity.hash_p=0,precision=fp64",
       "--workload", "workloads/tiny_vit.json", "--json", folder.path("c.json"), "--quiet"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto json = read_json(folder.path("c.json"));
  for (const std::size_t machine : {0, 1}) {
    CHECK(json["pairs"][machine]["density"]["value"] == 1);
    CHECK(json["pairs"][machine]["attention_error"]["value"].get<double>() < 1e-12);
  }
  CHECK(json["pairs"][2]["density"]["value"].get<double>() > 0.9);
}

TEST_CASE("pruning machines: what they cannot run is exit 4, bad values are exit 2") {
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* says;
  };
  const std::vector<Case> cases = {
      {{"--set", "attention=softmax"}, 4, "softmax"},
      {{"--set", "attention=taylor"}, 4, "taylor"},
      {{"--set", "attention=unified"}, 4, "unified"},
      {{"--set", "cost_model=as_published"}, 2, "cost_model"},
      {{"--set", "sparsity.token_keep=1.5"}, 2, "/sparsity/token_keep"},
      {{"--set", "sparsity.token_keep=-1"}, 2, "/sparsity/token_keep"},
      {{"--set", "sparsity.hash_p=x"}, 2, "/sparsity/hash_p"},
      {{"--set", "sparsity.detector_rank=2"}, 2, "/sparsity/detector_rank"},
      {{"--set", "sparsity.row_kep=0.1"}, 2, "did you mean \"sparsity.row_keep\""},
      {{"--set", "sparsity.source=file"}, 2, "/sparsity/mask_file"},
      {{"--set", "sparsity.source=file", "--set", "sparsity.mask_file=tests/golden/attention/n16_d16_normal/Q.npy"},
       2,
       "Q.npy"},
      {{"--set", "scratchpad.capacity_kib=1", "--set", "scratchpad.banks=1", "--set", "scratchpad.port_bytes=64"},
       4,
       "scratchpad"},
  };
  for (const std::string& machine : kMachines) {
    for (const Case& c : cases) {
      std::vector<std::string> words = {"run", "--config", machine, "--workload", "workloads/tiny_vit.json", "--quiet"};
      words.insert(words.end(), c.words.begin(), c.words.end());
      const ProgramResult result = run_program(words);
      INFO(machine << " " << c.words[1] << ": " << result.err);
      CHECK(result.exit_code == c.code);
      CHECK(result.err.rfind("error: ", 0) == 0);
      CHECK(result.err.find(c.says) != std::string::npos);
    }
  }
}

TEST_CASE("pruning machines: the least that can be kept still runs") {
  for (const std::string& override : std::vector<std::string>{
           "sparsity.token_keep=0", "sparsity.head_keep=0", "sparsity.value_keep=0", "sparsity.row_keep=0",
           "sparsity.detector_rank=0", "sparsity.hash_p=1000", "matrix_engine.cols=1", "matrix_engine.rows=1"}) {
    for (const std::string& machine : kMachines) {
      const ProgramResult result =
          run_program({"run", "--config", machine, "--workload", "workloads/tiny_levit.json", "--set", override});
      INFO(machine << " " << override << ": " << result.err);
      CHECK(result.exit_code == 0);
    }
  }
}
