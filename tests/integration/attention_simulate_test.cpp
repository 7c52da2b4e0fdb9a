// `vitality attention --simulate` from outside: the machine's values against golden arrays, its result, and refusals.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/golden_attention.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
using Words = std::vector<std::string>;
using Catch::Contains;
using nlohmann::json;

namespace {

Words simulate(const std::string& name, const std::string& config, const Words& more) {
  Words words = {"attention", "--simulate",
                 "--config",  "configs/" + config + ".json",
                 "--q",       golden::path(name, "Q"),
                 "--k",       golden::path(name, "K"),
                 "--v",       golden::path(name, "V")};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

json result_of(const ProgramResult& run) {
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  return json::parse(run.out);
}

}  // namespace

TEST_CASE("attention --simulate: the machine's fp64 values are the golden arrays") {
  const ScratchFolder folder;
  const std::string out = folder.path("z.npy");
  struct Run {
    std::string array, config;
    Words options;
  };
  const std::vector<Run> runs = {{"Z_softmax", "dense_softmax", {"--kind", "softmax"}},
                                 {"Z_softmax", "vitality", {"--kind", "softmax"}},
                                 {"Z_taylor", "vitality", {"--kind", "taylor"}},
                                 {"Z_taylor", "vitality_g_stationary", {"--kind", "taylor"}},
                                 {"Z_taylor", "vitality_overlapped", {"--kind", "taylor_elided"}},
                                 {"Z_sanger_T0.02", "vitality_training", {"--kind", "sparse"}},
                                 {"Z_unified_T0.02", "vitality_training", {"--kind", "unified"}},
                                 {"Z_unifiedadd_T0.02", "vitality_training", {"--kind", "unified_additive"}}};
  int compared = 0;
  for (const std::string name : {"n3_d5_grid", "n49_d32_mid", "n196_d32_normal", "rect_levit_down0_normal"}) {
    for (const Run& run : runs) {
      if (!golden::has(name, run.array)) continue;
      Words options = run.options;
      options.insert(options.end(), {"--precision", "fp64", "--out", out});
      const json result = result_of(run_program(simulate(name, run.config, options)));
      INFO(name << " " << run.array << " on " << run.config);
      CHECK(golden::relative_error(read_npy_matrix(out), golden::load(name, run.array)) < 1e-9);
      CHECK(result["numerics"]["checked"] == true);
      CHECK(result["numerics"]["max_rel_error"] < 1e-9);
      CHECK(result["totals"]["cycles"] > 0);
      // Nothing but attention ran; its time begins when its first operands are there.
      std::int64_t exposed = 0;
      for (const json& layer : result["layers"]) exposed += layer["prefetch"]["exposed_cycles"].get<std::int64_t>();
      CHECK(exposed > 0);
      CHECK(result["totals"]["cycles"] == result["attention_totals"]["cycles"].get<std::int64_t>() + exposed);
      for (const char* same : {"macs", "operations", "dram_read_bytes", "dram_write_bytes", "sram_read_bytes"})
        CHECK(result["totals"][same] == result["attention_totals"][same]);
      ++compared;
    }
  }
  CHECK(compared >= 22);
}

TEST_CASE("attention --simulate: the machine's own precision, operations by closed form, a shape that is not square") {
  const ScratchFolder folder;
  const std::string out = folder.path("z.npy"), file = folder.path("r.json");
  const std::string name = "rect_levit_down0_normal";
  const ProgramResult run =
      run_program(simulate(name, "vitality", {"--kind", "taylor", "--out", out, "--result", file}));
  CHECK(run.exit_code == 0);
  CHECK(run.out.empty());
  const json result = json::parse(read_text(file));
  CHECK(result["config"]["precision"] == "int16");
  const MatrixD expected = golden::load(name, "Z_taylor");
  CHECK(golden::relative_error(read_npy_matrix(out), expected) < 5e-3);
  const MatrixD q = golden::load(name, "Q"), k = golden::load(name, "K");
  const std::int64_t m = q.rows(), d = q.cols(), n = k.rows(), e = expected.cols();
  CHECK(m != n);
  const json& operations = result["totals"]["operations"];
  CHECK(operations["mul"] == (n + m) * d * e + m * d + e);
  CHECK(operations["add"] == (n + m - 1) * d * e + (3 * n - 2 + m) * d + (n - 1) * e);
  CHECK(operations["div"] == d + m * e);
}

TEST_CASE("attention --simulate: heads keep their axis, the mask is the values' mask") {
  const ScratchFolder folder;
  const MatrixD q = golden::load("n49_d32_mid", "Q"), k = golden::load("n49_d32_mid", "K"),
                v = golden::load("n49_d32_mid", "V");
  const auto stack = [&](const std::string& file, const MatrixD& x) {  // a head and its negative
    std::vector<double> values(x.data(), x.data() + x.size());
    for (std::size_t i = 0; i < x.size(); ++i) values.push_back(-x.data()[i]);
    write_npy(folder.path(file), {2, x.rows(), x.cols()}, values);
  };
  stack("q.npy", q), stack("k.npy", k), stack("v.npy", v);
  const Words problem = {
      "attention", "--q",     folder.path("q.npy"), "--k", folder.path("k.npy"), "--v", folder.path("v.npy"),
      "--kind",    "unified", "--precision",        "fp64"};
  const auto run = [&](Words more, const std::string& name) {
    Words words = problem;
    words.insert(words.end(), {"--out", folder.path("z_" + name), "--mask-out", folder.path("m_" + name)});
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult result = run_program(words);
    INFO(result.err);
    CHECK(result.exit_code == 0);
  };
  run({}, "values.npy");
  run({"--simulate", "--config", "configs/vitality_training.json"}, "machine.npy");
  CHECK(read_text(folder.path("m_values.npy")) == read_text(folder.path("m_machine.npy")));
  const NpyArray values = read_npy(folder.path("z_values.npy")), machine = read_npy(folder.path("z_machine.npy"));
  CHECK(machine.shape == NpyShape{2, 49, 32});
  REQUIRE(values.shape == machine.shape);
  double worst = 0;
  for (std::size_t i = 0; i < values.values.size(); ++i)
    worst = std::max(worst, std::fabs(values.values[i] - machine.values[i]));
  CHECK(worst < 1e-12);
}

TEST_CASE("attention --simulate: equal keys share the probability at int8, however many they are") {
  // Q = 0 and V = 1: P = 1 / n and Z = 1. With the fixed scale of 1/127 P is half a code at n = 254, and rounds to 0.
  const ScratchFolder folder;
  const std::string out = folder.path("z.npy");
  for (const int n : {100, 254, 300}) {
    const std::vector<double> zeros(static_cast<std::size_t>(n) * 16), ones(zeros.size(), 1.0);
    write_npy(folder.path("q.npy"), {n, 16}, zeros);
    write_npy(folder.path("k.npy"), {n, 16}, ones);
    write_npy(folder.path("v.npy"), {n, 16}, ones);
    for (const auto& [kind, config] : {std::pair<const char*, const char*>{"softmax", "dense_softmax"},
                                       {"softmax", "vitality"},
                                       {"sparse", "vitality_training"}}) {
      INFO(kind << " on " << config << " with " << n << " keys");
      const json result =
          result_of(run_program({"attention", "--simulate", "--config", std::string("configs/") + config + ".json",
                                 "--precision", "int8", "--q", folder.path("q.npy"), "--k", folder.path("k.npy"), "--v",
                                 folder.path("v.npy"), "--kind", kind, "--threshold", "0", "--out", out}));
      const MatrixD z = read_npy_matrix(out);
      for (std::size_t i = 0; i < z.size(); ++i) REQUIRE(std::fabs(z.data()[i] - 1) < 0.02);
      CHECK(result["numerics"]["passed"] == true);
      CHECK(result["numerics"]["tolerance"] < 0.2);
    }
  }
}

TEST_CASE("attention --simulate: operands that repeat are within tolerance, though their roundings are all alike") {
  const ScratchFolder folder;
  const int n = 254, d = 32;
  const auto pattern = [&](int kind, double seed) {
    std::vector<double> x(static_cast<std::size_t>(n) * d);
    for (int r = 0; r < n; ++r)
      for (int c = 0; c < d; ++c) {
        const double by_row = std::fmod(seed * (r + 1), 2) - 1, by_column = std::fmod(seed * (c + 1), 2) - 1;
        const double values[] = {0, seed, by_row, by_column, r == c ? 3 * seed : 0, by_row * by_column};
        x[static_cast<std::size_t>(r) * d + c] = values[kind];
      }
    return x;
  };
  int problem = 0;
  for (const char* precision : {"fp64", "fp32", "fp16", "bf16", "int16", "int8", "fp8_e4m3", "fp8_e5m2"}) {
    for (const char* config : {"vitality", "dense_softmax", "sanger"}) {
      for (int i = 0; i < 3; ++i, ++problem) {
        const int of_q = problem % 6, of_k = problem / 6 % 6, of_v = (problem * 5 + 1) % 6;
        write_npy(folder.path("q.npy"), {n, d}, pattern(of_q, 1.618));
        write_npy(folder.path("k.npy"), {n, d}, pattern(of_k, 1.414));
        write_npy(folder.path("v.npy"), {n, d}, pattern(of_v, 0.577));
        const ProgramResult run = run_program(
            {"attention", "--simulate", "--config", std::string("configs/") + config + ".json", "--precision",
             precision, "--q", folder.path("q.npy"), "--k", folder.path("k.npy"), "--v", folder.path("v.npy"), "--kind",
             config == std::string("vitality")        ? "taylor"
             : config == std::string("dense_softmax") ? "softmax"
                                                      : "sparse",
             "--out", folder.path("z.npy")});
        INFO(precision << " " << config << " patterns " << of_q << of_k << of_v << " " << run.err);
        CHECK(run.exit_code == 0);
      }
    }
  }
}

TEST_CASE("attention --simulate: the same bytes twice, wherever they are written") {
  const ScratchFolder folder;
  const auto run = [&](const std::string& suffix) {
    json result = result_of(run_program(
        simulate("n16_d16_normal", "vitality", {"--kind", "taylor", "--out", folder.path("z" + suffix + ".npy")})));
    result["manifest"].erase("host_seconds");
    return result.dump();
  };
  CHECK(run("1") == run("2"));
  CHECK(read_text(folder.path("z1.npy")) == read_text(folder.path("z2.npy")));
}

TEST_CASE("attention --simulate: refusals name the reason and leave no file") {
  const ScratchFolder folder;
  const std::string name = "n16_d16_normal", out = folder.path("z.npy");
  const auto refused = [&](const Words& words, int exit_code, const std::string& reason) {
    Words all = words;
    all.insert(all.end(), {"--out", out});
    const ProgramResult run = run_program(all);
    INFO(reason << " in " << run.err);
    CHECK(run.exit_code == exit_code);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Contains(reason));
    CHECK(!std::filesystem::exists(out));
  };
  refused(simulate(name, "vitality", {"--kind", "taylor_released"}), 4, "taylor_released is not simulated");
  refused(simulate(name, "vitality", {"--kind", "sparse"}), 4, "sparse_unit.enabled");
  refused(simulate(name, "gpu_h100", {"--kind", "taylor"}), 4, "no simulation");
  refused(simulate(name, "vitality", {"--kind", "taylor", "--set", "scratchpad.capacity_kib=1"}), 4,
          "scratchpad.capacity_kib");
  refused(simulate(name, "vitality", {"--kind", "taylor", "--set", "scratchpad.capacity_kb=1"}), 2, "capacity_kib");
  refused(simulate(name, "no_such_machine", {"--kind", "taylor"}), 2, "no_such_machine");
  Words backward = simulate(name, "vitality", {"--kind", "taylor", "--backward"});
  refused(backward, 2, "--simulate does not go with --backward");
  Words values = simulate(name, "vitality", {"--kind", "taylor"});
  values.erase(values.begin() + 1);  // --config without --simulate
  refused(values, 2, "--config needs --simulate");
  Words no_config = simulate(name, "vitality", {"--kind", "taylor"});
  no_config.erase(no_config.begin() + 2, no_config.begin() + 4);
  refused(no_config, 2, "--config is required");
  Words misfit = simulate(name, "vitality", {"--kind", "taylor"});
  misfit[7] = golden::path("n49_d32_mid", "K");
  refused(misfit, 2, "to fit the queries");
}
