// Result JSON (docs/interface.md, schema_version 2; 1 too) back into a SimulationResult.
//
// Wants the keys that every chart needs (schema_version, workload.name, totals.cycles and latency_ms, of each layer
// name, kind and span, of each unit name and cycles), takes the rest where it is there, and lets unknown keys pass, so
// that results of later versions can be read. What is negative, of the wrong type or not finite is an error with its
// pointer.
#pragma once

#include "base/json.h"
#include "report/result.h"

namespace vitality {

// Errors go to the diagnostics; the result is only of use when there are none. config_json stays empty: the resolved
// config is `document.find("config")`.
SimulationResult read_result(const JsonValue& document, Diagnostics& diagnostics);

}  // namespace vitality
