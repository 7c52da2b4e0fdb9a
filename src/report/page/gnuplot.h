// Runs gnuplot on figures.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "report/page/figures.h"

namespace vitality {

// Adds NAME.svg and NAME.pdf of every figure in `directory` (created if necessary) to `files`; returns the number of
// figures. width_cm: of every figure, with small letters for the column of an article; 0: each figure's own. Throws
// InputError if there is no gnuplot or nothing to draw, or if the folder cannot be written.
std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory, double width_cm,
                          OutputSet& files);

}  // namespace vitality
