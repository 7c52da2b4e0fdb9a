// Reads results.json of a sweep (src/explore/export.h) into columns for charts.
#pragma once

#include "report/read/report_input.h"

namespace vitality {

// Throws InputError with the pointer of the first error.
ReportSweep read_sweep(const JsonValue& document, const std::string& file);

}  // namespace vitality
