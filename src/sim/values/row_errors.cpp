#include "sim/values/row_errors.h"

#include <algorithm>
#include <stdexcept>

namespace vitality {
namespace {

double expected(const RowError& row) {
  return std::min(row.shift, row.limit) + row.rest;
}

double median(const std::vector<RowError>& rows) {
  std::vector<double> errors;
  errors.reserve(rows.size());
  for (const RowError& row : rows) errors.push_back(expected(row));
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

}  // namespace

RowErrors expected_row_errors(const std::vector<RowError>& rows, const std::vector<double>& seen) {
  if (seen.size() != rows.size()) throw std::logic_error("row errors: as many seen as expected");
  if (rows.empty()) return {};
  const double usual = kUnusual * median(rows);
  RowErrors out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowError& row = rows[i];
    const double most = row.limit + row.rest, as_seen = seen[i] <= most ? seen[i] : most;
    const double error = expected(row) > usual ? as_seen : expected(row);
    out.mean += error / static_cast<double>(rows.size());
    out.largest = std::max(out.largest, error);
  }
  return out;
}

std::vector<double> seen_row_errors(const Attention& a, const MatrixD& got, double scale, const MatrixD& want) {
  std::vector<double> errors;
  for (int instance = 0; instance < a.instances; ++instance) {
    for (int h = 0; h < a.heads; ++h) {
      for (int r = instance * a.n_q; r < (instance + 1) * a.n_q; ++r) {
        double sum = 0;
        for (int c = h * a.d_v; c < (h + 1) * a.d_v; ++c) {
          const double error = got(r, c) * scale - want(r, c);
          sum += error * error;
        }
        errors.push_back(sum / a.d_v);
      }
    }
  }
  return errors;
}

}  // namespace vitality
