// The golden attention cases (tests/golden/attention: made in PyTorch, float64 from float32 inputs; manifest.json says
// what each array is) and helpers to compare with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tensor/matrix.h"
#include "tensor/npy.h"

namespace golden {

using vitality::MatrixD;

inline const std::vector<std::string> kCases = {"n196_d32_normal", "n49_d32_mid", "n16_d16_normal", "n3_d5_grid",
                                                "rect_levit_down0_normal"};

inline std::string path(const std::string& name, const std::string& array) {
  return std::string(VITALITY_SOURCE_DIR) + "/tests/golden/attention/" + name + "/" + array + ".npy";
}
inline bool has(const std::string& name, const std::string& array) {
  return std::filesystem::exists(path(name, array));
}
inline MatrixD load(const std::string& name, const std::string& array) {
  using vitality::NpyType;
  return vitality::read_npy_matrix(path(name, array),
                                   {{NpyType::kFloat32, NpyType::kFloat64, NpyType::kInt8, NpyType::kUint8}, true});
}

inline MatrixD random_matrix(int rows, int cols, unsigned seed, double mean = 0) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(mean);
  MatrixD a(rows, cols);
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = normal(random);
  return a;
}

// Largest difference over the largest magnitude of `want`; infinity for other shapes and for NaN.
inline double relative_error(const MatrixD& got, const MatrixD& want) {
  if (got.rows() != want.rows() || got.cols() != want.cols()) return INFINITY;
  double difference = 0, top = 1e-30;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::fabs(got.data()[i] - want.data()[i]);
    if (!(d <= difference)) difference = std::isnan(d) ? INFINITY : d;
    top = std::max(top, std::fabs(want.data()[i]));
  }
  return difference / top;
}

}  // namespace golden
