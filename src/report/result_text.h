// A result as a report for people: the totals, the layers with what each waited for, the units, the energy. At most 120
// columns wide, with a unit on every number.
#pragma once

#include <string>

#include "config/hardware_config.h"
#include "report/result.h"

namespace vitality {

// config: the machine that the result is of.
std::string write_text(const SimulationResult& result, const HardwareConfig& config);

}  // namespace vitality
