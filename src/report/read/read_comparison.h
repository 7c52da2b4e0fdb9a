// Reads the JSON of `vitality compare` into what the charts of baselines need.
#pragma once

#include "report/read/report_input.h"

namespace vitality {

// Throws InputError with the pointer of the first error.
ReportComparison read_comparison(const JsonValue& document, const std::string& file);

}  // namespace vitality
