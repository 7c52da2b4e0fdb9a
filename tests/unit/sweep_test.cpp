// The sweep engine on real specs with a made-up evaluation, so that every outcome is known beforehand.
#include "explore/sweep.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "explore/plan.h"
#include "explore/program_identity.h"
#include "workload/workload_json.h"

using namespace vitality;
namespace fs = std::filesystem;
using Catch::Contains;

namespace {

struct Folder {
  std::string path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "sweep_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A spec of the repository's DeiT-Tiny on its ViTALiTy machine with these members added.
std::string spec_text(const std::string& members) {
  const std::string root = VITALITY_SOURCE_DIR;
  return "{\"base\": \"" + root + "/configs/vitality.json\", \"workloads\": [\"" + root +
         "/workloads/deit_tiny.json\"], " + members + "}";
}
SweepSpec spec_of(const std::string& members) {
  const std::string text = spec_text(members);
  Diagnostics diagnostics("spec.json");
  return read_sweep_spec(parse_json(text, "spec.json"), {}, diagnostics);
}

// Area grows with the array, time falls with it; 13 rows do not fit, 17 crash; no shortcut holds for 32.
PointTotals evaluate(const PointTask& task) {
  const HardwareConfig& config = task.config;
  const VitModel& model = task.model;
  const Shortcuts shortcuts = task.shortcuts;
  const double rows = config.matrix_engine.rows, cols = config.matrix_engine.cols;
  if (rows == 32 && shortcuts == Shortcuts::kAllowed) throw ShortcutFailed("32 rows");
  if (rows == 13) throw InfeasibleError("13 rows, which bring bad luck");
  if (rows == 17) std::abort();
  if (rows == 19)
    for (;;) pause();
  PointTotals totals;
  totals[Total::kCycles] = std::ceil(1e9 / (rows * cols));
  totals[Total::kLatencyMs] = totals[Total::kCycles] / config.clock_mhz / 1e3;
  totals[Total::kEnergyMj] = rows + cols + config.scratchpad.capacity_kib / 3.0;
  totals[Total::kAreaMm2] = rows * cols / 1000;
  totals[Total::kMacs] = static_cast<double>(macs(model));
  return totals;
}

SweepOutcome sweep(const SweepSpec& spec, const std::string& directory, int jobs = 2, std::int64_t shard = 0,
                   std::int64_t shards = 1) {
  SweepOptions options;
  options.directory = directory;
  options.jobs = jobs;
  options.shard = shard;
  options.shards = shards;
  return run_sweep(spec, options, evaluate, nullptr);
}

const char* const kGrid =
    "\"axes\": {\"matrix_engine.rows\": [8, 13, 16, 17, 32], \"matrix_engine.cols\": [8, 16, 64], "
    "\"scratchpad.capacity_kib\": {\"from\": 100, \"to\": 800, \"scale\": \"log2\", \"steps\": 4}}, "
    "\"constraints\": [\"area_mm2 <= 1\"]";

}  // namespace

TEST_CASE("sweep: the table has a row a design in the spec's order, with statuses and reasons") {
  Folder folder;
  const SweepSpec spec = spec_of(
      "\"axes\": {\"precision\": [\"int16\", \"int8\"], \"matrix_engine.rows\": [13, 16, 17, 128]}, "
      "\"constraints\": [\"matrix_engine.rows <= 64\", \"area_mm2 < 1 or precision == 'int16'\"]");
  const SweepOutcome outcome = sweep(spec, folder / "out");
  CHECK(outcome.progress.simulated == 6);
  const std::string tail(kTotalCount - 1, ',');
  const std::string ok = "deit_tiny,ok,,976563,1.953126,";
  const std::string table = read(folder / "out/results.csv");
  std::istringstream lines(table);
  std::vector<std::string> line(9);
  for (std::string& text : line) std::getline(lines, text);
  CHECK(line[0].rfind("precision,matrix_engine.rows,workload,status,reason,cycles,latency_ms,energy_mj,", 0) == 0);
  CHECK(line[1] == "int16,13,deit_tiny,infeasible,\"13 rows, which bring bad luck\"," + tail);
  CHECK(line[2].rfind("int16,16," + ok, 0) == 0);
  CHECK(line[3] == "int16,17,deit_tiny,failed,killed by signal 6 (SIGABRT)," + tail);
  CHECK(line[4] == "int16,128,deit_tiny,infeasible,constraint not met: matrix_engine.rows <= 64," + tail);
  CHECK(line[6].rfind("int8,16,deit_tiny,infeasible,constraint not met: area_mm2 < 1 or precision == 'int16',976563,",
                      0) == 0);
  CHECK(std::count(table.begin(), table.end(), '\n') == 9);
  CHECK(read(folder / "out/pareto.csv") == line[0] + "\n" + line[2] + "\n");
  CHECK(outcome.summary.ok == 1);
  CHECK(outcome.summary.infeasible == 5);
  CHECK(outcome.summary.failed == 2);
  CHECK(outcome.summary.most_frequent_reason() == "13 rows, which bring bad luck");
}

TEST_CASE("sweep: the same bytes for any jobs, any shards, and nothing runs twice") {
  Folder folder;
  const SweepSpec spec = spec_of(kGrid);
  CHECK(sweep(spec, folder / "one", 1).progress.simulated == 60);
  CHECK(sweep(spec, folder / "three", 3).progress.simulated == 60);
  const std::string expected = read(folder / "one/results.csv");
  CHECK(std::count(expected.begin(), expected.end(), '\n') == 61);
  for (const char* name : {"results.csv", "pareto.csv", "convergence.csv", "results.json"})
    CHECK(read(folder / ("three/" + std::string(name))) == read(folder / ("one/" + std::string(name))));
  // results.json has the table of convergence.csv: a pair a line.
  std::istringstream steps(read(folder / "one/convergence.csv"));
  std::string pairs, step;
  std::getline(steps, step);
  while (std::getline(steps, step)) pairs += (pairs.empty() ? "[" : ",[") + step + "]";
  CHECK(std::count(pairs.begin(), pairs.end(), '[') > 1);
  CHECK(read(folder / "one/results.json").find("\"convergence\":[" + pairs + "],\"points\":[") != std::string::npos);
  CHECK(sweep(spec, folder / "one", 2).progress.simulated == 0);
  CHECK(read(folder / "one/results.csv") == expected);

  std::vector<std::string> shards;
  for (int i = 0; i < 7; ++i) {
    shards.push_back(folder / ("shard" + std::to_string(i)));
    sweep(spec, shards.back(), 2, i, 7);
  }
  CHECK_THROWS_WITH(merge_shards(folder / "less", {shards[0], shards[3]}, false), Contains("only 18 of 60 rows"));
  CHECK(merge_shards(folder / "less", {shards[0], shards[3]}, true).rows() == 18);
  merge_shards(folder / "merged", shards, false);
  for (const char* name : {"results.csv", "pareto.csv", "convergence.csv", "results.json"})
    CHECK(read(folder / ("merged/" + std::string(name))) == read(folder / ("one/" + std::string(name))));
  CHECK(sweep(spec, folder / "merged").progress.simulated == 0);  // a merged store goes on like any other

  sweep(spec_of("\"axes\": {\"matrix_engine.rows\": [8]}"), folder / "other");
  CHECK_THROWS_WITH(merge_shards(folder / "bad", {shards[0], folder / "other"}, false), Contains("another spec"));
  CHECK_THROWS_WITH(merge_shards(shards[0], shards, false), Contains("is the folder to write to"));
  CHECK_THROWS_WITH(merge_shards(folder / "bad", {folder / "missing"}, false), Contains("no result store"));
  CHECK_FALSE(fs::exists(folder / "bad"));
}

TEST_CASE("sweep: a changed spec reuses what applies") {
  Folder folder;
  sweep(spec_of(kGrid), folder / "out");
  const SweepSpec more = spec_of(
      "\"axes\": {\"matrix_engine.cols\": [64, 128], \"matrix_engine.rows\": [16, 32], "
      "\"scratchpad.capacity_kib\": [200]}, \"objectives\": {\"macs\": \"max\", \"latency_ms\": \"min\"}");
  CHECK(sweep(more, folder / "out").progress.simulated == 2);  // those with 128 columns
  const std::string table = read(folder / "out/results.csv");
  CHECK(std::count(table.begin(), table.end(), '\n') == 5);
  const std::string front = read(folder / "out/pareto.csv");
  CHECK(std::count(front.begin(), front.end(), '\n') == 2);
  CHECK(front.find("\n128,32,200,") != std::string::npos);
  CHECK(sweep(spec_of(kGrid), folder / "out").progress.simulated == 0);
  CHECK(sweep(spec_of(std::string(kGrid) + ", \"numerics\": \"check\""), folder / "out").progress.simulated == 60);
}

TEST_CASE("sweep: killed at any moment and run again, it ends with the same bytes") {
  Folder folder;
  const SweepSpec spec = spec_of(kGrid);
  sweep(spec, folder / "whole");
  Random random(3);
  std::int64_t left = 60;
  for (int kills = 0; kills < 6; ++kills) {
    const pid_t runner = fork();
    if (runner == 0) {
      SweepOptions options;
      options.directory = folder / "killed";
      options.jobs = 2;
      run_sweep(
          spec, options,
          [](const PointTask& task) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return evaluate(task);
          },
          nullptr);
      _exit(0);
    }
    // Twice as long every time: on a busy machine too, one of them comes to store something.
    std::this_thread::sleep_for(std::chrono::milliseconds((10 + random.below(60)) << kills));
    kill(runner, SIGKILL);
    waitpid(runner, nullptr, 0);
  }
  const SweepOutcome outcome = sweep(spec, folder / "killed");
  left -= outcome.progress.simulated;
  CHECK(left > 0);  // the killed runs had stored some
  for (const char* name : {"results.csv", "pareto.csv", "convergence.csv", "results.json"})
    CHECK(read(folder / ("killed/" + std::string(name))) == read(folder / ("whole/" + std::string(name))));
}

TEST_CASE("sweep: SIGTERM stops it, keeps what is stored, leaves the tables alone") {
  Folder folder;
  const SweepSpec spec = spec_of(kGrid);
  const pid_t runner = fork();
  if (runner == 0) {
    SweepOptions options;
    options.directory = folder / "out";
    options.jobs = 2;
    int done = 0;
    const SweepOutcome outcome = run_sweep(spec, options, evaluate, [&](const SweepProgress&) {
      if (++done == 10) raise(SIGTERM);
    });
    _exit(outcome.interrupted && outcome.progress.simulated >= 10 && outcome.progress.simulated < 60 ? 0 : 1);
  }
  int status = 0;
  waitpid(runner, &status, 0);
  CHECK(status == 0);
  CHECK_FALSE(fs::exists(folder / "out/results.csv"));
  SweepOptions options;
  options.directory = folder / "out";
  options.export_only = true;
  const SweepOutcome partial = run_sweep(spec, options, evaluate, nullptr);
  CHECK(partial.summary.rows() >= 10);
  CHECK(partial.summary.rows() + partial.summary.missing == 60);
  CHECK(partial.progress.simulated == 0);
  const std::string table = read(folder / "out/results.csv");
  CHECK(std::count(table.begin(), table.end(), '\n') == partial.summary.rows() + 1);
  CHECK(sweep(spec, folder / "out").progress.simulated == 60 - partial.summary.rows());
}

TEST_CASE("sweep: a hanging point is a timeout, and is run again when asked") {
  Folder folder;
  const SweepSpec spec = spec_of("\"axes\": {\"matrix_engine.rows\": [8, 19, 17]}, \"point_time_limit_s\": 0.2");
  CHECK(sweep(spec, folder / "out").summary.timeout == 1);
  CHECK(read(folder / "out/results.csv").find("19,deit_tiny,timeout,not done within 0.2 s,") != std::string::npos);
  CHECK(sweep(spec, folder / "out").progress.simulated == 0);
  SweepOptions options;
  options.directory = folder / "out";
  options.retry_failed = true;
  CHECK(run_sweep(spec, options, evaluate, nullptr).progress.simulated == 2);
}

TEST_CASE("sweep: random and Latin hypercube tables repeat, rows of one point share its run") {
  Folder folder;
  const std::string axes = "\"axes\": {\"matrix_engine.rows\": [8, 16, 32], \"matrix_engine.cols\": [8, 16]}, ";
  const SweepSpec random = spec_of(axes + "\"sampler\": {\"kind\": \"random\", \"points\": 4, \"seed\": 5}");
  CHECK(sweep(random, folder / "a", 1).progress.simulated == 4);
  CHECK(sweep(random, folder / "b", 3).progress.simulated == 4);
  CHECK(read(folder / "a/results.csv") == read(folder / "b/results.csv"));
  const SweepSpec hypercube = spec_of(axes + "\"sampler\": {\"kind\": \"latin_hypercube\", \"points\": 30}");
  const SweepOutcome outcome = sweep(hypercube, folder / "c");
  CHECK(outcome.summary.rows() == 30);
  CHECK(outcome.progress.simulated <= 6);
  CHECK(outcome.progress.done == 30);
}

TEST_CASE("sweep: given designs make rows in their order, whose points a grid in the same folder has already") {
  Folder folder;
  const std::string axes = "\"axes\": {\"matrix_engine.rows\": [8, 16, 32], \"matrix_engine.cols\": [8, 16]}";
  const std::string given = ", \"sampler\": {\"kind\": \"given\", \"designs\": [[32, 8], [8, 16], [16, 8]]}";
  CHECK(sweep(spec_of(axes + given), folder / "a", 1).progress.simulated == 3);
  const std::string table = read(folder / "a/results.csv");
  const std::size_t first = table.find("\n32,8,"), second = table.find("\n8,16,"), third = table.find("\n16,8,");
  CHECK((first < second && second < third && third != std::string::npos));
  CHECK(sweep(spec_of(axes), folder / "a").progress.simulated == 3);  // the other three of six
  CHECK(sweep(spec_of(axes + given), folder / "a").progress.simulated == 0);
  CHECK(read(folder / "a/results.csv") == table);
}

TEST_CASE("sweep: tokens change with the image, several workloads make several rows") {
  Folder folder;
  const SweepSpec spec = spec_of("\"axes\": {\"workload.image\": [64, 224], \"attention\": [\"taylor\", \"softmax\"]}");
  CHECK(sweep(spec, folder / "out").summary.ok == 4);
  std::istringstream lines(read(folder / "out/results.csv"));
  std::string header, small, softmax, large;
  std::getline(lines, header), std::getline(lines, small), std::getline(lines, softmax), std::getline(lines, large);
  const std::string full =
      std::to_string(macs(read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/deit_tiny.json")));
  CHECK(small.rfind("64,taylor,deit_tiny,ok,", 0) == 0);
  CHECK(large.find("," + full + ",") != std::string::npos);
  CHECK(small.find("," + full + ",") == std::string::npos);
  CHECK_THROWS_WITH(spec_of("\"axes\": {\"workload.dimm\": [64]}"), Contains("workload.dim\""));
}

TEST_CASE("sweep: NSGA-II is the same for any jobs, resumes, and refuses shards") {
  Folder folder;
  const SweepSpec spec = spec_of(
      "\"axes\": {\"matrix_engine.rows\": {\"from\": 21, \"to\": 120, \"steps\": 100}, \"matrix_engine.cols\": "
      "{\"from\": 1, \"to\": 100, "
      "\"steps\": 100}, \"clock_mhz\": [100, 200, 500]}, \"constraints\": [\"area_mm2 <= 4\"], "
      "\"sampler\": {\"kind\": \"nsga2\", \"points\": 160, \"population\": 20, \"seed\": 2}");
  CHECK(sweep(spec, folder / "one", 1).progress.simulated == 160);
  CHECK(sweep(spec, folder / "three", 3).progress.simulated == 160);
  CHECK(read(folder / "one/results.csv") == read(folder / "three/results.csv"));
  CHECK(sweep(spec, folder / "one").progress.simulated == 0);
  // Half of the points gone: exactly those run again.
  const pid_t runner = fork();
  if (runner == 0) {
    SweepOptions options;
    options.directory = folder / "half";
    int done = 0;
    run_sweep(spec, options, evaluate, [&](const SweepProgress&) {
      if (++done == 70) raise(SIGKILL);
    });
  }
  waitpid(runner, nullptr, 0);
  const SweepOutcome rest = sweep(spec, folder / "half");
  CHECK(rest.progress.simulated <= 91);
  CHECK(rest.progress.simulated >= 89);
  CHECK(read(folder / "half/results.csv") == read(folder / "one/results.csv"));
  CHECK_THROWS_WITH(sweep(spec, folder / "shard", 1, 0, 2), Contains("can't be cut into shards"));
}

TEST_CASE("sweep: a dry run lists and measures, and writes nothing") {
  Folder folder;
  SweepOptions options;
  options.directory = folder / "out";
  std::vector<PlannedRow> rows;
  const DryRun dry = dry_run(spec_of(kGrid), options, evaluate, [&](const PlannedRow& row) { rows.push_back(row); });
  CHECK(dry.listed == 60);
  CHECK(rows.size() == 60);
  CHECK(rows[1].axes == "[8,8,200]");
  CHECK(dry.seconds_a_point > 0);
  CHECK(dry.peak_kib > 100);
  CHECK_FALSE(fs::exists(folder / "out"));
  sweep(spec_of(kGrid), folder / "out");
  CHECK(dry_run(spec_of(kGrid), options, evaluate, [](const PlannedRow&) {}).stored == 60);
}

TEST_CASE("sweep: NSGA-II finds the whole front of a grid from a part of its points") {
  Folder folder;
  const std::string axes =
      "\"axes\": {\"matrix_engine.rows\": {\"from\": 20, \"to\": 64, \"steps\": 12}, \"matrix_engine.cols\": "
      "{\"from\": 20, \"to\": 64, \"steps\": 12}, \"scratchpad.capacity_kib\": [100, 200, 300, 400]}, "
      "\"constraints\": [\"area_mm2 <= 2.5\"]";
  const auto front = [&](const std::string& sampler, const std::string& name) {
    const SweepOutcome outcome = sweep(spec_of(axes + sampler), folder / name, 4);
    std::istringstream lines(read(folder / (name + "/pareto.csv")));
    std::set<std::string> rows;  // without the axes: 20 x 24 is as good as 24 x 20
    for (std::string line; std::getline(lines, line);) rows.insert(line.substr(line.find(",deit_tiny,") + 1));
    return std::pair(outcome.summary.rows(), rows);
  };
  const auto [all, whole] = front("", "grid");
  CHECK(all == 576);
  CHECK(whole.size() > 10);  // with the heading
  const auto [visited, found] =
      front(", \"sampler\": {\"kind\": \"nsga2\", \"points\": 250, \"population\": 40, \"seed\": 1}", "search");
  CHECK(visited == 250);
  CHECK(found == whole);
}

TEST_CASE("sweep: the program is known by the sources that decide results") {
  const std::string root = std::string(VITALITY_SOURCE_DIR) + "/";
  std::vector<std::string> names;
  for (const char* folder : {"src", "models"})
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root + folder)) {
      const std::string name = entry.path().string().substr(root.size()), kind = entry.path().extension().string();
      const auto in = [&](const char* room) { return name.rfind(room, 0) == 0; };
      const bool outside = in("src/cli/") || in("src/report/") || in("src/explore/") || in("src/import/");
      if (!outside && (kind == ".cpp" || kind == ".h" || kind == ".inc")) names.push_back(name);
    }
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) list += name + " " + sha256_hex(read(root + name)) + "\n";
  CHECK(names.size() > 100);
  CHECK(kProgramIdentity == std::string("vitality ") + VITALITY_VERSION + " " + sha256_hex(list));
}
