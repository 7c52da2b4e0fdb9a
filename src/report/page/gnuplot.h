// Runs gnuplot on figures.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "report/page/figures.h"

namespace vitality {

// Adds NAME.svg and NAME.pdf of every figure in `directory` (made if need be) to `files`; returns the number of
// figures. Throws InputError when there is no gnuplot, nothing to draw, or the folder cannot be written.
std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory, OutputSet& files);

}  // namespace vitality
