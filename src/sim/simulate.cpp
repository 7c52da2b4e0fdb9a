#include "sim/simulate.h"

#include <chrono>
#include <stdexcept>
#include <systemc>

#include "models/accelerator.h"
#include "sim/accounting.h"

namespace vitality {

SimulationResult simulate(const HardwareConfig& config, const VitModel& model, const SimulationOptions& options) {
  static bool used = false;
  if (used) throw std::logic_error("SystemC allows one simulation a process");
  used = true;

  const auto begin = std::chrono::steady_clock::now();
  MappingOptions mapping;
  mapping.selected = options.selected;
  const Schedule schedule = map_model(model, config, mapping);

  MachineContext context{schedule, config, nullptr, sc_core::sc_time(1e6 / config.clock_mhz, sc_core::SC_PS), {}, {}};
  context.times.resize(schedule.jobs.size());
  context.costs.resize(schedule.jobs.size());
  Accelerator machine("machine", context);
  sc_core::sc_start();
  if (!machine.controller.finished())
    throw std::logic_error("the simulation ended with jobs left:" + machine.controller.describe_deadlock());

  SimulationResult result;
  std::vector<int> hops(kUnitKinds, 0);
  for (int unit = 0; unit < kUnitKinds; ++unit) {
    const int port = machine.noc_port(static_cast<UnitKind>(unit));
    if (port >= 0) hops[static_cast<std::size_t>(unit)] = machine.noc.hops(static_cast<std::size_t>(port));
  }
  account({model, config, schedule, context.times, context.costs, machine.controller.last_cycle(), machine.dram.statistics(), machine.dram.energy(), hops},
          result);
  result.workload_name = model.name;
  result.workload_parameters = parameter_count(model);
  result.workload_macs = macs(model);
  result.jobs = static_cast<std::int64_t>(schedule.jobs.size());
  result.simulation_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace vitality
