// A unit for layer norms apart from the special functions: time, actions and area worked out by hand; values checked.
#include <catch2/catch.hpp>

#include "cost/energy.h"
#include "cost/job_cost.h"
#include "cost/machine_units.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// A unit of a result, as "actions multiply 3, add 4; busy"; "none" where the machine lacks it.
std::string unit_of(const SimulationResult& result, const std::string& name) {
  for (const UnitResult& unit : result.units) {
    if (unit.name != name) continue;
    std::string text = unit.kind;
    for (const auto& [action, count] : unit.actions)
      if (action == "multiply" || action == "add" || action == "divide")
        text += " " + action + " " + std::to_string(count);
    return text + (unit.busy_cycles > 0 ? " busy" : " idle");
  }
  return "none";
}

}  // namespace

TEST_CASE("layer norm unit: three sweeps of every row") {
  // 5 rows of 10 elements on 4 lanes: a row is ceil(10 / 4) = 3 cycles, a sweep 15, and mean, variance and scaling are
  // three sweeps. The last result is there 8 - 1 cycles after the unit has taken its last operands.
  HardwareConfig config = machine({"layer_norm.lanes=4", "scratchpad.port_bytes=4096", "noc.link_bytes=4096"});
  Job job{};
  job.unit = UnitKind::kLayerNorm, job.kind = JobKind::kElementwise, job.m = 5, job.n = 10;
  job.detail = ElementwiseStep{0, 3};
  const JobCost cost = job_cost(job, {}, config);
  CHECK(cost.stream == 45);
  CHECK(cost.latency == 7);
  // Scaling is a product and a sum, the variance a product, a difference and a sum, the mean a sum, and the scale by
  // the deviation a product: three products and four sums per element, and a quotient per row.
  CHECK(cost.actions[Action::kMultiply] == 150);
  CHECK(cost.actions[Action::kAdd] == 200);
  CHECK(cost.actions[Action::kDivide] == 5);
  CHECK(cost.actions[Action::kExp] == 0);
  config.layer_norm.initiation_interval = 2;
  CHECK(job_cost(job, {}, config).stream == 90);
}

TEST_CASE("layer norm unit: a machine has as many as its config says, with an area of their own") {
  CHECK(unit_count(machine(), UnitKind::kLayerNorm) == 0);
  CHECK(EnergyModel(machine()).unit_area(UnitKind::kLayerNorm) == 0);
  const HardwareConfig config = machine({"layer_norm.lanes=16", "layer_norm.count=2"});
  CHECK(unit_count(config, UnitKind::kLayerNorm) == 2);
  CHECK(MachineUnits(config)[MachineUnits(config).id(UnitKind::kLayerNorm, 1)].name == "layer_norm1");
  const FormatCosts& format = config.energy.format[config.precision];
  CHECK(EnergyModel(config).unit_area(UnitKind::kLayerNorm) ==
        Approx(16 * (format.multiply_um2 + format.add_um2) + format.divide_um2));
  CHECK(EnergyModel(config).total_area() > EnergyModel(machine()).total_area());
}

TEST_CASE("layer norm unit: layer norms run on it, are charged, and have the reference's values") {
  const VitModel model = workload("tiny_vit");
  Count elements = 0, rows = 0;
  for (const Layer& layer : model.layers)
    if (const auto* norm = std::get_if<LayerNorm>(&layer.parameters))
      elements += Count{norm->tokens} * norm->channels, rows += norm->tokens;
  REQUIRE(elements > 0);
  const std::string counts = "lane_array add " + std::to_string(4 * elements) + " multiply " +
                             std::to_string(3 * elements) + " divide " + std::to_string(rows) + " busy";
  for (const char* precision : {"int16", "fp16"}) {
    for (const int units : {1, 2}) {
      INFO(precision << ", " << units << " units");
      CHECK(in_child([&] {
              const HardwareConfig config = machine({"layer_norm.lanes=8", "layer_norm.count=" + std::to_string(units),
                                                     std::string("precision=") + precision});
              SimulationOptions options;
              options.numerics = true;
              const SimulationResult result = simulate(config, model, options);
              if (!result.numerics.passed) return std::string("values are off");
              for (const LayerResult& layer : result.layers)
                if (layer.kind == "layer_norm" && !(layer.charged && layer.energy.compute > 0 && layer.macs == 0))
                  return layer.name + " is not charged";
              if (unit_of(result, "special_functions").find("multiply") != std::string::npos)
                return std::string("the special functions worked");
              return units == 1 ? unit_of(result, "layer_norm") : std::string();
            }) == (units == 1 ? counts : ""));
    }
  }
}
