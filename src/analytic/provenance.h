// Where a machine's numbers come from, for every report that shows them.
#pragma once

#include <string>
#include <vector>

#include "config/hardware_config.h"

namespace vitality {

// "simulated" (tile jobs on the models), "analytic" (roofline), "measured" (this computer's clock), "published" (the
// authors' own cost model as released), "corrected" (that model without its known faults).
std::string provenance(const HardwareConfig& config);
// Whether the machine is measured or a published formula: its size is fixed, so it cannot be scaled.
bool is_fixed(const HardwareConfig& config);
// What a reader must know before using the numbers; one sentence each. seeded: the model's weights are random numbers.
std::vector<std::string> provenance_notes(const HardwareConfig& config, bool seeded);

}  // namespace vitality
