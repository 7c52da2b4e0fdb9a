// Every key of the hardware config does something: turned alone, it changes the result of some run, or its area, by
// more than the config's own echo.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <set>

#include "config/fields.h"
#include "cost/dram_replay.h"
#include "report/result_json.h"
#include "tensor/npy.h"
#include "tests/support/machine_run.h"
#include "tests/support/npy_files.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Key {
  std::string name;                 // dotted
  std::vector<std::string> values;  // others than what stands there, to be tried one after the other
};

// The keys of a config with the values that they can be turned to.
class KeyCollector : public FieldVisitor {
 public:
  void integer(const char* key, int& value, int low, int high) override {
    std::vector<std::string> values;
    for (const double other :
         {2.0 * value, value / 2.0, value + 1.0, value - 1.0, value + 30.0, 300.0 * value, double(low)})
      if (const int turned = static_cast<int>(std::clamp(other, double(low), double(high))); turned != value)
        values.push_back(std::to_string(turned));
    add(key, values);
  }
  void number(const char* key, double& value, double low, double high) override {
    std::vector<std::string> values;
    if (std::string(key) == "technology_nm") return add(key, {"45"});
    for (const double other : {2 * value, value / 2, 0.5, high, low})
      if (const double turned = std::clamp(other, low, high); turned != value) values.push_back(std::to_string(turned));
    add(key, values);
  }
  void boolean(const char* key, bool& value) override { add(key, {value ? "false" : "true"}); }
  void text(const char* key, std::string&) override {
    if (std::string(key) == "address_map") return add(key, {"row_column_bank_bankgroup", "row_bankgroup_bank_column"});
    if (std::string(key) == "mask_file") return add(key, {mask_file});
    labels.insert(prefix_ + key);
  }
  void choice_index(const char* key, int& value, const std::vector<std::string>& names) override {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (static_cast<int>(i) != value) values.push_back(names[i]);
    add(key, values);
  }
  void strings(const char* key, std::map<std::string, std::string>&) override { labels.insert(prefix_ + key); }
  void list(const char* key, std::size_t, std::size_t, const std::function<void(std::size_t)>&,
            const std::function<void(std::size_t)>&) override {
    add(key, {R"([{"unit":"adders","per":"lane","um2":7000}])"});
  }
  void group(const char* key, const std::function<void()>& fields) override {
    const std::string outer = prefix_;
    prefix_ += std::string(key) + ".";
    fields();
    prefix_ = outer;
  }
  void library(const char* key, const char*, const std::function<void()>& fields) override { group(key, fields); }

  std::vector<Key> keys;
  std::set<std::string> labels;  // names, descriptions, sources: for people
  std::string mask_file;

 private:
  void add(const std::string& key, const std::vector<std::string>& values) { keys.push_back({prefix_ + key, values}); }
  std::string prefix_;
};

struct Scenario {
  std::string machine;
  std::vector<std::string> overrides;
  bool numerics = false, training = false;
  std::string workload = "tiny_vit";  // "": requests to the memory alone
};

// 3,000 requests, a third of them writes, at random places of 1 GiB: some in bursts, some after a refresh.
std::string replayed(const DramConfig& config) {
  DramReplay memory(config);
  Dice dice(3);
  std::int64_t cycle = 0;
  for (int i = 0; i < 3000; ++i) {
    cycle += dice.between(0, 9) == 0 ? dice.between(0, 400) : 0;
    const Bytes line = Bytes{dice.between(0, 4095)} * (1 << 12) + dice.between(0, 4095);
    memory.request(cycle, dice.between(0, 2) == 0, 64 * line);
  }
  const DramReplayResult result = memory.finish();
  const DramStatistics& s = result.statistics;
  return std::to_string(result.cycles) + " " + std::to_string(s.row_hits) + " " + std::to_string(s.row_conflicts) +
         " " + std::to_string(s.precharges) + " " + std::to_string(result.energy.total());
}

// What the run finds, without the config's echo; "" where it refuses the machine.
std::string result_of(const Scenario& scenario, const std::string& turned) {
  return in_child([&]() -> std::string {
    std::vector<std::string> overrides = scenario.overrides;
    if (!turned.empty()) overrides.push_back(turned);
    try {
      const HardwareConfig config = machine(overrides, scenario.machine);
      if (scenario.workload.empty()) return replayed(config.dram);
      SimulationOptions options;
      options.numerics = scenario.numerics, options.training = scenario.training;
      SimulationResult result = simulate(config, workload(scenario.workload), options);
      result.simulation_seconds = 0, result.config_json = "{}";
      return write_json(result);
    } catch (const InputError&) {
    } catch (const InfeasibleError&) {
    }
    return "";
  });
}

// Runs that between them use every unit, every format and every device.
std::vector<Scenario> scenarios() {
  std::vector<Scenario> list{
      {"vitality",
       {"dram.model=banked", "scratchpad.capacity_kib=40", "scratchpad.port_bytes=32", "noc.topology=mesh"}},
      {"vitality", {"special_functions.charge=charged", "attention=softmax"}},
      {"vitality", {"layer_norm.lanes=16"}},
      {"vitality", {"controller.descriptor_bytes=64", "controller.descriptor_queue=2"}},
      {"vitality", {"pipeline.row_streaming=true", "adders.initiation_interval=3"}},
      {"vitality", {"matrix_engine.accumulation=g_stationary", "diagonal_engine.enabled=false"}},
      {"vitality", {"dividers.initiation_interval=16", "scratchpad.port_bytes=4", "scratchpad.banks=64"}},
      {"vitality", {"dram.model=banked", "dram.device.trc=150"}, false, false, ""},
      {"vitality", {"dram.model=banked", "mapping.residency=layer"}},  // what is written is read again
      {"vitality", {"special_functions.charge=charged"}, true, false, "tiny_levit"},
      {"vitality_training", {}, true, true},
      {"vitality_training", {"training.optimizer=sgd"}, true, true},
      {"sanger", {}, true},
      {"sanger", {"cost_model=as_published"}},
      {"vitcod", {"sparse_unit.encoded_share=1"}},
      {"salo", {"sparsity.window=4"}},
      {"spatten", {"sparsity.token_keep=0.5", "sparsity.value_keep=0.5"}},
      {"spatten", {"sparsity.head_keep=0.5"}},
      {"elsa", {"sparsity.hash_p=1"}},
      {"dota", {}},
      {"gpu_h100", {}},
      {"gpu_h100", {"precision=int8"}},
      {"gpu_h100", {"precision=fp16"}},
      {"edge_gpu_tx2", {"precision=fp32"}},
  };
  // The energy of each format: every unit of the training machine and of the softmax machine.
  for (const std::string precision : {"fp64", "fp32", "fp16", "int8", "bf16", "fp8_e4m3", "fp8_e5m2"}) {
    list.push_back({"vitality_training", {"precision=" + precision}});
    list.push_back({"vitality", {"precision=" + precision, "special_functions.charge=charged", "attention=softmax"}});
  }
  return list;
}

}  // namespace

TEST_CASE("config: every key changes the result of some run") {
  KeyCollector collector;
  const std::string folder =
      std::filesystem::temp_directory_path().string() + "/vitality_keys_" + std::to_string(getpid());
  for (const auto& [name, value] : {std::pair{"_a.npy", 1.0}, {"_b.npy", 0.0}})
    write_npy(folder + name, NpyShape{{17, 17}}, std::vector<double>(17 * 17, value), NpyType::kUint8);
  collector.mask_file = folder + "_b.npy";
  HardwareConfig config = machine();
  visit_fields(collector, config);
  std::vector<Scenario> all = scenarios();
  all.push_back(
      {"vitality_training", {"attention=sparse", "sparsity.source=file", "sparsity.mask_file=" + folder + "_a.npy"}});
  std::vector<std::string> plain;
  for (const Scenario& scenario : all) {
    INFO(scenario.machine << " " << joined(scenario.overrides));
    plain.push_back(result_of(scenario, ""));
    CHECK(plain.back() != "");
  }
  CHECK(collector.labels == std::set<std::string>{"name", "description", "sources", "dram.device.name",
                                                  "dram.device.source", "dram.device.sources", "energy.name",
                                                  "energy.source", "energy.sources"});
  std::size_t hint = 0;  // keys that stand together mostly work in the same runs
  for (const Key& key : collector.keys) {
    bool works = false;
    for (std::size_t i = 0; i < all.size() && !works; ++i) {
      const std::size_t at = (hint + i) % all.size();
      for (const std::string& value : key.values) {
        const std::string found = result_of(all[at], key.name + "=" + value);
        works = !found.empty() && found != plain[at];
        if (works) break;
      }
      if (works) hint = at;
    }
    // A run is one step, which begins without velocity; layer_gradients_test.cpp makes two.
    if (!works && key.name != "training.momentum") FAIL_CHECK(key.name << " changes no result");
  }
  for (const char* name : {"_a.npy", "_b.npy"}) std::filesystem::remove(folder + name);
}
