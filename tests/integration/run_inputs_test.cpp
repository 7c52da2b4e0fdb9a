// `vitality run --inputs` from outside: tensors of files take the place of seeded ones, bit for bit, or are refused.
#include <catch2/catch.hpp>
#include <cmath>

#include "tensor/npy.h"
#include "tests/support/npy_files.h"
#include "tests/support/run_command.h"
#include "workload/parameters.h"
#include "workload/workload_json.h"

using nlohmann::json;
using namespace vitality;
using namespace vitality::test;
using Catch::Contains;

TEST_CASE("run: --inputs replaces what it names, bit for bit") {
  const ScratchFolder folder;
  const VitModel model = read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_levit.json");
  // Every tensor of seed 5 as a file: the same run as seed 5, whatever the seed.
  const SeededParameters seeded(5);
  std::filesystem::create_directory(folder.path("in"));
  for (const ParameterInfo& info : parameters_of(model))
    write_npy(folder.path("in/" + info.name + ".npy"), seeded.tensor(info));
  const json want = run("tiny_levit", {"--seed", "5"}),
             got = run("tiny_levit", {"--seed", "9", "--inputs", folder.path("in")});
  const json other = run("tiny_levit", {"--seed", "9"});
  const std::size_t tensors = parameters_of(model).size();
  CHECK(got["numerics"]["seeded_tensors"] == 0);
  CHECK(want["numerics"]["seeded_tensors"] == tensors);
  CHECK(want["numerics"]["seeded_weights"] == tensors - 1);
  for (const char* key : {"max_abs_error", "cosine_similarity", "approximation"})
    CHECK(got["numerics"][key] == want["numerics"][key]);
  CHECK(got["layers"] == want["layers"]);
  CHECK(got["numerics"] != other["numerics"]);
  CHECK(got["manifest"]["inputs_sha256"].get<std::string>().size() == 64);
  CHECK_FALSE(other["manifest"].contains("inputs_sha256"));
}

TEST_CASE("run: --inputs needs every weight and the images of the whole batch") {
  const ScratchFolder folder;
  const VitModel model = read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json");
  const SeededParameters seeded(5);
  const std::string input = folder.path("in");
  std::filesystem::create_directory(input);
  for (const ParameterInfo& info : parameters_of(model))
    write_npy(input + "/" + info.name + ".npy", seeded.tensor(info));
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--numerics", "off", "--inputs", input});
    return more;
  };
  check_refused(folder, words("tiny_vit", with({"--batch", "2"})), 2, "no file input.1.npy beside input.npy");
  check_refused(folder, words("tiny_vit", with({"--batch", "2", "--allow-seeded"})), 2, "input.1.npy");
  std::filesystem::remove(input + "/input.npy");
  const json images = run("tiny_vit", with({"--batch", "2"}));
  CHECK(images["numerics"]["seeded_tensors"] == 2);
  CHECK(images["numerics"]["seeded_weights"] == 0);
  CHECK(run_program(words("tiny_vit", with({}))).out.find("weights are random") == std::string::npos);

  std::filesystem::remove(input + "/norm.weight.npy");
  check_refused(folder, words("tiny_vit", with({})), 2, "no file norm.weight.npy, expected every weight");
  const json allowed = run("tiny_vit", with({"--allow-seeded"}));
  CHECK(allowed["numerics"]["seeded_tensors"] == 2);
  CHECK(allowed["numerics"]["seeded_weights"] == 1);
  const json recorded = allowed["manifest"]["arguments"];
  CHECK(std::find(recorded.begin(), recorded.end(), "--allow-seeded") != recorded.end());
  CHECK_THAT(run_program(words("tiny_vit", with({"--allow-seeded"}))).out,
             Contains("weights are random: densities and approximation errors are not a trained model's"));
}

TEST_CASE("run: tensors in Fortran order are refused with the layout that is expected") {
  const ScratchFolder folder;
  const std::string name = folder.path("blocks.0.attn.proj.weight.npy");
  const VitModel model = read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json");
  for (const ParameterInfo& info : parameters_of(model))
    if (info.name == "blocks.0.attn.proj.weight") write_npy(name, MatrixD(info.rows, info.cols));
  std::string bytes = read_text(name);
  const std::size_t at = bytes.find("False");
  REQUIRE(at != std::string::npos);
  bytes.replace(at, 6, "True, ");
  std::ofstream(name, std::ios::binary) << bytes;
  const ProgramResult result = run_program(words("tiny_vit", {"--inputs", folder.path(), "--allow-seeded"}));
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, Contains("Fortran order") && Contains("row after row") && Contains("inputs x outputs"));
}

TEST_CASE("run: bad tensors are refused before anything is simulated") {
  const ScratchFolder folder;
  const std::string input = folder.path("in");
  const auto refused = [&](const std::string& name, const NpyShape& shape, double value, const std::string& expected) {
    std::filesystem::remove_all(input);
    std::filesystem::create_directory(input);
    write_npy(input + "/" + name + ".npy", shape, std::vector<double>(element_count(shape), value));
    // Values are looked at even where none is computed.
    check_refused(folder, words("tiny_levit", {"--numerics", "off", "--inputs", input}), 2, expected);
  };
  const VitModel model = read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_levit.json");
  const auto infos = parameters_of(model);
  const auto variance = std::find_if(infos.begin(), infos.end(),
                                     [](const ParameterInfo& i) { return i.role == ParameterRole::kRunningVariance; });
  REQUIRE(variance != infos.end());
  refused("inputs", {infos[0].rows, infos[0].cols}, 1, "did you mean \"input\"?");
  refused("input", {infos[0].rows + 1, infos[0].cols}, 1, "expected (");
  refused("input", {infos[0].rows * infos[0].cols}, 1, "expected (");
  refused("input", {infos[0].rows, infos[0].cols}, std::nan(""), "input.npy");
  refused("input", {infos[0].rows, infos[0].cols}, INFINITY, "input.npy");
  refused(variance->name, {variance->rows, variance->cols}, -1, "variance is negative");
  std::filesystem::remove_all(input);
  check_refused(folder, words("tiny_levit", {"--inputs", input}), 2, "in");
  folder.write("file", "x");
  check_refused(folder, words("tiny_levit", {"--inputs", folder.path("file")}), 2, "file");
}
