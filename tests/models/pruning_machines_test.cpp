// SpAtten, ELSA and DOTA on the machine: values against the reference of their own algorithm in every format, the same
// times without values, masks that are the algorithm's, work that is the mask's, accounts that close.
#include <catch2/catch.hpp>

#include "reference/attention.h"
#include "reference/cascade_pruning.h"
#include "reference/hash_filter.h"
#include "reference/weak_attention_detector.h"
#include "sim/mask_predictors.h"
#include "tests/support/machine_run.h"
#include "tests/support/random_matrix.h"

namespace vitality {
namespace {

const std::vector<std::string> kMachines = {"spatten", "elsa", "dota"};

std::string run(const std::string& name, const std::string& model, const std::vector<std::string>& overrides,
                const std::function<std::string(const SimulationResult&)>& report, bool numerics = true) {
  return test::in_child([&] {
    SimulationOptions options;
    options.numerics = numerics;
    return report(simulate(test::machine(overrides, name), test::workload(model), options));
  });
}

std::string figures(const SimulationResult& result) {
  std::string text = std::to_string(result.totals.cycles) + " " + std::to_string(result.energy.total()) + " " +
                     std::to_string(result.mask_density);
  for (const LayerResult& layer : result.layers) text += " " + std::to_string(layer.end_cycle);
  return text;
}

}  // namespace

TEST_CASE("pruning machines: values are those of their own algorithm, in every format") {
  for (const std::string& name : kMachines) {
    for (const char* model : {"tiny_vit", "tiny_levit", "tiny_mobilevit"}) {
      for (const char* precision : {"fp64", "fp32", "fp16", "int16", "int8"}) {
        INFO(name << " on " << model << " in " << precision);
        CHECK(run(name, model, {std::string("precision=") + precision}, [](const SimulationResult& result) {
                return result.numerics.passed ? "" : std::to_string(result.numerics.max_rel_error);
              }) == "");
      }
    }
  }
}

TEST_CASE("pruning machines: pruned heads and values on the machine, chunks change no value") {
  for (const std::vector<std::string>& overrides : std::vector<std::vector<std::string>>{
           {"sparsity.head_keep=0.4", "sparsity.head_front=0", "sparsity.token_keep=0.3", "sparsity.token_front=0"},
           {"sparsity.value_keep=0.1"},
           {"sparsity.value_keep=1"},
           {"scratchpad.capacity_kib=9", "scratchpad.banks=1", "scratchpad.port_bytes=256", "matrix_engine.rows=8"}}) {
    for (const std::string& name : kMachines) {
      INFO(name << " " << test::joined(overrides));
      std::vector<std::string> all = overrides;
      all.emplace_back("precision=fp64");
      CHECK(run(name, "tiny_vit", all, [](const SimulationResult& result) {
              return result.numerics.passed ? "" : std::to_string(result.numerics.max_rel_error);
            }) == "");
    }
  }
}

TEST_CASE("pruning machines: the same times, energy and masks without values") {
  for (const std::string& name : kMachines) {
    for (const char* model : {"tiny_vit", "tiny_levit"}) {
      INFO(name << " on " << model);
      const std::string with = run(name, model, {}, figures), without = run(name, model, {}, figures, false);
      CHECK(with == without);
      CHECK(!with.empty());
    }
  }
}

TEST_CASE("pruning machines: products are the mask's, pruned heads cost no product") {
  // tiny_vit: 2 layers of 2 heads, 17 tokens, 16 features. Half the heads are left in the second layer, and 9 tokens.
  const std::vector<std::string> overrides = {"sparsity.head_keep=0.5",  "sparsity.head_front=0.5",
                                              "sparsity.token_keep=0.5", "sparsity.token_front=0.5",
                                              "sparsity.value_keep=1",   "precision=fp64"};
  CHECK(run("spatten", "tiny_vit", overrides, [](const SimulationResult& result) {
          std::string text;
          for (const LayerResult& layer : result.layers)
            if (layer.has_mask) text += std::to_string(layer.macs) + " " + std::to_string(layer.fallback_rows) + " ";
          return text;
        }) == std::to_string(2 * 2 * 17 * 17 * 16) + " 0 " + std::to_string(2 * 17 * 9 * 16) + " 0 ");
  // DOTA: ceil(0.1 x 17) = 2 keys a query.
  CHECK(run("dota", "tiny_vit", {}, [](const SimulationResult& result) {
          std::string text;
          for (const LayerResult& layer : result.layers)
            if (layer.has_mask) text += std::to_string(layer.macs) + " ";
          return text;
        }) == std::to_string(2 * 2 * 17 * 2 * 16) + " " + std::to_string(2 * 2 * 17 * 2 * 16) + " ");
  // Local value pruning: a tenth of 17 keys is 2 values a query, the scores stay whole.
  CHECK(run("spatten", "tiny_vit", {"sparsity.token_keep=1", "sparsity.head_keep=1", "sparsity.value_keep=0.1"},
            [](const SimulationResult& result) {
              std::string text;
              for (const LayerResult& layer : result.layers)
                if (layer.has_mask) text += std::to_string(layer.macs) + " ";
              return text;
            }) == std::to_string(2 * 17 * (17 + 2) * 16) + " " + std::to_string(2 * 17 * (17 + 2) * 16) + " ");
}

TEST_CASE("pruning machines: a prediction takes time and energy") {
  for (const std::string& name : kMachines) {
    INFO(name);
    CHECK(run(
              name, "tiny_vit", {},
              [](const SimulationResult& result) {
                for (const UnitResult& unit : result.units)
                  if (unit.name == "predictor" && unit.busy_cycles > 0 && unit.energy_pj > 0 && unit.area_um2 > 0)
                    return "";
                return "the prediction costs nothing";
              },
              false) == "");
  }
}

TEST_CASE("pruning machines: the predictor keeps what the algorithm keeps") {
  const VitModel model = test::workload("tiny_vit");
  const MatrixD q = test::random_matrix(17, 16, 1), k = test::random_matrix(17, 16, 2);
  const auto equal = [](const Mask& a, const Mask& b) {
    return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data());
  };
  const HardwareConfig elsa = test::machine({"sparsity.hash_p=0.7"}, "elsa");
  HashFilterOptions hash;
  hash.p = 0.7;
  CHECK(equal(mask_predictor(model, elsa).choose(0, 0, 0, q, k), HashFilter(16, hash).mask(q, k)));
  const HardwareConfig dota =
      test::machine({"sparsity.detector_rank=0.5", "sparsity.row_keep=0.3", "sparsity.predictor_bits=6"}, "dota");
  DetectorOptions detector;
  detector.rank = 0.5, detector.keep = 0.3, detector.bits = 6;
  CHECK(equal(mask_predictor(model, dota).choose(0, 0, 0, q, k), detect_strong(q, k, detector)));
  // A query's own strongest key is among what it keeps more often than chance: 6 of 17.
  const MatrixD p = softmax_map(q, k);
  const Mask kept = mask_predictor(model, dota).choose(0, 0, 0, q, k);
  int found = 0;
  for (int i = 0; i < 17; ++i) found += kept(i, static_cast<int>(std::max_element(p.row(i), p.row(i) + 17) - p.row(i)));
  CHECK(found > 10);
}

}  // namespace vitality
