// The page of `vitality report`: one HTML file with its style, its chart library, its program and its data, which opens
// from a disk without a network. The parts are in src/report/page/html/ and compiled in.
#pragma once

#include <string>

#include "report/page/page_data.h"
#include "report/read/report_input.h"

namespace vitality {

// Writes piece by piece, because a page may be as large as the data it shows.
void write_html_page(const ReportInput& input, const std::string& title, const TextSink& out);

// What CMake makes of src/report/page/html/ and the chart library (src/report/page/html/embed.cmake).
struct HtmlAssets {
  const char *page, *style, *library, *script;
};
extern const HtmlAssets kHtmlAssets;

}  // namespace vitality
