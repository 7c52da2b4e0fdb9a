// More of the hardware does not cost: cycles with objective latency, DRAM bytes with objective energy.
#include <catch2/catch.hpp>
#include <sstream>
#include <tuple>

#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Cost {
  Cycles cycles = 0;
  Bytes bytes = 0;
};

Cost cost(const char* machine_name, const VitModel& model, const std::vector<std::string>& overrides) {
  std::istringstream in(in_child([&] {
    SimulationOptions options;
    options.numerics = false;
    const SimulationResult r = simulate(machine(overrides, machine_name), model, options);
    return std::to_string(r.totals.cycles) + " " + std::to_string(r.totals.dram_read_bytes + r.totals.dram_write_bytes);
  }));
  Cost cost;
  in >> cost.cycles >> cost.bytes;
  return cost;
}

}  // namespace

TEST_CASE("monotone: more scratchpad costs at most 0.5 % cycles, or 2 % bytes") {
  for (const auto& [name, model_name] : {std::pair{"vitality", "deit_tiny"},
                                         {"vitality", "levit_128s"},
                                         {"vitality", "mobilevit_xxs"},
                                         {"vitality", "deit_base"},
                                         {"dense_softmax", "deit_tiny"},
                                         {"dense_softmax", "mobilevit_xxs"},
                                         {"vitality_overlapped", "swin_tiny"},
                                         {"vitality_g_stationary", "deit_small"},
                                         {"elsa", "deit_tiny"},
                                         {"dota", "deit_tiny"}}) {
    const VitModel model = workload(model_name);
    Cost best{};
    for (const int kib : {140, 160, 200, 220, 260, 300, 600, 1200, 3200}) {
      INFO(name << ", " << model_name << ", " << kib << " KiB");
      const std::string room = "scratchpad.capacity_kib=" + std::to_string(kib);
      const Cost fast = cost(name, model, {room, "mapping.objective=latency"}),
                 lean = cost(name, model, {room, "mapping.objective=energy"});
      REQUIRE(fast.cycles > 0);
      if (best.cycles > 0) {
        CHECK(static_cast<double>(fast.cycles) <= 1.005 * static_cast<double>(best.cycles));
        CHECK(static_cast<double>(lean.bytes) <= 1.02 * static_cast<double>(best.bytes));
      }
      best.cycles = best.cycles == 0 ? fast.cycles : std::min(best.cycles, fast.cycles);
      best.bytes = best.bytes == 0 ? lean.bytes : std::min(best.bytes, lean.bytes);
    }
  }
}

TEST_CASE("monotone: no cliff, 160 KiB costs no more than a tenth over 200") {
  for (const char* name : {"vitality", "dense_softmax"}) {
    for (const char* model_name : {"deit_tiny", "levit_128s", "mobilevit_xxs"}) {
      INFO(name << ", " << model_name);
      const VitModel model = workload(model_name);
      const auto cycles = [&](const char* room) {
        return static_cast<double>(cost(name, model, {room, "mapping.objective=latency"}).cycles);
      };
      CHECK(cycles("scratchpad.capacity_kib=160") <= 1.1 * cycles("scratchpad.capacity_kib=200"));
    }
  }
}

TEST_CASE("monotone: more memory channels cost at most 0.5 % cycles") {
  for (const auto& [name, model_name] :
       {std::pair{"vitality", "pvt_v2_b0"}, {"vitality_overlapped", "mobilevit_xxs"}, {"dota", "levit_128s"}}) {
    const VitModel model = workload(model_name);
    Cycles best = 0;
    for (const int channels : {2, 4, 8, 16, 32}) {
      INFO(name << ", " << model_name << ", " << channels << " channels");
      const std::string setting = "dram.channels=" + std::to_string(channels);
      const Cycles cycles = cost(name, model, {setting, "mapping.objective=latency"}).cycles;
      REQUIRE(cycles > 0);
      if (best > 0) CHECK(static_cast<double>(cycles) <= 1.005 * static_cast<double>(best));
      best = best == 0 ? cycles : std::min(best, cycles);
    }
  }
}

TEST_CASE("monotone: objective latency is no slower than edp") {
  // It measures what edp chooses. A tenth more energy weighs as much as 0.2 % of the cycles.
  for (const auto& [name, model_name, settings] :
       {std::tuple{"dota", "deit_tiny", std::vector<std::string>{"scratchpad.capacity_kib=1200"}},
        {"elsa", "levit_128s", {}},
        {"vitality", "deit_tiny", {"matrix_engine.count=2", "scratchpad.capacity_kib=600"}},
        {"vitality_overlapped", "mobilevit_xxs", {}}}) {
    INFO(name << ", " << model_name);
    const VitModel model = workload(model_name);
    const auto cycles = [&, &settings = settings](const char* objective) {
      std::vector<std::string> all = settings;
      all.emplace_back(objective);
      return static_cast<double>(cost(name, model, all).cycles);
    };
    CHECK(cycles("mapping.objective=latency") <= 1.002 * cycles("mapping.objective=edp"));
  }
}

TEST_CASE("monotone: more channels, ports, banks, links and lanes cost at most 0.5 % cycles") {
  for (const auto& [key, sizes] : {std::tuple{"dram.channels", std::vector<int>{1, 2, 4, 8}},
                                   {"scratchpad.port_bytes", {128, 256, 512}},
                                   {"scratchpad.banks", {2, 4, 8}},
                                   {"noc.link_bytes", {256, 1024, 2048}},
                                   {"adders.lanes", {16, 32, 64, 128}},
                                   {"dividers.lanes", {16, 32, 64, 128}}}) {
    for (const char* model_name : {"deit_tiny", "levit_128s"}) {
      const VitModel model = workload(model_name);
      Cycles best = 0;
      for (const int size : sizes) {
        INFO(model_name << ", " << key << " " << size);
        const Cycles cycles =
            cost("vitality", model, {std::string(key) + "=" + std::to_string(size), "mapping.objective=latency"})
                .cycles;
        REQUIRE(cycles > 0);
        if (best > 0) CHECK(static_cast<double>(cycles) <= 1.005 * static_cast<double>(best));
        best = best == 0 ? cycles : std::min(best, cycles);
      }
    }
  }
}
