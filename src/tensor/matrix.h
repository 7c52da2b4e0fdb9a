// A dense row-major matrix that owns its elements.
#pragma once

#include <cassert>
#include <cstddef>
#include <vector>

namespace vitality {

template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(int rows, int cols, T value = T{})
      : rows_(rows), cols_(cols), data_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols), value) {}

  int rows() const { return rows_; }
  int cols() const { return cols_; }
  std::size_t size() const { return data_.size(); }
  bool empty() const { return data_.empty(); }
  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  T* row(int r) { return data_.data() + static_cast<std::size_t>(r) * cols_; }
  const T* row(int r) const { return data_.data() + static_cast<std::size_t>(r) * cols_; }
  T& operator()(int r, int c) { return row(r)[c]; }
  const T& operator()(int r, int c) const { return row(r)[c]; }

 private:
  int rows_ = 0, cols_ = 0;
  std::vector<T> data_;
};

using MatrixD = Matrix<double>;

}  // namespace vitality
