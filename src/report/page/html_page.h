// The page of `vitality report`: one HTML file with its style, its chart library, its program and its data, which opens
// from a disk without a network. The parts are in src/report/page/html/ and compiled in.
#pragma once

#include <string>

#include "report/read/report_input.h"

namespace vitality {

std::string html_page(const ReportInput& input, const std::string& title);

// What CMake makes of src/report/page/html/ and the chart library (src/report/page/html/embed.cmake).
struct HtmlAssets {
  const char *page, *style, *library, *script;
};
extern const HtmlAssets kHtmlAssets;

}  // namespace vitality
