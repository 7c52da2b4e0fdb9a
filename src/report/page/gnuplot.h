// Runs gnuplot on figures.
#pragma once

#include <string>
#include <vector>

#include "report/page/figures.h"

namespace vitality {

// Makes NAME.svg and NAME.pdf of every figure in `directory` (made if need be); returns the number of figures. They
// appear when all of them are done. Throws InputError when there is no gnuplot, nothing to draw, or the folder cannot
// be written.
std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory);

}  // namespace vitality
