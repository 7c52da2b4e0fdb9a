// `vitality run` from outside: the result's fields and sums, reproducibility, --layers, --batch, exit codes,
// and that nothing is written on error.
#include "tests/support/run_command.h"

#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/units.h"

using nlohmann::json;
using namespace vitality;
using namespace vitality::test;
using Catch::Contains;

TEST_CASE("run: the result has every field of the contract and its sums close") {
  const json r = run("tiny_vit");
  CHECK(r["schema_version"] == 2);
  for (const char* key : {"version", "command", "seed", "config_sha256", "workload_sha256", "host_seconds"})
    CHECK(r["manifest"].contains(key));
  CHECK(r["config"]["matrix_engine"]["rows"] == 64);
  CHECK(r["workload"]["name"] == "tiny_vit");
  CHECK(r["mode"] == "inference");
  CHECK(r["numerics"]["checked"] == true);
  CHECK(r["numerics"]["passed"] == true);
  CHECK(r["numerics"]["max_rel_error"].get<double>() <= r["numerics"]["tolerance"].get<double>());
  CHECK(r["numerics"]["approximation"]["max_rel_error"].get<double>() > 0);
  for (const char* part : {"totals", "attention_totals"}) {
    for (const char* key :
         {"cycles", "latency_ms", "energy_mj", "average_power_w", "area_mm2", "macs", "gops", "gops_per_w",
          "utilization", "dram_read_bytes", "dram_write_bytes", "sram_read_bytes", "sram_write_bytes", "noc_byte_hops"})
      CHECK(r[part][key].is_number());
    for (const char* key : {"mul", "add", "div", "exp", "cmp"}) CHECK(r[part]["operations"][key].is_number_integer());
  }
  const auto total = r["totals"]["cycles"].get<std::int64_t>();
  CHECK(total > 0);
  std::int64_t macs = 0, dram = 0, path = 0, last = 0;
  for (const json& layer : r["layers"]) {
    for (const char* key : {"name", "kind", "start_cycle", "end_cycle", "prefetch", "macs", "operations", "energy_pj",
                            "bytes", "bottleneck", "bound_cycles"})
      CHECK(layer.contains(key));
    macs += layer["macs"].get<std::int64_t>();
    dram += layer["bytes"]["dram_read"].get<std::int64_t>() + layer["bytes"]["dram_write"].get<std::int64_t>();
    std::int64_t split = 0, operands = 0;
    for (const auto& part : layer["time_split"]) split += part.get<std::int64_t>();
    CHECK(split == layer["end_cycle"].get<std::int64_t>() - layer["start_cycle"].get<std::int64_t>());
    for (const auto& part : layer["bytes"]["dram_by_operand"]) operands += part.get<std::int64_t>();
    CHECK(operands ==
          layer["bytes"]["dram_read"].get<std::int64_t>() + layer["bytes"]["dram_write"].get<std::int64_t>());
    last = std::max(last, layer["end_cycle"].get<std::int64_t>());
  }
  CHECK(last == total);
  CHECK(macs == r["totals"]["macs"]);
  CHECK(dram ==
        r["totals"]["dram_read_bytes"].get<std::int64_t>() + r["totals"]["dram_write_bytes"].get<std::int64_t>());
  for (const json& unit : r["units"]) {
    std::int64_t sum = unit["busy_cycles"].get<std::int64_t>() + unit["idle_cycles"].get<std::int64_t>();
    for (const auto& stall : unit["stall_cycles"]) sum += stall.get<std::int64_t>();
    INFO(unit["name"]);
    CHECK(sum == total);
  }
  double energy = 0;
  for (const auto& part : r["energy_breakdown_pj"]) energy += part.get<double>();
  CHECK(energy * 1e-9 == Approx(r["totals"]["energy_mj"].get<double>()).epsilon(1e-12));
  for (const auto& part : r["critical_path_cycles"]) path += part.get<std::int64_t>();
  CHECK(path == total);
  CHECK(r["not_charged"] == json::parse(R"(["layer_norm", "activation"])"));
}

TEST_CASE("run: two runs of one command differ in host_seconds alone, wherever they write") {
  const ScratchFolder folder;
  std::vector<std::string> texts;
  for (const char* name : {"a", "b"}) {
    REQUIRE(run_program(words("tiny_mobilevit", {"--quiet", "--result", folder.path(name), "--csv",
                                                 folder.path(std::string(name) + "_csv")}))
                .exit_code == 0);
    std::string text = read_text(folder.path(name));
    const auto at = text.find("\"host_seconds\": ");
    REQUIRE(at != std::string::npos);
    text.erase(at, text.find('\n', at) - at);
    texts.push_back(text);
  }
  CHECK(texts[0] == texts[1]);
  for (const char* table : {"totals.csv", "layers.csv", "units.csv"}) {
    const std::string first = read_text(folder.path(std::string("a_csv/") + table));
    CHECK(first.size() > 100);
    CHECK(first == read_text(folder.path(std::string("b_csv/") + table)));
  }
  CHECK(files_in(folder.path()) == std::vector<std::string>{"a", "a_csv", "b", "b_csv"});
}

TEST_CASE("run: the CSV tables have one row a layer and a unit, as wide as their heads") {
  const ScratchFolder folder;
  REQUIRE(run_program(words("tiny_levit", {"--quiet", "--result", folder.path("r"), "--csv", folder.path("csv")}))
              .exit_code == 0);
  const json r = json::parse(read_text(folder.path("r")));
  const auto lines_of = [&](const std::string& name) {
    std::ifstream file(folder.path("csv/" + name));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    // Commas inside quotes do not count.
    std::vector<int> widths;
    for (const std::string& line : lines) {
      bool inside = false;
      int width = 1;
      for (const char c : line) inside ^= c == '"', width += c == ',' && !inside;
      widths.push_back(width);
    }
    for (const int width : widths) CHECK(width == widths[0]);
    return lines;
  };
  CHECK(lines_of("totals.csv").size() == 3);
  CHECK(lines_of("layers.csv").size() == r["layers"].size() + 1);
  CHECK(lines_of("units.csv").size() == r["units"].size() + 1);
  CHECK_THAT(lines_of("totals.csv")[1],
             Catch::StartsWith("total," + std::to_string(r["totals"]["cycles"].get<std::int64_t>()) + ","));
}

namespace {

// RFC 4180 without line ends in cells.
std::vector<std::vector<std::string>> cells_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted)
        rows.back().emplace_back();
      else if (c != '"')
        rows.back().back() += c;
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("run: every byte has an operand and a cause, in the result and in the table") {
  const ScratchFolder folder;
  const json result = run("tiny_levit", {"--numerics", "off", "--csv", folder.path("csv")});
  Bytes fetched = 0, written = 0, scratchpad = 0;
  for (const json& layer : result["layers"]) {
    for (const auto& [operand, causes] : layer["bytes"]["dram_by_cause"].items()) {
      Bytes of_operand = 0;
      for (const auto& [cause, bytes] : causes.items()) {
        (cause == "write_back" ? written : fetched) += bytes.get<Bytes>();
        of_operand += bytes.get<Bytes>();
      }
      CHECK(of_operand == layer["bytes"]["dram_by_operand"][operand]);
    }
    for (const auto& [cause, bytes] : layer["bytes"]["sram_by_cause"].items()) scratchpad += bytes.get<Bytes>();
    if (layer["macs"] == 0) continue;
    const double intensity = layer["macs_per_dram_byte"], ridge = result["roofline"]["ridge_macs_per_dram_byte"];
    CHECK(layer["roofline"]["bound"] == (intensity < ridge && intensity > 0 ? "memory" : "compute"));
    CHECK(layer["roofline"]["achieved_macs_per_cycle"] <= layer["roofline"]["attainable_macs_per_cycle"]);
  }
  CHECK(fetched == result["totals"]["dram_read_bytes"]);
  CHECK(written == result["totals"]["dram_write_bytes"]);
  CHECK(scratchpad ==
        result["totals"]["sram_read_bytes"].get<Bytes>() + result["totals"]["sram_write_bytes"].get<Bytes>());
  // 4160 PEs; four channels of 64 bits at 2400 MT/s over 500 MHz.
  CHECK(result["roofline"]["peak_macs_per_cycle"] == 64 * 64 + 64);
  CHECK(result["roofline"]["dram_bytes_per_cycle"] == Approx(4 * 64 / (4 * 0.833) * 2));

  const std::vector<std::vector<std::string>> table = cells_of(read_text(folder.path("csv/layers.csv")));
  REQUIRE(table.size() == result["layers"].size() + 1);
  Bytes dram = 0, sram = 0;
  for (std::size_t row = 1; row < table.size(); ++row) {
    REQUIRE(table[row].size() == table[0].size());
    for (std::size_t i = 0; i < table[0].size(); ++i) {
      const std::string& name = table[0][i];
      if (name == "dram_read_bytes" || name == "dram_write_bytes" || name == "sram_read_bytes" ||
          name == "sram_write_bytes" || name == "prefetch_bytes" || name == "dram_lower_bound_bytes" ||
          name.size() < 6 || name.compare(name.size() - 6, 6, "_bytes") != 0)
        continue;
      if (name.compare(0, 5, "dram_") == 0) dram += std::stoll(table[row][i]);
      if (name.compare(0, 5, "sram_") == 0) sram += std::stoll(table[row][i]);
    }
  }
  CHECK(dram == fetched + written);
  CHECK(sram == scratchpad);
}

TEST_CASE("run: 30 % of a class is what the knob is worth, other nodes scale or are refused with a list") {
  const json plain = run("tiny_vit", {"--numerics", "off"});
  for (const json& bar : plain["energy_uncertainty"]) {
    const std::string knob = "energy." + bar["knob"].get<std::string>();
    for (const auto& [value, key] : {std::pair{"1.3", "energy_mj_high"}, std::pair{"0.7", "energy_mj_low"}}) {
      const json off = run("tiny_vit", {"--numerics", "off", "--set", knob + "=" + value});
      CHECK(off["totals"]["energy_mj"].get<double>() == Approx(bar[key].get<double>()));
    }
  }
  CHECK(plain["energy_uncertainty"].size() == 5);
  // Actions times prices, and, in each cycle in which its array works, 48 of a PE's 64 flip-flops with their share of
  // the clock tree (4.96 fJ x 1.33) and two multiplexers of 16 bits (0.44 fJ) are the energy on chip, less what leaks.
  double priced = 0;
  for (const json& unit : plain["units"]) {
    const bool dma = unit["kind"] == "dma";
    const int pes = unit["name"] == "sa_general" ? 64 * 64 : unit["name"] == "sa_diag" ? 64 : 0;
    if (pes > 0) priced += unit["actions"]["clocked_cycles"].get<double>() * pes * (48 * 4.96e-3 * 1.33 + 32 * 0.44e-3);
    for (const auto& [action, count] : unit["actions"].items()) {
      if (plain["action_energy_pj"].contains(action))
        priced += count.get<double>() * plain["action_energy_pj"][action].get<double>();
      const bool moved = action == "scratchpad_read_byte" || action == "scratchpad_write_byte";
      if (moved && !dma)
        priced += count.get<double>() * plain["action_energy_pj"]["noc_byte_hop"].get<double>();  // a bus
    }
  }
  const json& parts = plain["energy_breakdown_pj"];
  CHECK(priced == Approx(parts["compute"].get<double>() + parts["sram"].get<double>() + parts["noc"].get<double>()));
  const json at40 = run("tiny_vit", {"--numerics", "off", "--set", "technology_nm=40"});
  const auto part = [](const json& r, const char* name) { return r["energy_breakdown_pj"][name].get<double>(); };
  for (const char* name : {"compute", "sram"}) CHECK(part(at40, name) == Approx(part(plain, name) / 0.588));
  // Wires of the bus cost the same at every node: 47 fJ a bit and mm along the core's edge, which is longer at 40 nm.
  const auto noc_um2 = [](const json& r) {
    double um2 = 0;
    for (const json& each : r["parts"]) um2 += each["unit"] == "noc" ? each["area_um2"].get<double>() : 0;
    return um2;
  };
  const auto core_mm2 = [&](const json& r) { return r["totals"]["area_mm2"].get<double>() - noc_um2(r) * 1e-6; };
  for (const auto& [result, scale] : {std::pair{plain, 1.0}, {at40, 1 / 0.588}})
    CHECK(result["action_energy_pj"]["noc_byte_hop"].get<double>() ==
          Approx(8e-3 * (47 * std::sqrt(core_mm2(result)) + 4.96 * 1.33 * scale)));
  CHECK(core_mm2(at40) == Approx(core_mm2(plain) / 0.547));
  CHECK(noc_um2(at40) > noc_um2(plain) / 0.547);
  CHECK(part(at40, "leakage") == Approx(part(plain, "leakage") / 0.588).epsilon(0.005));  // the bus is larger
  CHECK(part(at40, "dram") == part(plain, "dram"));
  const ScratchFolder folder;
  check_refused(folder, words("tiny_vit", {"--set", "technology_nm=10"}), 2,
                "expected one of 65, 55, 45, 40, 28, 22, 16, 12, 7");
  check_refused(folder, words("tiny_vit", {"--set", "scratchpad.layout=skewd"}), 2, "did you mean \"skewed\"");
}

TEST_CASE("run: numerics off gives the same statistics and says that nothing was checked") {
  for (const char* workload : {"tiny_vit", "tiny_levit", "tiny_mobilevit"}) {
    const json on = run(workload), off = run(workload, {"--numerics", "off"});
    CHECK(on["totals"] == off["totals"]);
    CHECK(on["units"] == off["units"]);
    CHECK(off["numerics"]["checked"] == false);
    CHECK(off["numerics"]["passed"].is_null());
  }
}

TEST_CASE("run: the table has units, names what is not charged, and fits 100 columns") {
  const ProgramResult result = run_program(words("tiny_vit"));
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, Contains(" ms = ") && Contains(" W (") && Contains(" on average, of which on chip ") &&
                             Contains(" GOP/s") && Contains("mm2 at 28 nm"));
  CHECK_THAT(result.out, Contains("NOT CHARGED   layer_norm, activation") && Contains("taylor against softmax") &&
                             Contains("arithmetic    within tolerance"));
  CHECK_THAT(result.out, Contains("blocks.0.attn.qkv") && Contains("sa_general") && Contains("critical path"));
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {}, {"--batch", "2"}, {"--config", "configs/vitality_training.json", "--mode", "training"}}) {
    const std::string out =
        more.size() < 4
            ? run_program(words("tiny_vit", more)).out
            : run_program({"run", "--workload", "workloads/tiny_vit.json", more[0], more[1], more[2], more[3]}).out;
    CHECK(out.size() > 1000);
    std::size_t begin = 0;
    for (std::size_t end; (end = out.find('\n', begin)) != std::string::npos; begin = end + 1) {
      INFO(out.substr(begin, end - begin));
      CHECK(end - begin <= 100);
    }
  }
}

TEST_CASE("run: the table says equal blocks once, and blocks that differ each") {
  const std::string out = run_program(words("deit_tiny", {"--numerics", "off"})).out;
  CHECK_THAT(out, Contains("\nblocks.0.attn.qkv ") && !Contains("\nblocks.2.attn.qkv ") && Contains("\nhead "));
  const json result = run("deit_tiny", {"--numerics", "off"});
  std::vector<std::int64_t> starts;
  for (const json& layer : result["layers"]) {
    const std::string name = layer["name"];
    if (name.find(".norm1") != std::string::npos) starts.push_back(layer["start_cycle"]);
  }
  REQUIRE(starts.size() == 12);
  // Less of the first block's weights is fetched ahead, so it may have a row of its own.
  const std::size_t first = out.find("\nblocks.1.attn.qkv ") == std::string::npos ? 0 : 1;
  std::string period = std::to_string((starts[11] - starts[first]) / static_cast<std::int64_t>(11 - first));
  period.insert(period.size() - 3, ",");
  CHECK_THAT(out, Contains("\n  blocks." + std::to_string(first + 1) + " to 11: the same layers as blocks." +
                           std::to_string(first) + ", one block every " + period + " cycles\n"));
  // Left out by --layers are no layers of the table; what is left of a block is not equal to a whole one.
  const std::string part =
      run_program(words("deit_tiny", {"--numerics", "off", "--layers", "blocks.[01].attn.qkv"})).out;
  CHECK_THAT(part, Contains("\nblocks.0.attn.qkv ") && !Contains("blocks.2"));
}

TEST_CASE("run: progress goes to stderr and only when asked for or on a terminal") {
  CHECK(run_program(words("tiny_vit", {"--progress", "auto", "--quiet"})).err.empty());
  CHECK(run_program(words("tiny_vit", {"--progress", "never"})).err.empty());
  const ProgramResult shown = run_program(words("tiny_vit", {"--progress", "always", "--quiet"}));
  CHECK(shown.exit_code == 0);
  CHECK_THAT(shown.err, Contains("simulation: 100 %") && !Contains("reference: "));  // both in step
  const ProgramResult part =
      run_program(words("tiny_vit", {"--progress", "always", "--quiet", "--layers", "blocks.?.attn"}));
  CHECK_THAT(part.err, Contains("reference: ") && Contains("simulation: 100 %"));
}

TEST_CASE("run: --layers simulates a part and the rest is named as left out") {
  const json all = run("tiny_vit"), part = run("tiny_vit", {"--layers", "blocks.?.attn"});
  std::vector<std::string> executed;
  for (const json& layer : part["layers"]) {
    if (layer["executed"] == true) executed.push_back(layer["name"]);
  }
  CHECK(executed == std::vector<std::string>{"blocks.0.attn", "blocks.1.attn"});
  CHECK(part["layers"].size() == all["layers"].size());
  CHECK(part["totals"]["operations"] == all["attention_totals"]["operations"]);
  CHECK(part["totals"]["cycles"] < all["totals"]["cycles"]);
  CHECK(part["numerics"]["passed"] == true);
}

TEST_CASE("run: --layers takes a folded batch norm and the layer that absorbs it together") {
  using Names = std::vector<std::string>;
  const auto executed = [](const std::string& layers, const std::string& batch_norm) {
    const json part = run("tiny_levit", {"--layers", layers, "--set", "batch_norm=" + batch_norm});
    CHECK(part["numerics"]["passed"] == true);
    Names names;
    for (const json& layer : part["layers"])
      if (layer["executed"] == true) names.push_back(layer["name"]);
    return names;
  };
  for (const char* one : {"stage0.0.mlp.fc1", "stage0.0.mlp.fc1.bn"}) {
    CHECK(executed(one, "folded") == Names{"stage0.0.mlp.fc1"});  // a folded norm itself takes no time
    CHECK(executed(one, "separate") == Names{one});
  }
  for (const char* one : {"head_dist", "head_dist.bn"})  // folded into the layer behind it
    CHECK(executed(one, "folded") == Names{"head_dist"});
}

TEST_CASE("run: layers are bound by DRAM as much as the critical path is, however far ahead weights are loaded") {
  struct Case {
    const char* workload;
    std::vector<std::string> overrides;
    double dma_at_least, dma_at_most;  // of the critical path
  };
  const std::vector<Case> cases = {{"levit_128s", {}, 0.01, 0.1},
                                   {"deit_tiny", {"--set", "scratchpad.capacity_kib=400"}, 0.01, 0.1},
                                   {"deit_tiny", {"--set", "scratchpad.capacity_kib=12800"}, 0.01, 0.1},
                                   {"deit_tiny", {"--set", "dram.channels=1", "--set", "clock_mhz=4000"}, 0.65, 1}};
  for (const Case& c : cases) {
    // Every layer through a memory whose rate is shared: there is something to wait for.
    std::vector<std::string> options{"--numerics",     "off", "--set", "mapping.residency=layer", "--set",
                                     "dma.policy=fair"};
    options.insert(options.end(), c.overrides.begin(), c.overrides.end());
    const json r = run(c.workload, options);
    INFO(c.workload << " " << (c.overrides.empty() ? "" : c.overrides.back()));
    const auto total = r["totals"]["cycles"].get<std::int64_t>();
    const json& path = r["critical_path_cycles"];
    const std::int64_t dma = path.value("dma_load", std::int64_t{0}) + path.value("dma_store", std::int64_t{0});
    CHECK(static_cast<double>(dma) >= c.dma_at_least * static_cast<double>(total));
    CHECK(static_cast<double>(dma) <= c.dma_at_most * static_cast<double>(total));
    std::int64_t lost = 0, to_dram = 0, attention_spans = 0;
    int products = 0, named = 0;
    for (const json& layer : r["layers"]) {
      const json& split = layer["time_split"];
      const auto start = layer["start_cycle"].get<std::int64_t>(), end = layer["end_cycle"].get<std::int64_t>();
      const std::int64_t exposed = layer["prefetch"]["exposed_cycles"];
      to_dram += split.value("dram", std::int64_t{0}) + exposed;
      lost += end - start - split.value("overlap", std::int64_t{0}) + exposed;
      CHECK(start <= end);
      CHECK(end <= total);
      if (layer["charged"] == false) CHECK(start == end);
      if (layer["charged"] == false) CHECK(end > 0);
      if (layer["kind"] == "attention") attention_spans += end - start;
      if (layer["macs"] == 0) continue;
      ++products, named += layer["bottleneck"] == "dram";
    }
    CHECK(lost == total);
    CHECK(to_dram == dma);
    if (c.dma_at_most < 0.5) CHECK(named <= products / 20);
    if (c.dma_at_least > 0.5) CHECK(named >= products / 2);
    const json alone = run(c.workload, [&] {
      std::vector<std::string> words = options;
      words.insert(words.end(), {"--layers", "*attn"});
      return words;
    }());
    const auto attention = r["attention_totals"]["cycles"].get<std::int64_t>();
    CHECK(attention <= attention_spans);
    CHECK(static_cast<double>(attention) < 1.3 * alone["totals"]["cycles"].get<double>());
  }
}

TEST_CASE("run: a batch counts every image, shares the parameters and says what an image takes") {
  const json one = run("tiny_levit", {"--set", "mapping.residency=layer"}),
             three = run("tiny_levit", {"--batch", "3", "--set", "mapping.residency=layer"});
  CHECK(three["batch"]["images"] == 3);
  CHECK(three["workload"] == one["workload"]);
  CHECK(three["totals"]["macs"] == 3 * one["totals"]["macs"].get<std::int64_t>());
  const auto reads = [](const json& r) { return r["totals"]["dram_read_bytes"].get<std::int64_t>(); };
  // The weights of GEMMs are read for all images at once, everything else for each: the run's scratchpad holds them.
  for (const char* const residency : {"mapping.residency=layer", "mapping.residency=chip"}) {
    const json alone = run("tiny_levit", {"--set", residency});
    std::int64_t shared = 0;
    for (const json& layer : alone["layers"])
      if (layer["kind"] == "linear" || layer["kind"] == "conv2d")
        shared += layer["bytes"]["dram_by_operand"].value("weights", 0);
    CHECK(shared > 0);
    CHECK(reads(run("tiny_levit", {"--set", residency, "--batch", "3"})) == 3 * reads(alone) - 2 * shared);
  }
  CHECK(three["attention_totals"]["operations"]["mul"] ==
        3 * one["attention_totals"]["operations"]["mul"].get<std::int64_t>());
  CHECK(three["layers"].size() == 3 * one["layers"].size());
  CHECK(three["layers"][one["layers"].size()]["name"] == "image1/" + one["layers"][0]["name"].get<std::string>());
  CHECK(three["numerics"]["passed"] == true);
  const double each = three["batch"]["latency_ms_per_image"];
  CHECK(each * 3 == Approx(three["totals"]["latency_ms"].get<double>()));
  CHECK(each <= one["totals"]["latency_ms"].get<double>());
  CHECK(run("tiny_levit", {"--batch", "2", "--layers", "*attn*"})["numerics"]["passed"] == true);
}

TEST_CASE("run: a roofline has no cycles, area or power on chip, and answers no what-if") {
  const ScratchFolder folder;
  const std::vector<std::string> gpu{"run", "--config", "configs/gpu_h100.json", "--workload",
                                     "workloads/tiny_vit.json"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = gpu;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const ProgramResult refused = run_program(with({"--what-if"}));
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--what-if") && Contains("not simulated"));
  const ProgramResult text = run_program(with({"--csv", folder.path("csv"), "--result", folder.path("r.json")}));
  REQUIRE(text.exit_code == 0);
  CHECK_THAT(text.out, Contains("latency") && !Contains("cycle") && !Contains("area") && !Contains("on chip"));
  const json result = json::parse(read_text(folder.path("r.json")));
  CHECK(result["totals"]["area_mm2"].is_null());
  CHECK(result["totals"]["on_chip_power_w"].is_null());
  std::istringstream totals(read_text(folder.path("csv/totals.csv")));
  std::string head, row;
  std::getline(totals, head), std::getline(totals, row);
  const auto cell = [&](const std::string& column) {
    std::istringstream names(head), cells(row);
    std::string name, value;
    while (std::getline(names, name, ',') && std::getline(cells, value, ','))
      if (name == column) return value;
    return std::string("no column");
  };
  for (const char* column : {"cycles", "area_mm2", "on_chip_power_w"}) CHECK(cell(column).empty());
  CHECK(std::stod(cell("latency_ms")) > 0);
}

TEST_CASE("run: refusals") {
  const ScratchFolder folder;
  struct Case {
    std::vector<std::string> more;
    int exit_code;
    std::string expected;
  };
  for (const Case& c : std::vector<Case>{{{"--layers", "*atn"}, 2, "did you mean \"attn\"?"},
                                         {{"--layers", ""}, 2, "--layers"},
                                         {{"--batch", "0"}, 2, "--batch"},
                                         {{"--batch", "-1"}, 2, "--batch"},
                                         {{"--batch", "1000000"}, 2, "--batch"},
                                         {{"--seed", "-1"}, 2, "--seed"},
                                         {{"--seed", "1e3"}, 2, "--seed"},
                                         {{"--seed", "99999999999999999999"}, 2, "--seed"},
                                         {{"--numerics", "on"}, 2, "expected one of off, check"},
                                         {{"--mode", "trianing"}, 2, "did you mean \"training\"?"},
                                         {{"--progress", "yes"}, 2, "expected one of auto"},
                                         {{"--inptus", "x"}, 2, "did you mean \"--inputs\"?"},
                                         {{"--set", "matrix_engine.rwos=3"}, 2, "did you mean"},
                                         {{"--set", "precision=int3"}, 2, "precision"},
                                         {{"--set", "scratchpad.capacity_kib=1"}, 4, "scratchpad"},
                                         {{"extra"}, 2, "options only"}}) {
    check_refused(folder, words("tiny_vit", c.more), c.exit_code, c.expected);
  }
  check_refused(folder, {"run", "--workload", "workloads/tiny_vit.json"}, 2, "--config is required");
  check_refused(folder, {"run", "--config", "configs/vitality.json"}, 2, "--workload is required");
  check_refused(folder, {"run", "--config", "configs/vitality.json", "--workload", "configs/vitality.json"}, 2,
                "configs/vitality.json");
  check_refused(folder, {"run", "--config", "workloads/tiny_vit.json", "--workload", "workloads/tiny_vit.json"}, 2,
                "workloads/tiny_vit.json");
}

TEST_CASE("run: outputs that cannot be written are refused before the run, and devices are written in place") {
  const ScratchFolder folder;
  folder.write("file", "keep");
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--result", folder.path()},
                                             {"--result", folder.path("none/r.json")},
                                             {"--csv", folder.path("file")},
                                             {"--csv", folder.path("file/csv")}}) {
    const ProgramResult result = run_program(words("tiny_vit", more));
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: " + folder.path()));
    CHECK(result.out.empty());
  }
  CHECK(files_in(folder.path()) == std::vector<std::string>{"file"});
  CHECK(read_text(folder.path("file")) == "keep");
  CHECK(run_program(words("tiny_vit", {"--quiet", "--result", "/dev/null"})).exit_code == 0);
  CHECK(std::filesystem::is_character_file("/dev/null"));
  const ProgramResult full = run_program(words("tiny_vit", {"--quiet", "--result", "/dev/full"}));
  CHECK(full.exit_code == 1);
  CHECK_THAT(full.err, Contains("cannot be written"));
}

TEST_CASE("run: an interrupted or terminated run exits with 130 and leaves nothing") {
  const int number = GENERATE(SIGINT, SIGTERM);
  const ScratchFolder folder;
  int progress[2];
  REQUIRE(pipe(progress) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(progress[1], STDERR_FILENO);
    close(progress[0]), close(progress[1]);
    if (chdir(VITALITY_SOURCE_DIR) != 0) _exit(127);
    const std::string result = folder.path("r.json");
    execl(VITALITY_PROGRAM, VITALITY_PROGRAM, "run", "--config", "configs/vitality.json", "--workload",
          "workloads/vit_huge_14.json", "--progress", "always", "--result", result.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  close(progress[1]);
  char first = 0;
  CHECK(read(progress[0], &first, 1) == 1);  // the run is under way
  kill(child, number);
  int status = 0;
  waitpid(child, &status, 0);
  close(progress[0]);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 130));
  CHECK(files_in(folder.path()).empty());
}
