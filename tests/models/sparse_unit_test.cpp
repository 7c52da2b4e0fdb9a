// Sparse and unified attention on the machine: values against the double reference in every format, masks from every
// source, costs from the masks, the same times with and without values.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "sim/simulate.h"
#include "tensor/npy.h"
#include "tests/support/fork_simulation.h"
#include "tests/support/npy_files.h"
#include "workload/workload_json.h"

namespace vitality {
namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;

struct Outcome {
  bool ok, passed;
  double max_rel_error;
  Cycles cycles;
  Count macs, exps, low_precision, sparse_macs, fallback_rows;
  double density, pack, balance, energy;
  Cycles sparse_busy, attention_cycles;
  char error[400];
};

Outcome run(const std::vector<std::string>& overrides, bool numerics = true, const std::string& workload = "tiny_vit") {
  return test::fork_simulation<Outcome>([&] {
           Outcome o{};
           try {
             const HardwareConfig config = read_hardware_config(kRoot + "/configs/vitality_training.json", overrides);
             const VitModel model = read_workload(kRoot + "/workloads/" + workload + ".json");
             SimulationOptions options;
             options.numerics = numerics;
             const SimulationResult result = simulate(config, model, options);
             o.ok = true, o.passed = result.numerics.passed, o.max_rel_error = result.numerics.max_rel_error;
             o.cycles = result.totals.cycles, o.macs = result.totals.macs, o.exps = result.totals.operations.exp;
             o.energy = result.energy.total(), o.attention_cycles = result.attention_totals.cycles;
             for (const LayerResult& layer : result.layers) {
               if (!layer.has_mask) continue;
               o.fallback_rows += layer.fallback_rows;
               o.density = layer.mask_density, o.pack = layer.pack_utilization, o.balance = layer.load_balance;
             }
             for (const UnitResult& unit : result.units) {
               Cycles sum = unit.busy_cycles + unit.idle_cycles;
               for (const auto& [cause, cycles] : unit.stall_cycles) sum += cycles;
               if (sum != o.cycles) o.ok = false;
               for (const auto& [action, count] : unit.actions) {
                 if (unit.name == "predictor" && action == "low_precision_mac") o.low_precision = count;
                 if (unit.name == "sparse_engine" && action == "mac") o.sparse_macs = count;
               }
               if (unit.name == "sparse_engine") o.sparse_busy = unit.busy_cycles;
             }
           } catch (const std::exception& error) {
             std::snprintf(o.error, sizeof o.error, "%s", error.what());
           }
           return test::Simulated<Outcome>{0, {o}};
         })
      .values.at(0);
}

std::string mask_file(const NpyShape& shape, const std::vector<double>& values) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("vitality_mask_" + std::to_string(getpid()) + ".npy")).string();
  write_npy(path, shape, values, NpyType::kUint8);
  return path;
}

}  // namespace

TEST_CASE("sparse and unified attention equal the reference in every format") {
  for (const char* kind : {"sparse", "unified", "unified_additive"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16", "int8", "bf16", "fp8_e4m3", "fp8_e5m2"}) {
      for (const char* source : {"predicted", "density"}) {
        const Outcome o = run({std::string("attention=") + kind, std::string("precision=") + precision,
                               std::string("sparsity.source=") + source, "sparsity.density=0.3"});
        INFO(kind << " " << precision << " " << source << ": " << o.max_rel_error << " " << o.error);
        CHECK(o.ok);
        CHECK(o.passed);
      }
    }
  }
}

TEST_CASE("chunks of queries and keys change no value of the sparse path") {
  for (const char* kind : {"sparse", "unified", "unified_additive"}) {
    for (const char* capacity : {"6", "9", "16"}) {
      const Outcome o =
          run({std::string("attention=") + kind, "precision=fp32", "matrix_engine.rows=8", "matrix_engine.cols=8",
               std::string("scratchpad.capacity_kib=") + capacity, "sparsity.threshold=0.05"});
      INFO(kind << " " << capacity << ": " << o.max_rel_error << " " << o.error);
      CHECK(o.ok);
      CHECK(o.passed);
    }
  }
}

TEST_CASE("score biases and instances on the sparse path") {
  for (const char* workload : {"tiny_levit", "tiny_mobilevit"}) {
    for (const char* kind : {"sparse", "unified"}) {
      const Outcome o =
          run({std::string("attention=") + kind, "precision=fp32", "sparsity.threshold=0.05"}, true, workload);
      INFO(workload << " " << kind << ": " << o.max_rel_error << " " << o.error);
      CHECK(o.ok);
      CHECK(o.passed);
    }
  }
}

TEST_CASE("times of the sparse path are the same without values") {
  for (const char* source : {"predicted", "density"}) {
    for (const char* kind : {"sparse", "unified"}) {
      const std::vector<std::string> overrides = {std::string("attention=") + kind,
                                                  std::string("sparsity.source=") + source};
      const Outcome with = run(overrides, true), without = run(overrides, false);
      CHECK(with.cycles == without.cycles);
      CHECK(with.energy == without.energy);
      CHECK(with.density == without.density);
    }
  }
}

TEST_CASE("the sparse path's work is the mask's") {
  const auto at = [](const char* density) {
    return run({"attention=sparse", "sparse_unit.pe_rows=4", "sparsity.source=density",
                std::string("sparsity.density=") + density},
               false);
  };
  const VitModel model = read_workload(kRoot + "/workloads/tiny_vit.json");
  Count entries = 0, per_entry = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* a = std::get_if<Attention>(&layer.parameters))
      entries += Count{a->heads} * a->n_q * a->n_kv, per_entry = a->d_qk + a->d_v;
  }
  const Outcome none = at("0"), half = at("0.5"), all = at("1");
  CHECK(half.density == Approx(0.5).margin(0.01));
  CHECK(all.sparse_macs == entries * per_entry);
  CHECK(half.sparse_macs < all.sparse_macs);
  CHECK(half.sparse_busy < all.sparse_busy);
  CHECK(none.density == 1);       // of what was executed
  CHECK(none.fallback_rows > 0);  // every row is dense
  CHECK(none.sparse_macs == all.sparse_macs);
  CHECK(all.low_precision == 0);  // nothing to predict
  CHECK(run({"attention=sparse"}, false).low_precision > 0);
  // Unified attention with an empty mask is Taylor, and costs the sparse engine nothing.
  const Outcome unified = run({"sparsity.source=density", "sparsity.density=0"});
  CHECK(unified.passed);
  CHECK(unified.sparse_macs == 0);
  CHECK(unified.fallback_rows == 0);
}

TEST_CASE("masks from files") {
  const VitModel model = read_workload(kRoot + "/workloads/tiny_vit.json");
  const Attention* a = nullptr;
  int layers = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* found = std::get_if<Attention>(&layer.parameters)) a = found, ++layers;
  }
  const std::size_t plane = static_cast<std::size_t>(a->n_q) * static_cast<std::size_t>(a->n_kv);
  std::vector<double> diagonal(plane);
  for (int i = 0; i < a->n_q; ++i) diagonal[static_cast<std::size_t>(i * a->n_kv + i)] = 1;
  const auto with = [](const std::string& path) {
    const Outcome o = run({"attention=sparse", "precision=fp32", "sparsity.source=file", "sparsity.mask_file=" + path});
    std::filesystem::remove(path);
    return o;
  };
  const Outcome one = with(mask_file({a->n_q, a->n_kv}, diagonal));
  CHECK(one.passed);
  CHECK(one.density == Approx(1.0 / a->n_kv));
  std::vector<double> many;
  for (int i = 0; i < layers * a->heads; ++i) many.insert(many.end(), diagonal.begin(), diagonal.end());
  CHECK(with(mask_file({layers, a->heads, a->n_q, a->n_kv}, many)).cycles == one.cycles);
  const Outcome shape =
      with(mask_file({a->n_q, a->n_kv + 1}, std::vector<double>(plane + static_cast<std::size_t>(a->n_q))));
  CHECK(!shape.ok);
  CHECK(std::string(shape.error).find("mask of shape") != std::string::npos);
  diagonal[1] = 2;
  const Outcome value = with(mask_file({a->n_q, a->n_kv}, diagonal));
  CHECK(!value.ok);
  CHECK(std::string(value.error).find("expected 0 and 1 only") != std::string::npos);
}

TEST_CASE("sparse attention needs the sparse unit") {
  const Outcome o = run({"sparse_unit.enabled=false"});
  CHECK(!o.ok);
  CHECK(std::string(o.error).find("needs a sparse unit") != std::string::npos);
}

}  // namespace vitality
