// .npy files that tests make for the readers.
#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensor/npy.h"

namespace vitality {

inline void write_npy(const std::string& path, const NpyShape& shape, const std::vector<double>& values,
                      NpyType type = NpyType::kFloat64) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error("write_npy: cannot open " + path);
  write_npy(file, shape, values, type);
  if (std::fclose(file) != 0) throw std::runtime_error("write_npy: cannot write " + path);
}

inline void write_npy(const std::string& path, const MatrixD& matrix) {
  write_npy(path, {matrix.rows(), matrix.cols()}, std::vector<double>(matrix.data(), matrix.data() + matrix.size()));
}

}  // namespace vitality
