// Result JSON (docs/interface.md, schema_version 2; 1 too) back into a SimulationResult.
//
// Requires the keys that every chart needs: schema_version, workload.name, totals.cycles and latency_ms; of each layer
// name, kind and span; of each unit name and cycles. Reads the others if they are there, and ignores unknown keys, so
// that results of later versions can be read. Values that are negative, of the wrong type or not finite are errors with
// their pointer.
#pragma once

#include "base/json.h"
#include "report/result.h"

namespace vitality {

// Errors go to the diagnostics; the result is only useful if there are none. config_json stays empty: the resolved
// config is `document.find("config")`.
SimulationResult read_result(const JsonValue& document, Diagnostics& diagnostics);

}  // namespace vitality
