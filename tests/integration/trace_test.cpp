// `vitality run --trace` and `--vcd`: well-formed, and their spans, counters and signals agree with the result.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/program.h"

using Catch::Contains;
using nlohmann::json;
using namespace vitality::test;

namespace {

struct TracedRun {
  json result, trace;
  std::string vcd;
  double clock_mhz = 0;
  std::int64_t cycles = 0;
  std::map<int, std::string> tracks;  // thread id -> name
};

TracedRun traced(const std::string& config, const std::string& workload, std::vector<std::string> more = {}) {
  const ScratchFolder folder;
  std::vector<std::string> words{"run",
                                 "--config",
                                 "configs/" + config + ".json",
                                 "--workload",
                                 "workloads/" + workload + ".json",
                                 "--quiet",
                                 "--result",
                                 folder.path("r.json"),
                                 "--trace",
                                 folder.path("t.json"),
                                 "--vcd",
                                 folder.path("u.vcd"),
                                 "--numerics",
                                 "off"};
  words.insert(words.end(), more.begin(), more.end());
  const ProgramResult program = run_program(words);
  INFO(program.err);
  REQUIRE(program.exit_code == 0);
  TracedRun run{json::parse(read_text(folder.path("r.json"))),
                json::parse(read_text(folder.path("t.json"))),
                read_text(folder.path("u.vcd")),
                0,
                0,
                {}};
  run.clock_mhz = run.result["config"]["clock_mhz"];
  run.cycles = run.result["totals"]["cycles"];
  for (const json& event : run.trace["traceEvents"])
    if (event["name"] == "thread_name") run.tracks[event["tid"]] = event["args"]["name"];
  return run;
}

struct TracedMachine {
  std::string config;
  std::vector<std::string> more;
};
// The last one has more units than VCD has characters for signals.
const std::vector<TracedMachine> kTraced = {
    {"vitality", {}},
    {"vitality_overlapped", {}},
    {"vitality",
     {"--set", "matrix_engine.count=2", "--set", "matrix_engine.rows=8", "--set", "matrix_engine.cols=8", "--set",
      "dividers.count=20", "--set", "dividers.lanes=1", "--set", "dividers.initiation_interval=16"}}};

std::string unit_of(const std::string& track) {
  return track.substr(0, track.find(' '));
}

const json& unit_result(const TracedRun& run, const std::string& name) {
  for (const json& unit : run.result["units"])
    if (unit["name"] == name) return unit;
  throw std::runtime_error("no unit " + name);
}

// Cycles in which the unit holds a job, as the result has them.
std::int64_t held_cycles(const json& unit) {
  return unit["busy_cycles"].get<std::int64_t>() + unit["stall_cycles"].value("scratchpad", std::int64_t{0}) +
         unit["stall_cycles"].value("noc", std::int64_t{0});
}

}  // namespace

TEST_CASE("trace: one span a job, none overlapping on its track, together what the units were busy") {
  for (const auto& [config, more] : kTraced) {
    for (const char* workload : {"tiny_vit", "tiny_levit"}) {
      INFO(config << " " << workload << (more.empty() ? "" : ", several units"));
      const TracedRun run = traced(config, workload, more);
      std::map<int, std::vector<std::pair<std::int64_t, std::int64_t>>> spans;
      std::set<std::int64_t> jobs;
      std::int64_t last = 0;
      std::set<std::string> layers;
      std::map<std::string, std::int64_t> starts, prefetched, shown_as_prefetch;
      for (const json& layer : run.result["layers"]) {
        layers.insert(layer["name"].get<std::string>());
        starts[layer["name"]] = layer["start_cycle"];
        prefetched[layer["name"]] = layer["prefetch"]["bytes"];
      }
      for (const json& event : run.trace["traceEvents"]) {
        if (event["ph"] != "X") continue;
        const json& args = event["args"];
        const std::int64_t begin = args["start_cycle"], length = args["cycles"];
        CHECK(event["ts"].get<double>() == Approx(static_cast<double>(begin) / run.clock_mhz));
        CHECK(event["dur"].get<double>() == Approx(static_cast<double>(length) / run.clock_mhz));
        spans[event["tid"]].emplace_back(begin, begin + length);
        CHECK(jobs.insert(args["job"].get<std::int64_t>()).second);
        last = std::max(last, begin + length);
        const std::string name = event["name"];
        const std::string layer = name.substr(0, name.find(": "));
        CHECK(layers.count(layer) == 1);
        if (event["cat"] == "load") {
          CHECK(args["prefetch"] == (begin < starts[layer]));
          if (args["prefetch"] == true) shown_as_prefetch[layer] += args["bytes"].get<std::int64_t>();
        } else {
          CHECK(args.value("prefetch", false) == false);
        }
      }
      for (const std::string& layer : layers) CHECK(shown_as_prefetch[layer] == prefetched[layer]);
      CHECK(jobs.size() <= run.result["jobs"].get<std::size_t>());
      CHECK(jobs.size() > run.result["jobs"].get<std::size_t>() / 2);  // all but what is not charged
      CHECK(last <= run.cycles);
      std::map<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>> by_unit;
      for (auto& [track, list] : spans) {
        REQUIRE(run.tracks.count(track) == 1);
        std::sort(list.begin(), list.end());
        for (std::size_t i = 1; i < list.size(); ++i) CHECK(list[i].first >= list[i - 1].second);
        auto& all = by_unit[unit_of(run.tracks.at(track))];
        all.insert(all.end(), list.begin(), list.end());
      }
      for (auto& [name, list] : by_unit) {
        std::sort(list.begin(), list.end());
        std::int64_t covered = 0, held = 0;
        for (const auto& [begin, end] : list) {
          held += std::max<std::int64_t>(0, end - std::max(covered, begin));
          covered = std::max(covered, end);
        }
        INFO(name);
        CHECK(held == held_cycles(unit_result(run, name)));
      }
    }
  }
}

TEST_CASE("trace: the counters integrate to the result's bytes and MACs, and DMA ends with nothing outstanding") {
  const TracedRun run = traced("vitality", "tiny_levit");
  std::map<std::string, std::vector<std::pair<double, json>>> counters;
  for (const json& event : run.trace["traceEvents"])
    if (event["ph"] == "C")
      counters[event["name"]].emplace_back(event["ts"].get<double>() * run.clock_mhz, event["args"]);
  const auto integral = [&](const char* name, const char* series) {
    const auto& samples = counters.at(name);
    double sum = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double end = i + 1 < samples.size() ? samples[i + 1].first : static_cast<double>(run.cycles);
      sum += samples[i].second[series].get<double>() * (end - samples[i].first);
    }
    return Approx(sum).epsilon(1e-3);
  };
  const json& totals = run.result["totals"];
  CHECK(totals["sram_read_bytes"].get<double>() == integral("scratchpad (B/cycle)", "read"));
  CHECK(totals["sram_write_bytes"].get<double>() == integral("scratchpad (B/cycle)", "write"));
  CHECK(totals["dram_read_bytes"].get<double>() == integral("DRAM (B/cycle)", "read"));
  CHECK(totals["dram_write_bytes"].get<double>() == integral("DRAM (B/cycle)", "write"));
  CHECK(totals["macs"].get<double>() == integral("MACs per cycle", "macs"));
  const json& power = run.result["power"];
  REQUIRE(counters.at("power (W)").size() == power["w"].size());
  for (std::size_t i = 0; i < power["w"].size(); ++i) {
    CHECK(counters["power (W)"][i].first == Approx(i * power["bin_cycles"].get<double>()));
    CHECK(counters["power (W)"][i].second["chip and DRAM"].get<double>() ==
          Approx(power["w"][i].get<double>()).margin(1e-4));
  }
  const auto& outstanding = counters.at("outstanding DMA (B)");
  for (const auto& [cycle, args] : outstanding) {
    CHECK(args["load"].get<std::int64_t>() >= 0);
    CHECK(args["store"].get<std::int64_t>() >= 0);
  }
  CHECK(outstanding.back().second == json({{"load", 0}, {"store", 0}}));
}

TEST_CASE("trace: arrows lead from spans to spans, not backwards, and are bounded") {
  for (const char* workload : {"tiny_vit", "deit_small"}) {
    const TracedRun run = traced("vitality", workload);
    std::map<std::int64_t, json> sources, targets;
    std::set<std::pair<int, double>> span_starts;
    const auto place = [](const json& event) {
      return std::make_pair(event["tid"].get<int>(), event["ts"].get<double>());
    };
    for (const json& event : run.trace["traceEvents"]) {
      if (event["ph"] == "X") span_starts.insert(place(event));
      if (event["ph"] == "s") CHECK(sources.emplace(event["id"].get<std::int64_t>(), event).second);
      if (event["ph"] == "f") CHECK(targets.emplace(event["id"].get<std::int64_t>(), event).second);
    }
    CHECK(sources.size() == targets.size());
    CHECK(sources.size() == run.trace["otherData"]["arrows_drawn"].get<std::size_t>());
    CHECK(sources.size() <= 10000);
    CHECK(sources.size() > 20);
    CHECK((sources.size() == 10000 || run.trace["otherData"]["arrows"].get<std::size_t>() == sources.size()));
    bool forward = true, on_spans = true;
    for (const auto& [id, source] : sources) {
      const json& target = targets.at(id);
      forward = forward && source["ts"].get<double>() <= target["ts"].get<double>();
      on_spans = on_spans && span_starts.count(place(source)) == 1 && span_starts.count(place(target)) == 1;
    }
    CHECK(forward);
    CHECK(on_spans);
  }
}

TEST_CASE("vcd: declared signals only, time forward, busy as long as the result says") {
  for (const auto& [config, more] : kTraced) {
    const TracedRun run = traced(config, "tiny_vit", more);
    std::istringstream lines(run.vcd);
    std::map<std::string, std::string> names;  // identifier -> unit.signal
    std::map<std::string, std::int64_t> since, busy;
    std::map<std::string, std::string> jobs, busy_now;
    std::set<std::string> prefetches;
    std::string scope;
    std::int64_t now = -1;
    bool header = true;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string first, second, bits, identifier, name;
      words >> first;
      if (first == "$scope") words >> second >> scope;
      if (first == "$var") words >> second >> bits >> identifier >> name, names[identifier] = scope + "." + name;
      if (first == "$enddefinitions") header = false;
      if (header || first.empty() || first[0] == '$') continue;
      if (first[0] == '#') {
        const std::int64_t next = std::stoll(first.substr(1));
        CHECK(next > now);
        now = next;
        continue;
      }
      const bool vector = first[0] == 'b';
      const std::string value = vector ? first.substr(1) : first.substr(0, 1);
      if (vector) {
        words >> identifier;
      } else {
        identifier = first.substr(1);
      }
      REQUIRE(names.count(identifier) == 1);
      const std::string signal = names[identifier], unit = signal.substr(0, signal.find('.'));
      if (signal == unit + ".busy") {
        if (busy_now[unit] == "1") busy[unit] += now - since[unit];
        busy_now[unit] = value, since[unit] = now;
      }
      if (signal == unit + ".job") jobs[unit] = value;
      if (signal == unit + ".prefetch" && value == "1") prefetches.insert(unit);
    }
    CHECK(prefetches == std::set<std::string>{"dma_load"});
    CHECK(busy.size() >= 7);
    CHECK(busy.count("sa_general1") == (more.empty() ? 0 : 1));
    CHECK(busy.count("dividers1") == (more.empty() ? 0 : 1));
    const auto period = static_cast<std::int64_t>(1e6 / run.clock_mhz + 0.5);
    for (const auto& [unit, picoseconds] : busy) {
      INFO(unit);
      CHECK(picoseconds == held_cycles(unit_result(run, unit)) * period);
      CHECK(busy_now[unit] == "0");
      CHECK(jobs[unit] == "x");
    }
    CHECK(now == (run.cycles + 1) * period);
  }
}

TEST_CASE("trace: changes nothing in the result and comes out the same twice") {
  const TracedRun a = traced("vitality", "tiny_mobilevit", {"--batch", "2"}),
                  b = traced("vitality", "tiny_mobilevit", {"--batch", "2"});
  CHECK(a.trace == b.trace);
  CHECK(a.vcd == b.vcd);
  const ScratchFolder folder;
  REQUIRE(run_program({"run", "--config", "configs/vitality.json", "--workload", "workloads/tiny_mobilevit.json",
                       "--quiet", "--numerics", "off", "--batch", "2", "--result", folder.path("r.json")})
              .exit_code == 0);
  json plain = json::parse(read_text(folder.path("r.json"))), with = a.result;
  plain["manifest"].erase("host_seconds"), with["manifest"].erase("host_seconds");
  CHECK(plain == with);
}

TEST_CASE("dram commands: as many of each as the result counts, in each channel's order") {
  const ScratchFolder folder;
  const std::vector<std::string> words{"run",
                                       "--config",
                                       "configs/vitality.json",
                                       "--workload",
                                       "workloads/tiny_mobilevit.json",
                                       "--quiet",
                                       "--numerics",
                                       "off",
                                       "--dram-commands",
                                       folder.path("commands.csv")};
  std::vector<std::string> banked = words;
  banked.insert(banked.end(), {"--set", "dram.model=banked", "--result", folder.path("r.json")});
  REQUIRE(run_program(banked).exit_code == 0);
  std::istringstream lines(read_text(folder.path("commands.csv")));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "cycle,channel,command,rank,bank_group,bank,row,column");
  std::map<std::string, std::int64_t> count, last;
  while (std::getline(lines, line)) {
    CHECK(std::count(line.begin(), line.end(), ',') == 7);
    std::istringstream fields(line);
    std::string cycle, channel, command;
    std::getline(fields, cycle, ','), std::getline(fields, channel, ','), std::getline(fields, command, ',');
    ++count[command];
    CHECK(std::stoll(cycle) >= last[channel]);
    last[channel] = std::stoll(cycle);
  }
  const json result = json::parse(read_text(folder.path("r.json")));
  for (const json& unit : result["units"]) {
    if (unit["name"] != "dram") continue;
    const json& actions = unit["actions"];
    CHECK(count["ACT"] == actions["activates"]);
    CHECK(count["REF"] == actions["refreshes"]);
    CHECK(count["RD"] + count["WR"] ==
          actions["row_hits"].get<int>() + actions["row_misses"].get<int>() + actions["row_conflicts"].get<int>());
    CHECK(count["RD"] > count["WR"]);
  }
  CHECK(last.size() == 4);

  std::filesystem::remove(folder.path("commands.csv"));
  const ProgramResult bandwidth = run_program(words);
  CHECK(bandwidth.exit_code == 2);
  CHECK_THAT(bandwidth.err, Contains("option --dram-commands: only dram.model banked"));
  CHECK_FALSE(std::filesystem::exists(folder.path("commands.csv")));
}

TEST_CASE("trace: a machine that is not simulated has none, and says so") {
  const ScratchFolder folder;
  for (const char* option : {"--trace", "--vcd", "--dram-commands"}) {
    const ProgramResult run = run_program({"run", "--config", "configs/gpu_h100.json", "--workload",
                                           "workloads/tiny_vit.json", option, folder.path("t")});
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, Contains(std::string("option ") + option + ": ") && Contains("is not simulated"));
    CHECK_FALSE(std::filesystem::exists(folder.path("t")));
  }
}
