// Axes of a sweep beyond config keys (tied keys, named choices, batch, mode, sizes of the models) and objectives that
// are expressions, with a made-up evaluation.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "explore/point_settings.h"
#include "explore/sweep.h"
#include "workload/settings.h"

using namespace vitality;
using Catch::Contains;
using Strings = std::vector<std::string>;

namespace {

SweepSpec spec_of(const std::string& members, const std::vector<std::string>& settings = {}) {
  const std::string root = VITALITY_SOURCE_DIR;
  const std::string text = "{\"base\": \"" + root + "/configs/vitality.json\", \"workloads\": [\"" + root +
                           "/workloads/deit_tiny.json\"], " + members + "}";
  Diagnostics diagnostics("spec.json");
  return read_sweep_spec(parse_json(text, "spec.json"), settings, diagnostics);
}

// Time is the MACs over the array, eight times that in training; energy the number of channels; area the columns.
PointTotals evaluate(const PointTask& task) {
  PointTotals totals;
  totals[Total::kMacs] = static_cast<double>(macs(task.model));
  totals[Total::kLatencyMs] = task.config.matrix_engine.rows * (task.training ? 8 : 1) * task.model.images;
  totals[Total::kEnergyMj] = task.config.dram.channels;
  totals[Total::kAreaMm2] = task.config.matrix_engine.cols;
  return totals;
}

Strings table_of(const SweepSpec& spec, const std::string& name) {
  std::string folder = (std::filesystem::temp_directory_path() / "axes_XXXXXX").string();
  SweepOptions options;
  options.directory = mkdtemp(folder.data());
  run_sweep(spec, options, evaluate, nullptr);
  std::ifstream in(folder + "/" + name);
  Strings lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::filesystem::remove_all(folder);
  return lines;
}

// The cells of a line of CSV without quotes.
Strings cells(const std::string& line) {
  std::istringstream in(line);
  Strings out;
  for (std::string cell; std::getline(in, cell, ',');) out.push_back(cell);
  return out;
}

}  // namespace

TEST_CASE("settings: those of the model are told apart, and image sets both sides") {
  const Settings split = split_settings({"clock_mhz=400", "workload.dim=96", "workload.image=32", "name=workload.x=1",
                                         "workload.image.height=16", "workloads=1"});
  CHECK(split.machine == Strings{"clock_mhz=400", "name=workload.x=1", "workloads=1"});
  CHECK(split.workload == Strings{"dim=96", "image.height=32", "image.width=32", "image.height=16"});
}

TEST_CASE("axes: a tied key follows the axes, as a column of its own") {
  const SweepSpec spec =
      spec_of(R"("axes": {"matrix_engine.rows": [8, 16], "dividers.lanes": "matrix_engine.rows / 4 + 1",
      "precision": ["int8", "int16"], "matrix_engine.cols": "matrix_engine.rows"})");
  CHECK(spec.columns() == Strings{"matrix_engine.rows", "precision", "dividers.lanes", "matrix_engine.cols"});
  CHECK(spec.row_limit() == 4);  // tied keys are no dimensions of the grid
  const PointSettings settings = point_settings(spec, {1, 0});
  CHECK(settings.machine ==
        Strings{"matrix_engine.rows=16", "precision=int8", "dividers.lanes=5", "matrix_engine.cols=16"});
  const Strings lines = table_of(spec, "results.csv");
  REQUIRE(lines.size() == 5);
  CHECK(lines[0].rfind("matrix_engine.rows,precision,dividers.lanes,matrix_engine.cols,workload,", 0) == 0);
  CHECK(lines[1].rfind("8,int8,3,8,deit_tiny,ok,", 0) == 0);
  CHECK(lines[4].rfind("16,int16,5,16,deit_tiny,ok,", 0) == 0);
}

TEST_CASE("axes: a tied value that no machine can have makes its rows infeasible, with the reason") {
  const Strings lines = table_of(
      spec_of(R"x("axes": {"matrix_engine.rows": [8, 16], "matrix_engine.cols": "128 / (matrix_engine.rows - 8)"})x"),
      "results.csv");
  CHECK_THAT(lines[1], Contains("infeasible,matrix_engine.cols = 128 / (matrix_engine.rows - 8) is no number"));
  CHECK(lines[2].rfind("16,16,deit_tiny,ok,", 0) == 0);
}

TEST_CASE("axes: choices are parts of a machine under one name") {
  const std::string memory = R"("axes": {"memory": {"choices": {"slow": {"dram.channels": 1}, )"
                             R"("fast": {"dram.channels": 4, "scratchpad.capacity_kib": 400}}}})";
  const SweepSpec spec =
      spec_of(memory + R"(, "objectives": {"energy_mj": "max"}, "constraints": ["memory != 'none'"])");
  CHECK(point_settings(spec, {0}).machine == Strings{"dram.channels=1"});
  CHECK(point_settings(spec, {1}).machine == Strings{"dram.channels=4", "scratchpad.capacity_kib=400"});
  const Strings best = table_of(spec, "pareto.csv");
  REQUIRE(best.size() == 2);
  CHECK(best[1].rfind("fast,deit_tiny,ok,", 0) == 0);
}

TEST_CASE("axes: batch, mode and sizes of the model reach the simulator") {
  const SweepSpec spec = spec_of(
      R"("axes": {"batch": [1, 3], "mode": ["inference", "training"], "workload.dim": [96, 192]},
         "objectives": {"latency_ms / batch": "min"})");
  const Strings lines = table_of(spec, "results.csv");
  REQUIRE(lines.size() == 9);
  CHECK(lines[0].substr(lines[0].rfind(',')) == ",latency_ms / batch");
  const std::size_t macs_column = 12, latency_column = 7;
  CHECK(cells(lines[0])[macs_column] == "macs");
  CHECK(cells(lines[0])[latency_column] == "latency_ms");
  // The array has 64 rows: 64 for inference of one image, 8 x 64 for a step, three times that for three images.
  const Strings latency{"64", "64", "512", "512", "192", "192", "1536", "1536"};
  const Strings each{"64", "64", "512", "512", "64", "64", "512", "512"};
  for (std::size_t row = 1; row < 9; ++row) {
    CHECK(cells(lines[row])[latency_column] == latency[row - 1]);
    CHECK(lines[row].substr(lines[row].rfind(',') + 1) == each[row - 1]);
  }
  const double small = std::stod(cells(lines[1])[macs_column]), large = std::stod(cells(lines[2])[macs_column]);
  CHECK(std::stod(cells(lines[5])[macs_column]) == 3 * small);
  CHECK(large > 3 * small);  // most products are those of weights, which grow with the square of the width
  CHECK(large < 4 * small);
}

TEST_CASE("axes: --set of a model's size holds for every point") {
  const std::string axes = R"("axes": {"matrix_engine.rows": [8]})";
  const Strings whole = table_of(spec_of(axes), "results.csv");
  const Strings small = table_of(spec_of(axes, {"workload.dim=96", "dram.channels=2"}), "results.csv");
  CHECK(std::stod(cells(whole[1])[10]) > 3 * std::stod(cells(small[1])[10]));
  CHECK(cells(small[1])[6] == "2");  // energy_mj: the channels
}

TEST_CASE("objectives: expressions are judged by their value") {
  // area * latency: 8 x 8 = 64, 8 x 64, 16 x 8, 16 x 64: one least.
  const SweepSpec spec = spec_of(R"("axes": {"matrix_engine.rows": [16, 8], "matrix_engine.cols": [64, 8]},
      "objectives": {"latency_ms * area_mm2": "min"})");
  const Strings best = table_of(spec, "pareto.csv");
  REQUIRE(best.size() == 2);
  CHECK(best[1].rfind("8,8,deit_tiny,ok,", 0) == 0);
  CHECK(best[1].substr(best[1].rfind(',')) == ",64");
  const SweepSpec most = spec_of(R"("axes": {"matrix_engine.rows": [16, 8], "matrix_engine.cols": [64, 8]},
      "objectives": {"latency_ms * area_mm2": "max"})");
  const Strings largest = table_of(most, "pareto.csv");
  REQUIRE(largest.size() == 2);
  CHECK(largest[1].substr(largest[1].rfind(',')) == ",1024");
}

TEST_CASE("axes: what they say comes back from a store") {
  const SweepSpec spec = spec_of(
      R"("axes": {"memory": {"choices": {"slow": {"dram.channels": 1}, "fast": {"dram.channels": 4}}}, "batch": [2],
      "matrix_engine.rows": [8, 16], "matrix_engine.cols": "2 * matrix_engine.rows"},
      "objectives": {"energy_mj * latency_ms": "min"})");
  const SweepSpec again = parse_stored_spec(write_json(spec), "store");
  CHECK(write_json(again) == write_json(spec));
  CHECK(again.columns() == spec.columns());
  CHECK(point_settings(again, {1, 0, 1}).machine == point_settings(spec, {1, 0, 1}).machine);
  CHECK(point_settings(again, {1, 0, 1}).batch == 2);
}

TEST_CASE("axes: what is wrong with them is said with its place") {
  const auto refused = [](const std::string& axes) {
    try {
      spec_of("\"axes\": {" + axes + "}");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto has = [](const std::string& text) { return Contains(text); };
  CHECK_THAT(refused(R"("batch": [0])"), has("/axes/batch/0") && has("from 1 to 1024"));
  CHECK_THAT(refused(R"("batch": ["2"])"), has("/axes/batch/0"));
  CHECK_THAT(refused(R"("mode": ["train"])"), has("/axes/mode/0") && has("\"training\""));
  CHECK_THAT(refused(R"("matrix_engine.rows": [8], "matrix_engine.cols": "matrix_engine.row")"),
             has("/axes/matrix_engine.cols") && has("matrix_engine.rows"));
  CHECK_THAT(refused(R"("matrix_engine.rows": [8], "matrix_engine.cols": "matrix_engine.rows +")"),
             has("/axes/matrix_engine.cols") && has("found the end"));
  CHECK_THAT(refused(R"("precision": ["int8"], "matrix_engine.cols": "precision + 1")"),
             has("/axes/matrix_engine.cols") && has("used as a number"));
  CHECK_THAT(refused(R"("matrix_engine.rows": [8], "matrix_engine.colz": "matrix_engine.rows")"),
             has("unknown config key") && has("matrix_engine.cols"));
  CHECK_THAT(refused(R"("memory": {"choices": {"a": {"dram.chanels": 1}}})"),
             has("/axes/memory/choices/a/dram.chanels") && has("dram.channels"));
  CHECK_THAT(refused(R"("memory": {"choices": {"a": {"dram.channels": 0}}})"), has("/axes/memory/choices/a"));
  CHECK_THAT(refused(R"("memory": {"choices": {"a": {}}})"), has("/axes/memory/choices/a"));
  CHECK_THAT(refused(R"("memory": {"choices": {}})"), has("/axes/memory/choices"));
  CHECK_THAT(refused(R"("precision": {"choices": {"a": {"dram.channels": 1}}})"), has("a name of their own"));
  CHECK_THAT(refused(R"("dram.channels": [1], "memory": {"choices": {"a": {"dram.channels": 1}}})"),
             has("is set by the axis \"dram.channels\" too"));
  CHECK_THAT(refused(R"("mode": "1")"), has("/axes/mode"));
}
