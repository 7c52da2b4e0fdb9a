// Tolerances that come from the error model: sound runs pass, runs with one small fault in the machine's arithmetic do
// not, and the layer that has the fault is among those that are named.
#include "sim/values/error_model.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>

#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// Seeded parameters, of which the machine reads another version than the reference, which reads first.
class FaultyParameters : public ParameterSource {
 public:
  using Fault = std::function<void(MatrixD&)>;
  FaultyParameters(std::uint64_t seed, std::string name, Fault fault)
      : seeded_(seed), name_(std::move(name)), fault_(std::move(fault)) {}
  MatrixD tensor(const ParameterInfo& info) const override {
    MatrixD values = seeded_.tensor(info);
    if (info.name == name_ && reads_++ > 0) fault_(values);
    return values;
  }

 private:
  SeededParameters seeded_;
  std::string name_;
  Fault fault_;
  mutable int reads_ = 0;
};

SimulationResult checked(const HardwareConfig& config, const std::string& model, const ParameterSource* parameters,
                         std::uint64_t seed = 1) {
  SimulationOptions options;
  options.numerics = true;
  options.seed = seed;
  options.parameters = parameters;
  options.observe = [](const FinishedRun&) {};  // the reference and the machine then read their weights apart
  return simulate(config, workload(model), options);
}

// "" where the run passes.
std::string failing_layers(const SimulationResult& result) {
  std::string names;
  for (const LayerResult& l : result.layers) {
    if (!l.has_error ||
        (l.max_rel_error <= l.tolerance && l.rms_rel_error <= l.rms_tolerance && l.mean_rel_error <= l.mean_tolerance))
      continue;
    names += l.name + " largest " + std::to_string(l.max_rel_error / l.tolerance) + " rms " +
             std::to_string(l.rms_rel_error / l.rms_tolerance) + " mean " +
             std::to_string(l.mean_rel_error / l.mean_tolerance) + "\n";
  }
  return result.numerics.passed == names.empty() ? names : "numerics.passed is not what the layers say\n" + names;
}

std::string with_fault(const std::string& precision, const std::string& name, const FaultyParameters::Fault& fault,
                       const std::string& model = "tiny_vit") {
  return in_child([&] {
    const FaultyParameters parameters(1, name, fault);
    return failing_layers(checked(machine({"precision=" + precision, "mapping.residency=layer"}), model, &parameters));
  });
}

// A layer's LSB in a fixed format: its largest value is the largest code.
double lsb_of(const std::string& precision, const std::string& layer, const std::string& model) {
  const std::string text = in_child([&] {
    for (const LayerResult& l : checked(machine({"precision=" + precision}), model, nullptr).layers)
      if (l.name == layer)
        return std::to_string(1e9 * l.max_abs_error / l.max_rel_error / (precision == "int8" ? 127 : 32767));
    return std::string();
  });
  return std::stod(text) / 1e9;
}

FaultyParameters::Fault raise(double by) {
  return [by](MatrixD& x) {
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] += by;
  };
}

void drop(MatrixD& x) {
  x = MatrixD(x.rows(), x.cols());
}

}  // namespace

TEST_CASE("error model: tiny models pass in every format, for several seeds") {
  for (const char* precision : {"fp64", "fp32", "fp16", "int16", "int8"}) {
    for (const char* model : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled", "tiny_efficientvit"}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        for (const char* name : {"vitality", "dense_softmax"}) {
          INFO(precision << " " << model << " seed " << seed << " " << name);
          CHECK(in_child([&] {
                  return failing_layers(
                      checked(machine({std::string("precision=") + precision}, name), model, nullptr, seed));
                }) == "");
        }
      }
    }
  }
}

TEST_CASE("error model: the expected errors are near the measured ones") {
  // The root of the mean squared error over its tolerance: above 1 a sound run would fail, far below it the tolerance
  // would let faults through. The tolerance is kErrorFactor times the expected error, and more where few values make
  // it.
  for (const char* precision : {"fp32", "fp16", "int16", "int8"}) {
    CHECK(in_child([&] {
            double sum = 0, count = 0;
            for (const LayerResult& l :
                 checked(machine({std::string("precision=") + precision}), "tiny_vit", nullptr).layers) {
              if (!l.has_error || l.rms_rel_error == 0) continue;
              sum += std::log2(kErrorFactor * l.rms_rel_error / l.rms_tolerance), ++count;
            }
            return std::fabs(sum / count) < 1.5
                       ? std::string()
                       : std::string(precision) + ": measured over expected 2^" + std::to_string(sum / count);
          }) == "");
  }
}

TEST_CASE("error model: a lost bias, a lost tile, a wrong row and a wrong rounding fail") {
  struct Case {
    const char* what;
    std::string name, layer;
    FaultyParameters::Fault fault;
  };
  const auto swap_rows = [](MatrixD& x) { std::swap_ranges(x.row(0), x.row(0) + x.cols(), x.row(1)); };
  const auto lose_rows = [](MatrixD& x) { std::fill(x.row(16), x.row(16) + 16 * x.cols(), 0.0); };
  for (const char* precision : {"int16", "int8", "fp16"}) {
    for (const Case& c : {Case{"bias", "blocks.0.mlp.fc1.bias", "blocks.0.mlp.gelu", drop},
                          Case{"bias", "blocks.1.attn.qkv.bias", "blocks.1.attn.qkv", drop},
                          Case{"tile", "blocks.0.attn.qkv.weight", "blocks.0.attn.qkv", lose_rows},
                          Case{"tile", "blocks.1.mlp.fc2.weight", "blocks.1.residual2", lose_rows},
                          Case{"row", "blocks.0.mlp.fc2.weight", "blocks.0.residual2", swap_rows},
                          Case{"row", "patch_embed.weight", "patch_embed", swap_rows}}) {
      INFO(precision << " " << c.what << " " << c.name);
      CHECK_THAT(with_fault(precision, c.name, c.fault), Catch::Contains(c.layer + " "));
    }
  }
}

TEST_CASE("error model: a result rounded towards minus infinity fails") {
  // Half an LSB below, then rounded to nearest: what rounding down gives.
  for (const char* precision : {"int16", "int8"}) {
    const double lsb = lsb_of(precision, "patch_embed", "tiny_vit");
    CHECK_THAT(with_fault(precision, "patch_embed.bias", raise(-lsb / 2)), Catch::Contains("patch_embed "));
  }
}

TEST_CASE("error model: ReLU-linear attention is held as tightly as other kinds") {
  struct Case {
    const char *model, *norm, *layer;  // a norm behind attention's projection; the layer that shows its fault
  };
  for (const Case& c : {Case{"tiny_efficientvit", "block.proj.norm", "block.residual1"},
                        Case{"efficientvit_b0", "stages.3.blocks.2.context_module.main.proj.norm",
                             "stages.3.blocks.2.context_module.residual"}}) {
    for (const char* precision : {"int16", "int8"}) {
      INFO(c.model << " " << precision);
      // Above 1/2 and a little more a sound run would be near failing; other kinds of attention are above 1/8.
      CHECK(in_child([&] {
              std::string loose;
              for (const LayerResult& l :
                   checked(machine({std::string("precision=") + precision}), c.model, nullptr).layers)
                if (l.has_error && !(l.rms_rel_error > l.rms_tolerance / 32)) loose += l.name + "\n";
              return loose;
            }) == "");
      // The result of the block's attention, projected, is 3 LSB too large.
      const double lsb = lsb_of(precision, c.layer, c.model);
      CHECK_THAT(with_fault(precision, std::string(c.norm) + ".bias", raise(3 * lsb), c.model),
                 Catch::Contains(std::string(c.layer) + " "));
    }
  }
}

TEST_CASE("error model: a row of ReLU-linear attention that jumps is allowed to, and the layers behind it know") {
  // EfficientViT-B0 in fp16: a query with no weight in the reference gets one by a rounding, and takes the value of
  // some keys.
  CHECK(in_child([] {
          const SimulationResult r = checked(machine({"precision=fp16"}), "efficientvit_b0", nullptr);
          for (const LayerResult& l : r.layers)
            if (l.name == "stages.2.blocks.1.context_module.main.attn" && !(l.max_rel_error > 0.1))
              return std::string("no row jumps: the case shows nothing");
          return failing_layers(r);
        }) == "");
}
