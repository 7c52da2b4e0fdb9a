// The charts of a report for papers: gnuplot commands, one figure each, on white, in the colours of the page.
//
// Names and texts of the inputs remain data here too: what gnuplot might interpret (quotes, backquotes, backslashes,
// line ends) is replaced before it reaches a script.
#pragma once

#include <string>
#include <vector>

#include "report/read/report_input.h"

namespace vitality {

struct Figure {
  std::string name;               // name of its files, without an ending: a-z, 0-9, _ and -
  std::string commands;           // data and plot; the caller sets the terminal
  double width = 18, height = 9;  // cm
};

std::vector<Figure> figures_of(const ReportInput& input);

// 'text' for a gnuplot script.
std::string gnuplot_text(const std::string& text);

}  // namespace vitality
