// What sweep and merge report about a finished table.
#pragma once

#include <string>

#include "explore/export.h"

namespace vitality::cli {

std::string summary_text(const ExportSummary& summary, const std::string& directory);
// Returns success; but if a whole table has not one point that is ok: infeasible (or an internal error if all failed),
// with the most frequent reason on stderr.
int judge_summary(const ExportSummary& summary, const std::string& directory, bool is_shard);

}  // namespace vitality::cli
