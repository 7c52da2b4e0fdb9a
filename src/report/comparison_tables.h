// The tables of a comparison as cells of text, for every format.
#pragma once

#include <string>
#include <vector>

#include "report/comparison.h"

namespace vitality {

// First column left, the others right.
struct ComparisonTable {
  std::string title;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

// The machines that the view shows, under its labels; names and reasons, which come from files, made harmless.
Comparison shown(Comparison comparison, const TableView& view);

// For every model its attention alone and the whole model, then the means. Of a shown() comparison.
std::vector<ComparisonTable> tables_of(const Comparison& comparison, const TableView& view);
// ranges: behind energies and gains their ends where they are known, "5.80 (4.12--9.42)".
ComparisonTable scope_table(const Comparison& comparison, std::size_t workload, bool attention,
                            const std::vector<std::string>& columns, bool ranges = false);

// What must be said below the tables: one line each.
std::vector<std::string> remarks_of(const Comparison& comparison);

std::string ratio_text(double value);  // 1.234x, or -

}  // namespace vitality
