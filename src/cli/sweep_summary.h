// What sweep and merge say about a finished table.
#pragma once

#include <string>

#include "explore/export.h"

namespace vitality::cli {

std::string summary_text(const ExportSummary& summary, const std::string& directory);
// Done, or where not one point of a whole table is ok: infeasible (or an internal error if all failed), with the most
// frequent reason on stderr.
int judge_summary(const ExportSummary& summary, const std::string& directory, bool is_shard);

}  // namespace vitality::cli
