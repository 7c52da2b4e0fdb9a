// Runs gnuplot on figures, and poppler's pdftocairo on what it drew: an SVG's letters are paths, so that it looks the
// same on every computer.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "report/page/figures.h"

namespace vitality {

// Adds NAME.svg and NAME.pdf of every figure in `directory` (created if necessary) to `files`; returns the number of
// figures. width_cm: of every figure, with small letters for the column of an article; 0: each figure's own. Throws
// InputError if one of them is missing or there is nothing to draw, or if the folder cannot be written.
std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory, double width_cm,
                          OutputSet& files);

}  // namespace vitality
