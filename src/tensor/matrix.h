// A dense row-major matrix that owns its elements.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace vitality {

// An allocator that leaves new elements unset: elements that will be overwritten need not be set to zero first.
template <class T>
struct UnsetAllocator : std::allocator<T> {
  UnsetAllocator() = default;
  template <class U>
  explicit UnsetAllocator(const UnsetAllocator<U>& /*other*/) {}
  template <class U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  template <class U>
  void construct(U* element) {
    ::new (static_cast<void*>(element)) U;
  }
  template <class U, class... Values>
  void construct(U* element, Values&&... values) {
    ::new (static_cast<void*>(element)) U(std::forward<Values>(values)...);
  }
};

template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(int rows, int cols, T value = T{})
      : rows_(rows), cols_(cols), data_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols), value) {}

  // A matrix whose elements have no value yet.
  static Matrix unset(int rows, int cols) {
    Matrix matrix;
    matrix.rows_ = rows, matrix.cols_ = cols;
    matrix.data_.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
    return matrix;
  }

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
  std::vector<T, UnsetAllocator<T>> data_;
};

using MatrixD = Matrix<double>;

}  // namespace vitality
