// The cost table computes one cost for all jobs that it takes for equal. Here every job's own cost is computed and
// compared with the table's, field by field: a field of a job that a cost reads and the table's key lacks shows as a
// difference. Every kind of job and every machine that runs a schedule occurs.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <tuple>

#include "mapping/mapper.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using vitality::test::in_child;
using vitality::test::machine;
using vitality::test::source_path;
using vitality::test::workload;

namespace {

// All of a cost. A field that is added to JobCost does not fit this binding, which then does not compile.
auto all_of(const JobCost& cost) {
  const auto& [load, stream, drain, scratchpad_stall, noc_stall, load_scratchpad_stall, load_noc_stall, latency, macs,
               operations, actions, scratchpad_read, scratchpad_write, stationary_read, partial_read, partial_write,
               read_rate, write_rate, load_read, load_moving] = cost;
  const auto& [mul, add, div, exp, cmp] = operations;
  return std::make_tuple(load, stream, drain, scratchpad_stall, noc_stall, load_scratchpad_stall, load_noc_stall,
                         latency, macs, mul, add, div, exp, cmp, actions.count, scratchpad_read, scratchpad_write,
                         stationary_read, partial_read, partial_write, read_rate, write_rate, load_read, load_moving);
}

struct Case {
  std::string machine, workload;
  bool training = false;
  std::vector<std::string> overrides = {};
};

// One character for each kind of job, '1' if it occurs; then what is wrong, a line each.
std::string compare_costs(const Case& c) {
  return in_child([&] {
    SimulationOptions options;
    options.training = c.training;
    std::string kinds(enum_count<JobKind>(), '0'), wrong;
    const HardwareConfig config = machine(c.overrides, c.machine);
    options.observe = [&](const FinishedRun& run) {
      int differences = 0;
      for (std::size_t i = 0; i < run.schedule.jobs.size(); ++i) {
        const Job& job = run.schedule.jobs[i];
        kinds[static_cast<std::size_t>(job.kind)] = '1';
        const JobCost& cached = run.costs.of({static_cast<std::int32_t>(i)});
        if (all_of(cached) == all_of(job_cost(job, run.schedule, config)) || ++differences > 3) continue;
        wrong += "job " + std::to_string(i) + ", " + to_string(job.kind) + ", has the cost of another\n";
      }
    };
    try {
      simulate(config, workload(c.workload), options);
    } catch (const InfeasibleError& error) {
      return std::string("infeasible: ") + error.what();
    }
    return kinds + wrong;
  });
}

std::vector<std::string> simulated_machines() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("configs")))
    if (entry.path().extension() == ".json" && is_mapped(machine({}, entry.path().stem().string()).machine))
      names.insert(entry.path().stem().string());
  return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("The cost table gives every job the cost that is its own, every kind of job on every machine") {
  std::vector<Case> cases = {
      {"vitality", "levit_128s"},
      {"vitality", "tiny_vit", false, {"precision=int8", "matrix_engine.rows=16", "matrix_engine.cols=8"}},
      {"vitality", "tiny_mobilevit", false, {"matrix_engine.dataflow=output_stationary"}},
      {"dense_softmax", "deit_tiny", false, {"mapping.objective=latency"}},  // a tile of keys at a time
      {"vitality", "tiny_levit", false, {"scratchpad.layout=linear", "scratchpad.banks=2", "precision=fp16"}}};
  const std::vector<std::string> machines = simulated_machines();
  CHECK(machines.size() >= 11);
  for (const std::string& name : machines) {
    for (const char* model :
         {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_dinov2", "tiny_efficientvit", "tiny_swin"})
      cases.push_back({name, model});
    if (!traits(machine({}, name).machine).trains) continue;
    cases.push_back({name, "tiny_vit", true});
    for (const AttentionKind kind : all_of_enum<AttentionKind>()) {
      const bool runs = is_mapped(machine({}, name).machine, kind);
      if (!runs || (traits(kind).uses_mask && !machine({}, name).sparse_unit.enabled)) continue;
      cases.push_back({name, "tiny_vit", true, {std::string("attention=") + to_string(kind)}});
      cases.push_back({name, "tiny_vit", false, {std::string("attention=") + to_string(kind)}});
    }
  }
  std::set<std::string> ran;
  std::string seen(enum_count<JobKind>(), '0');
  for (const Case& c : cases) {
    const std::string found = compare_costs(c);
    INFO(c.machine << " " << c.workload << " " << (c.training ? "training " : "") << test::joined(c.overrides));
    if (found.rfind("infeasible", 0) == 0) continue;
    ran.insert(c.machine);
    CHECK(found.substr(seen.size()) == "");
    for (std::size_t k = 0; k < seen.size(); ++k)
      if (found[k] == '1') seen[k] = '1';
  }
  CHECK(ran == std::set<std::string>(machines.begin(), machines.end()));
  std::string missing;
  for (const JobKind kind : all_of_enum<JobKind>())
    if (seen[static_cast<std::size_t>(kind)] == '0') missing += std::string(to_string(kind)) + " ";
  CHECK(missing == "");
}
