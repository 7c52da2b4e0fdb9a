// A result as JSON (docs/interface.md, schema_version 2): keys in a fixed order, numbers in the fewest digits that read
// back as the same number (what is not finite: null), the resolved config as an object. The same result gives the same
// bytes.
#pragma once

#include <string>

#include "report/result.h"

namespace vitality {

// With a newline at the end.
std::string write_json(const SimulationResult& result);

}  // namespace vitality
