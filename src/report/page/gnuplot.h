// Runs gnuplot on figures.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "report/page/figures.h"

namespace vitality {

// Adds NAME.svg and NAME.pdf of every figure in `directory` (created if necessary) to `files`; returns the number of
// figures. Throws InputError if there is no gnuplot or nothing to draw, or if the folder cannot be written.
std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory, OutputSet& files);

}  // namespace vitality
