// Makes one run from a request: reads its files, simulates, fills the manifest. Shared by `run` and `rerun`.
#pragma once

#include "cli/run_request.h"
#include "config/hardware_config.h"
#include "report/result.h"
#include "sim/simulate.h"

namespace vitality::cli {

struct FinishedSimulation {
  HardwareConfig config;
  SimulationResult result;
};

// observe, dram_commands: as in SimulationOptions. Throws InputError, also if the request asks for a trace that the
// machine does not have; throws InfeasibleError.
FinishedSimulation run_simulation(
    const RunRequest& request,
    std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe = {},
    const DramCommandObserver& dram_commands = {});

// For each layer whether its name matches the pattern; throws an InputError that names the option if none does.
std::vector<bool> layers_named(const VitModel& model, const std::string& pattern, const char* option);

// Reports on stderr if values are outside tolerance; returns the exit code.
int report_numerics(const SimulationResult& result);

}  // namespace vitality::cli
