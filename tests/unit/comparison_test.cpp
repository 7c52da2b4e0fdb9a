// Comparisons: what is relative to the first machine, means, tables in every format, and machines resized to a budget.
#include "report/comparison.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analytic/like_for_like.h"
#include "base/error.h"
#include "report/significant.h"

using namespace vitality;

namespace {

PointResult measured(double latency_ms, double energy_mj) {
  PointResult result;
  result.status = PointStatus::kOk;
  result.totals[Total::kLatencyMs] = latency_ms, result.totals[Total::kEnergyMj] = energy_mj;
  result.totals[Total::kAttentionLatencyMs] = latency_ms / 10, result.totals[Total::kAttentionEnergyMj] = energy_mj / 5;
  result.totals[Total::kAttentionMacs] = 1000;
  result.totals[Total::kDensity] = 0.25;
  return result;
}

// Two machines, two models; the second machine fails on the second model.
Comparison example() {
  Comparison out;
  for (const char* name : {"first_50%", "second|x"}) {
    ComparedMachine machine;
    machine.name = name, machine.tag = "simulated";
    out.machines.push_back(machine);
  }
  out.workloads = {"small", "large"};
  const PointResult results[] = {
      measured(2, 8), measured(4, 16), measured(0.5, 16), {PointStatus::kInfeasible, "layer \"a\", too large", {}}};
  for (std::size_t i = 0; i < 4; ++i) {
    ComparedPair pair;
    pair.machine = i / 2, pair.workload = i % 2;
    fill_pair(results[i], pair);
    out.pairs.push_back(pair);
  }
  complete(out);
  return out;
}

}  // namespace

TEST_CASE(
    "comparison: relative to the first machine; a failed pair leaves the rest standing and stays out of the means") {
  const Comparison c = example();
  CHECK(c.pair(0, 0).whole.speedup == 1);
  CHECK(c.pair(0, 1).whole.efficiency_gain == 1);
  CHECK(c.pair(1, 0).whole.speedup == 4);
  CHECK(c.pair(1, 0).whole.efficiency_gain == 0.5);
  CHECK(c.pair(1, 0).attention.speedup == Approx(4));
  CHECK(std::isnan(c.pair(1, 1).whole.speedup));
  CHECK(c.machines[1].compared_models == 1);
  CHECK(c.machines[1].speedup == Approx(4));
  CHECK(c.machines[0].compared_models == 2);
}

TEST_CASE("comparison: rates of attention follow from MACs, time and energy") {
  const Comparison c = example();
  const ComparedScope& attention = c.pair(0, 0).attention;
  CHECK(attention.gops == Approx(2 * 1000 / 0.2e-3 * 1e-9));
  CHECK(attention.gops_per_w == Approx(2 * 1000 / 1.6e-3 * 1e-9));
}

TEST_CASE("comparison: gains have ranges with the prices of both machines off alike") {
  Comparison c = example();
  PointResult first = measured(2, 8), second = measured(4, 16);
  first.totals.energy.compute = 8e9, first.totals.energy.dram = 3e9;  // pJ
  second.totals.energy.compute = 2e9, second.totals.energy.sram = 4e9, second.totals.energy.dram = 6e9;
  fill_pair(first, c.pair(0, 0));
  fill_pair(second, c.pair(1, 0));
  for (ComparedMachine& machine : c.machines) machine.factors = {2, 2, 2, 2, 1, 2}, machine.dram = "ddr4";
  complete(c);
  // 8 c / (2 c + 4 s) with c and s a half or two; with DRAM, whose price is certain here, 3 above and 6 below more.
  const auto& chip = c.pair(1, 0).whole.on_chip_range;
  CHECK(chip[0] == Approx(8 * 0.5 / (2 * 0.5 + 4 * 2)));
  CHECK(chip[1] == Approx(8 * 2 / (2 * 2 + 4 * 0.5)));
  const auto& all = c.pair(1, 0).whole.efficiency_range;
  CHECK(all[0] == Approx((8 * 0.5 + 3) / (2 * 0.5 + 4 * 2 + 6)));
  CHECK(all[1] == Approx((8 * 2 + 3) / (2 * 2 + 4 * 0.5 + 6)));
  CHECK(c.machines[1].on_chip_range[0] == Approx(chip[0]));  // the only model that both ran
  CHECK(std::isnan(c.pair(1, 1).whole.on_chip_range[0]));
  const auto json = nlohmann::json::parse(comparison_json(c));
  CHECK(json["pairs"][2]["end_to_end"]["on_chip_gain_range"][1].get<double>() == Approx(chip[1]));
  CHECK(json["pairs"][3]["end_to_end"]["on_chip_gain_range"].is_null());
  // Its own energy: 2 and 4 halved or doubled, and 6.
  CHECK(c.pair(1, 0).whole.energy_range_mj[0] == Approx(1 + 2 + 6));
  CHECK(json["pairs"][2]["end_to_end"]["energy_mj_range"][1].get<double>() == Approx(4 + 8 + 6));
  // 7 / 15 and 19 / 12 as above; the first machine's ratio to itself has no range.
  const std::string latex = comparison_latex(c);
  CHECK_THAT(latex, Catch::Contains("& 4.000 & 0.5000 & 16.00 (9.00--18.0) & 0.5000 (0.467--1.58) \\\\\n"));
  CHECK_THAT(latex, Catch::Contains("& 2.000 & 1.000 & 8.000 (7.00--19.0) & 1.000 \\\\\n"));
  CHECK_THAT(latex, Catch::Contains("In brackets: as far as energy prices may be off."));
  CHECK_THAT(comparison_text(c), !Catch::Contains("(9.00"));
  CHECK_THAT(comparison_text(c), Catch::Contains("registers of both gated or ungated"));
}

TEST_CASE("comparison: the energy on chip has a ratio of its own") {
  Comparison c = example();
  PointResult first = measured(2, 8), second = measured(4, 16);
  first.totals[Total::kOnChipPowerW] = 1, second.totals[Total::kOnChipPowerW] = 4;
  first.totals[Total::kAttentionOnChipPowerW] = 3, second.totals[Total::kAttentionOnChipPowerW] = 1;
  fill_pair(first, c.pair(0, 0));
  fill_pair(second, c.pair(1, 0));
  complete(c);
  CHECK(c.pair(1, 0).whole.on_chip_energy_mj == 16);
  CHECK(c.pair(1, 0).whole.on_chip_gain == Approx(2 * 1 / (4.0 * 4)));
  CHECK(c.pair(1, 0).attention.on_chip_gain == Approx(3 * 0.2 / (1 * 0.4)));
  CHECK(c.machines[1].on_chip_gain == Approx(0.125));
  CHECK(c.machines[1].attention_on_chip_gain == Approx(1.5));
  CHECK(std::isnan(c.pair(0, 1).whole.on_chip_gain));
}

TEST_CASE("comparison: attention from a run of its own") {
  Comparison c = example();
  PointResult alone = measured(3, 5);
  alone.totals[Total::kMacs] = 6000;
  fill_attention(alone, c.pair(0, 0));
  CHECK(c.pair(0, 0).attention.latency_ms == 3);
  CHECK(c.pair(0, 0).attention.energy_mj == 5);
  CHECK(c.pair(0, 0).attention.macs == 6000);
  CHECK(c.pair(0, 0).whole.latency_ms == 2);
  fill_attention({PointStatus::kTimeout, "stopped after 1 s", {}}, c.pair(0, 1));
  CHECK(std::isnan(c.pair(0, 1).attention.latency_ms));
  CHECK(comparison_text(c).find("first_50% on large, attention alone: timeout: stopped after 1 s") !=
        std::string::npos);
}

TEST_CASE("comparison: geometric mean, not arithmetic") {
  Comparison c = example();
  fill_pair(measured(16, 16), c.pair(1, 1));
  complete(c);
  CHECK(c.machines[1].speedup == Approx(1));  // of 4 and 1/4
  CHECK(c.machines[1].efficiency_gain == Approx(std::sqrt(0.5)));
}

TEST_CASE("comparison: every format carries every pair, special characters are escaped") {
  const Comparison c = example();
  const auto json = nlohmann::json::parse(comparison_json(c));
  CHECK(json["schema_version"] == 1);
  REQUIRE(json["pairs"].size() == 4);
  CHECK(json["pairs"][2]["end_to_end"]["speedup"]["value"] == 4);
  CHECK(json["pairs"][2]["end_to_end"]["speedup"]["tag"] == "simulated");
  CHECK(json["pairs"][3]["status"] == "infeasible");
  CHECK(json["pairs"][3]["end_to_end"]["latency_ms"]["value"].is_null());
  const std::string csv = comparison_csv(c);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 8);
  CHECK(csv.find("\"layer \"\"a\"\", too large\"") != std::string::npos);
  CHECK(comparison_markdown(c).find("second\\|x") != std::string::npos);
  CHECK(comparison_latex(c).find("first\\_50\\%") != std::string::npos);
  CHECK(comparison_text(c).find("layer \"a\", too large") != std::string::npos);
}

TEST_CASE("normalize: the same MAC rate, area or power within a percent of whole PEs, never above") {
  const HardwareConfig reference;  // 64 x 64 at 500 MHz
  HardwareConfig other;
  other.matrix_engine.rows = 24, other.matrix_engine.cols = 40;
  other.clock_mhz = 800;
  const HardwareConfig by_macs = normalized_machine(other, Normalization::kMacs, reference).config;
  CHECK(peak_macs_per_second(by_macs) <= 1.001 * peak_macs_per_second(reference));
  CHECK(peak_macs_per_second(by_macs) >= 0.97 * peak_macs_per_second(reference));
  CHECK(by_macs.scratchpad.capacity_kib == other.scratchpad.capacity_kib);
  // A machine scaled to its own budget is itself.
  for (const Normalization kind : {Normalization::kMacs, Normalization::kArea, Normalization::kPower}) {
    const HardwareConfig same = normalized_machine(reference, kind, reference).config;
    CHECK(same.matrix_engine.rows == 64);
    CHECK(same.matrix_engine.cols == 64);
  }
  const HardwareConfig by_power = normalized_machine(other, Normalization::kPower, reference).config;
  CHECK(peak_power_w(by_power) <= 1.001 * peak_power_w(reference));
  CHECK(peak_power_w(by_power) >= 0.95 * peak_power_w(reference));
}

TEST_CASE("normalize: what cannot be scaled says so") {
  const HardwareConfig reference;
  HardwareConfig gpu;
  gpu.machine = MachineKind::kRoofline;
  gpu.roofline.fp32_tflops = 10, gpu.roofline.tdp_w = 200;
  gpu.precision = Precision::kFp32;
  CHECK_THROWS_AS(normalized_machine(gpu, Normalization::kArea, reference), InfeasibleError);
  CHECK(peak_macs_per_second(normalized_machine(gpu, Normalization::kMacs, reference).config) ==
        Approx(peak_macs_per_second(reference)).epsilon(0.002));
  HardwareConfig memory;
  memory.scratchpad.capacity_kib = 100000;
  CHECK_THROWS_AS(normalized_machine(memory, Normalization::kArea, reference), InfeasibleError);
}

TEST_CASE("like for like: memory, clock and budget of the first, what is measured or published stays as it is") {
  HardwareConfig reference, other, gpu, host, formula;
  reference.name = "reference", reference.clock_mhz = 500;
  other.clock_mhz = 1000, other.dram.channels = 1, other.matrix_engine.rows = 16;
  gpu.machine = MachineKind::kRoofline, gpu.clock_mhz = 1000, gpu.roofline = {1, 2, 0, 10, 50};
  host.machine = MachineKind::kHost, host.clock_mhz = 1000;
  formula.machine = MachineKind::kSanger, formula.cost_model = CostModel::kAsPublished, formula.clock_mhz = 1000;
  const std::vector<HardwareConfig> machines = {reference, other, gpu, host, formula};

  const auto same = like_for_like(machines, {Normalization::kNone, true, true});
  REQUIRE(same.size() == 5);
  CHECK(same[0].how.empty());
  CHECK(same[1].config.clock_mhz == 500);
  CHECK(same[1].config.dram.channels == reference.dram.channels);
  CHECK(same[1].how.find("clock 1000 -> 500 MHz") != std::string::npos);
  CHECK(same[2].config.clock_mhz == 1000);  // a roofline's cycle is a unit of account
  CHECK(same[2].config.roofline.bandwidth_gb_s ==
        Approx(reference.dram.device.peak_gb_s_per_channel() * reference.dram.channels));
  for (const int fixed : {3, 4}) {
    CHECK(same[static_cast<std::size_t>(fixed)].config.clock_mhz == 1000);
    CHECK(same[static_cast<std::size_t>(fixed)].how.empty());
  }

  const auto sized = like_for_like(machines, {Normalization::kMacs, true, true});
  CHECK(sized[1].resized);
  CHECK(sized[1].refusal.empty());
  CHECK(peak_macs_per_second(sized[1].config) == Approx(peak_macs_per_second(reference)).epsilon(0.02));
  CHECK(!sized[3].refusal.empty());
  CHECK(!sized[3].resized);
  CHECK(!sized[4].refusal.empty());
  CHECK_THROWS_AS(like_for_like({host, reference}, {Normalization::kMacs, true, true}), InputError);
  CHECK_NOTHROW(like_for_like({host, reference}, {Normalization::kNone, true, true}));
}

TEST_CASE("numbers for people keep their significant digits at any size") {
  CHECK(significant(0) == "0");
  CHECK(significant(1) == "1.000");
  CHECK(significant(0.00031234) == "0.0003123");
  CHECK(significant(0.0041) == "0.004100");
  CHECK(significant(3.1234e-7) == "3.123e-07");
  CHECK(significant(9.99996) == "10.00");
  CHECK(significant(-12.3456) == "-12.35");
  CHECK(significant(123456.7) == "123457");
  CHECK(significant(12.3456, 2) == "12");
  CHECK(significant(kUnknown) == "-");
}

TEST_CASE("comparison: small latencies and speedups keep four digits in text, Markdown and LaTeX") {
  Comparison c = example();
  fill_pair(measured(0.00031234, 8), c.pair(0, 0));
  fill_pair(measured(0.0781, 8), c.pair(1, 0));  // 0.00031234 / 0.0781 = 0.0039992
  complete(c);
  for (const std::string& text : {comparison_text(c), comparison_markdown(c), comparison_latex(c)}) {
    CHECK_THAT(text, Catch::Contains("0.0003123") && Catch::Contains("0.003999"));
    CHECK_THAT(text, Catch::Contains("weights are random"));
  }
}

TEST_CASE("comparison: tables of chosen columns and machines under other names, against the first machine") {
  const Comparison c = example();
  TableView view;
  view.columns = {"gain", "speedup"}, view.machines = {"second|x"}, view.labels = {"Ours_2"}, view.caption = "A_b";
  const std::string text = comparison_text(c, view);
  CHECK_THAT(text, Catch::Contains("machine     gain  speedup  tag\nOurs_2   0.5000x   4.000x  simulated\n"));
  CHECK_THAT(text, Catch::Contains("against first_50% = 1.0") && !Catch::Contains("second|x"));
  const std::string latex = comparison_latex(c, view);
  CHECK_THAT(latex, Catch::Contains("\\caption{A\\_b: small, end to end}"));
  CHECK_THAT(latex, Catch::Contains("machine & gain & speedup \\\\\n & $\\times$ & $\\times$ \\\\\n"));
  CHECK_THAT(latex, Catch::Contains("Ours\\_2\\textsuperscript{a} & 0.5000 & 4.000 \\\\\n"));
  CHECK_THAT(latex, Catch::Contains("\\textsuperscript{a}\\,simulated"));
  // Of the first machine the gains on two models are 1 and 1; second|x ran one, so it has no range.
  CHECK_THAT(comparison_latex(c), Catch::Contains("first\\_50\\%\\textsuperscript{a} & 1.00 (1.00--1.00) & "));
  CHECK_THAT(comparison_latex(c), Catch::Contains("second\\textbar{}x\\textsuperscript{a} & 4.00 & 0.500 & "));
}

TEST_CASE("comparison: views that name what is not there are refused with the option") {
  const std::vector<std::string> machines{"a", "b"};
  const auto view = [](std::vector<std::string> columns, std::vector<std::string> shown,
                       std::vector<std::string> labels) {
    TableView out;
    out.columns = std::move(columns), out.machines = std::move(shown), out.labels = std::move(labels);
    return out;
  };
  CHECK_NOTHROW(check_view(view({"gain", "util"}, {"b"}, {"B"}), machines));
  CHECK_NOTHROW(check_view({}, machines));
  CHECK_THROWS_WITH(check_view(view({"gian"}, {}, {}), machines),
                    Catch::Contains("--columns") && Catch::Contains("did you mean \"gain\"?"));
  CHECK_THROWS_WITH(check_view(view({"gain", "gain"}, {}, {}), machines), Catch::Contains("twice"));
  CHECK_THROWS_WITH(check_view(view({}, {"c"}, {}), machines),
                    Catch::Contains("--machines") && Catch::Contains("a, b"));
  CHECK_THROWS_WITH(check_view(view({}, {"b"}, {"A", "B"}), machines),
                    Catch::Contains("--labels") && Catch::Contains("2 labels for 1 machines"));
}
