// The data of a report's page as one line of JSON that may stand inside an HTML script element: ASCII only, no `<`.
//
// Results keep the names of docs/interface.md. A sweep is stored by columns, with measured values rounded to seven
// digits (results.csv of the sweep has the exact ones): 10,000 points are 1 to 3 MB.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "report/read/report_input.h"

namespace vitality {

using TextSink = std::function<void(std::string_view)>;

void write_page_data(const ReportInput& input, const std::string& title, const TextSink& out);

}  // namespace vitality
