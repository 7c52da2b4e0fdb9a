// A result as tables for spreadsheets: totals.csv (one row for the whole run, one for attention alone), layers.csv,
// units.csv (RFC 4180, LF line ends, units in the column names).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/result.h"

namespace vitality {

// File name and content of every table.
std::vector<std::pair<std::string, std::string>> csv_tables(const SimulationResult& result);

}  // namespace vitality
