// `vitality attention` from outside: values against golden arrays, heads, masks, precisions, and refusals that leave no
// file behind.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/golden_attention.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
using Words = std::vector<std::string>;

namespace {

Words golden_words(const std::string& name, const Words& more) {
  Words words = {
      "attention", "--q", golden::path(name, "Q"), "--k", golden::path(name, "K"), "--v", golden::path(name, "V")};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::size_t files_in(const ScratchFolder& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++count;
  return count;
}

}  // namespace

TEST_CASE("attention command: every kind equals its golden array") {
  const std::string name = "n49_d32_mid";
  const ScratchFolder folder;
  const std::string out = folder.path("z.npy");
  const std::vector<std::pair<std::string, Words>> runs = {
      {"Z_softmax", {"--kind", "softmax"}},
      {"Z_taylor", {"--kind", "taylor"}},
      {"Z_taylor", {"--kind", "taylor_elided", "--precision", "fp64"}},
      {"Z_sanger_T0.02", {"--kind", "sparse"}},
      {"Z_sanger_T0.002", {"--kind", "sparse", "--threshold", "0.002"}},
      {"Z_sangerplain_T0.02", {"--kind", "sparse", "--normalize-qk", "off"}},
      {"Z_unified_T0.02", {"--kind", "unified"}},
      {"Z_unifiedadd_T0.02", {"--kind", "unified_additive", "--threshold", "0.02"}},
      {"Z_released_T0.002", {"--kind", "taylor_released", "--threshold", "0.002"}}};
  int compared = 0;
  for (const auto& [array, options] : runs) {
    if (!golden::has(name, array)) continue;
    Words words = golden_words(name, options);
    words.insert(words.end(), {"--out", out});
    const ProgramResult result = run_program(words);
    INFO(array << result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(golden::relative_error(read_npy_matrix(out), golden::load(name, array)) < 1e-9);
    ++compared;
  }
  CHECK(compared >= 6);
  CHECK(files_in(folder) == 1);
}

TEST_CASE("attention command: heads are independent problems and keep their axis") {
  const ScratchFolder folder;
  const std::vector<double> q = {1, 2, 3, 4, -1, 0.5, 2, 1}, k = {1, 0, 0, 1, 1, 1, 2, 0, 0, 2, -1, 1},
                            v = {1, 2, 3, 4, 5, 6};
  write_npy(folder.path("q.npy"), {2, 2, 2}, q);
  write_npy(folder.path("k.npy"), {2, 3, 2}, k);
  write_npy(folder.path("v.npy"), {2, 3, 1}, v);
  write_npy(folder.path("q1.npy"), {2, 2}, {q.begin() + 4, q.end()});
  write_npy(folder.path("k1.npy"), {3, 2}, {k.begin() + 6, k.end()});
  write_npy(folder.path("v1.npy"), {3, 1}, {v.begin() + 3, v.end()});
  const auto run = [&](const std::string& suffix) {
    const ProgramResult result = run_program({"attention", "--q", "q" + suffix + ".npy", "--k", "k" + suffix + ".npy",
                                              "--v", "v" + suffix + ".npy", "--kind", "sparse", "--threshold", "0.3",
                                              "--out", "z" + suffix + ".npy", "--mask-out", "mask" + suffix + ".npy"},
                                             folder.path());
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  };
  run("");
  run("1");
  const NpyArray z = read_npy(folder.path("z.npy")), z1 = read_npy(folder.path("z1.npy"));
  CHECK(z.type == NpyType::kFloat64);
  CHECK(z.shape == NpyShape{2, 2, 1});
  CHECK(z1.shape == NpyShape{2, 1});
  CHECK(std::vector<double>(z.values.begin() + 2, z.values.end()) == z1.values);
  const NpyArray mask = read_npy(folder.path("mask.npy"), {{NpyType::kUint8}, true});
  CHECK(mask.shape == NpyShape{2, 2, 3});
  const NpyArray mask1 = read_npy(folder.path("mask1.npy"), {{NpyType::kUint8}, true});
  CHECK(std::vector<double>(mask.values.begin() + 6, mask.values.end()) == mask1.values);
  CHECK(std::count(mask.values.begin(), mask.values.end(), 1.0) > 0);
  CHECK(std::count(mask.values.begin(), mask.values.end(), 0.0) > 0);
}

TEST_CASE("attention command: the mask equals the golden one and the summary counts it") {
  const ScratchFolder folder;
  const std::string name = "n16_d16_normal", mask = folder.path("mask.npy");
  const ProgramResult result =
      run_program(golden_words(name, {"--kind", "unified", "--out", folder.path("z.npy"), "--mask-out", mask}));
  REQUIRE(result.exit_code == 0);
  const MatrixD got = read_npy_matrix(mask, {{NpyType::kUint8}, true}), packed = golden::load(name, "mask_norm_T0.02");
  int kept = 0;
  for (int i = 0; i < got.rows(); ++i) {
    for (int j = 0; j < got.cols(); ++j) {
      CHECK(got(i, j) == (static_cast<int>(packed(i, j / 8)) >> j % 8 & 1));
      kept += static_cast<int>(got(i, j));
    }
  }
  CHECK_THAT(result.out, Catch::Contains("(" + std::to_string(kept) + " of 256 entries)"));
}

TEST_CASE("attention command: lower precisions are near and say how near") {
  const ScratchFolder folder;
  const std::string out = folder.path("z.npy");
  double previous = 0;
  for (const std::string precision : {"fp32", "int16", "fp16", "int8"}) {
    const ProgramResult result =
        run_program(golden_words("n196_d32_normal", {"--kind", "taylor", "--precision", precision, "--out", out}));
    REQUIRE(result.exit_code == 0);
    CHECK_THAT(result.out, Catch::Contains("against fp64"));
    const double error = golden::relative_error(read_npy_matrix(out), golden::load("n196_d32_normal", "Z_taylor"));
    CHECK(error > previous);
    CHECK(error < 0.05);
    previous = error;
  }
}

TEST_CASE("attention command: gradients equal the golden ones") {
  const ScratchFolder folder;
  int compared = 0;
  for (const auto& [kind, suffix] : std::vector<std::pair<std::string, std::string>>{
           {"taylor", ""}, {"taylor_elided", ""}, {"unified", "_unified"}}) {
    const std::string name = "n16_d16_normal";
    if (!golden::has(name, "dQ" + suffix)) continue;
    const ProgramResult result = run_program(golden_words(
        name, {"--kind", kind, "--backward", "--dz", golden::path(name, "dZ"), "--dq-out", folder.path("dQ.npy"),
               "--dk-out", folder.path("dK.npy"), "--dv-out", folder.path("dV.npy")}));
    INFO(kind << result.err);
    REQUIRE(result.exit_code == 0);
    for (const std::string gradient : {"dQ", "dK", "dV"})
      CHECK(golden::relative_error(read_npy_matrix(folder.path(gradient + ".npy")),
                                   golden::load(name, gradient + suffix)) < 1e-9);
    ++compared;
  }
  CHECK(compared == 3);
  CHECK(files_in(folder) == 3);
}

TEST_CASE("attention command: gradients are refused where they make no sense") {
  const ScratchFolder outputs;
  const std::string name = "n3_d5_grid";
  const auto run = [&](const Words& options) {
    const ProgramResult result = run_program(golden_words(name, options));
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(files_in(outputs) == 0);
    return result.err;
  };
  const Words outs = {"--dq-out", outputs.path("q"), "--dk-out", outputs.path("k"), "--dv-out", outputs.path("v")};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::string dz = golden::path(name, "dZ"), other = golden::path("n16_d16_normal", "dZ");
  using Catch::Contains;
  CHECK_THAT(run(with(outs, {"--kind", "taylor", "--backward"})), Contains("--dz is required"));
  CHECK_THAT(run(with(outs, {"--kind", "taylor", "--backward", "--dz", other})), Contains("expected (3, 5)"));
  CHECK_THAT(run(with(outs, {"--kind", "taylor", "--backward", "--dz", dz, "--precision", "int8"})), Contains("fp64"));
  CHECK_THAT(run({"--kind", "taylor", "--backward", "--dz", dz}), Contains("--dq-out is required"));
  CHECK_THAT(run({"--kind", "taylor", "--out", outputs.path("z"), "--dz", dz}), Contains("needs --backward"));
}

TEST_CASE("attention command: bad input exits with 2, says why and writes nothing") {
  const ScratchFolder inputs, outputs;
  write_npy(inputs.path("q.npy"), {4, 2}, std::vector<double>(8, 1));
  write_npy(inputs.path("k.npy"), {3, 2}, std::vector<double>(6, 1));
  write_npy(inputs.path("v.npy"), {3, 5}, std::vector<double>(15, 1));
  write_npy(inputs.path("nan.npy"), {3, 2}, {1, 2, std::numeric_limits<double>::quiet_NaN(), 4, 5, 6});
  write_npy(inputs.path("inf.npy"), {3, 5}, std::vector<double>(15, std::numeric_limits<double>::infinity()));
  write_npy(inputs.path("huge.npy"), {3, 2}, std::vector<double>(6, 1e308));
  write_npy(inputs.path("one.npy"), {6}, std::vector<double>(6, 1));
  write_npy(inputs.path("heads.npy"), {2, 3, 2}, std::vector<double>(12, 1));
  write_npy(inputs.path("wide.npy"), {3, 4}, std::vector<double>(12, 1));
  write_npy(inputs.path("long.npy"), {4, 5}, std::vector<double>(20, 1));
  write_npy(inputs.path("int.npy"), {3, 2}, std::vector<double>(6, 1), NpyType::kInt32);
  inputs.write("text.npy", "1 2 3\n");

  struct Case {
    std::string name, value, message;
  };
  const std::vector<Case> cases = {{"--k", "nan.npy", "NaN at (1, 0)"},
                                   {"--v", "inf.npy", "infinity"},
                                   {"--k", "huge.npy", "overflows"},
                                   {"--q", "one.npy", "expected (n, d) or (heads, n, d)"},
                                   {"--k", "heads.npy", "expected (n, 2)"},
                                   {"--k", "wide.npy", "expected (n, 2) to fit the queries"},
                                   {"--v", "long.npy", "expected (3, e) to fit the keys"},
                                   {"--k", "int.npy", "int32, expected float32 or float64"},
                                   {"--k", "text.npy", "not a .npy file"},
                                   {"--k", "missing.npy", "No such file"},
                                   {"--threshold", "1.5", "from 0 to 1"},
                                   {"--threshold", "-0.1", "from 0 to 1"},
                                   {"--threshold", "nan", "from 0 to 1"},
                                   {"--threshold", "x", "threshold"},
                                   {"--predictor-bits", "1", "from 2 to 16"},
                                   {"--normalize-qk", "yes", "on, off"},
                                   {"--kind", "tailor", "did you mean \"taylor\"?"},
                                   {"--kind", "auto", "expected one of"},
                                   {"--precision", "fp8", "expected one of fp64"},
                                   {"--mask-out", outputs.path("z.npy"), "two outputs"},
                                   {"--mask-out", "/nonexistent/m.npy", "cannot be written"}};
  for (const Case& c : cases) {
    std::vector<std::pair<std::string, std::string>> options = {
        {"--q", "q.npy"}, {"--k", "k.npy"}, {"--v", "v.npy"}, {"--kind", "unified"}, {"--out", outputs.path("z.npy")}};
    const auto same = std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.first == c.name; });
    if (same != options.end()) {
      same->second = c.value;
    } else {
      options.emplace_back(c.name, c.value);
    }
    Words words = {"attention"};
    for (const auto& [name, value] : options) words.push_back(name + "=" + value);
    const ProgramResult result = run_program(words, inputs.path());
    INFO(c.name << " " << c.value << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: ") && Catch::Contains(c.message));
    CHECK(files_in(outputs) == 0);
  }
  CHECK(run_program({"attention", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--kind", "taylor", "--out",
                     outputs.path("z.npy"), "--mask-out", outputs.path("m.npy")},
                    inputs.path())
            .exit_code == 2);
  CHECK(run_program({"attention", "--kind", "taylor"}, inputs.path()).exit_code == 2);
  CHECK(files_in(outputs) == 0);
}
