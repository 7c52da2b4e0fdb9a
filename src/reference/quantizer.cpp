#include "reference/quantizer.h"

#include <algorithm>
#include <cmath>

#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

// The quotient of two overflows is NaN: it gets code 0, because converting NaN to an integer is undefined.
int to_code(double x, double low, double high) {
  return std::isnan(x) ? 0 : static_cast<int>(std::clamp(std::nearbyint(x), low, high));
}

}  // namespace

SymmetricCodes quantize_symmetric(const MatrixD& x, int bits) {
  const double top = (1 << (bits - 1)) - 1, largest = max_abs(x);
  SymmetricCodes result{Matrix<int>(x.rows(), x.cols()), largest > 0 ? top / largest : 0};
  for (std::size_t i = 0; i < x.size(); ++i) result.codes.data()[i] = to_code(x.data()[i] * result.scale, -top, top);
  return result;
}

MatrixD dequantize(const SymmetricCodes& q) {
  MatrixD x(q.codes.rows(), q.codes.cols());
  if (q.scale == 0) return x;
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = q.codes.data()[i] / q.scale;
  return x;
}

AsymmetricCodes quantize_asymmetric(const MatrixD& x, int bits) {
  constexpr double kSmallestStep = 1e-8;
  const double top = (1 << bits) - 1;
  const auto [low, high] = std::minmax_element(x.data(), x.data() + x.size());
  AsymmetricCodes result{Matrix<int>(x.rows(), x.cols()), *low, std::max((*high - *low) / top, kSmallestStep)};
  for (std::size_t i = 0; i < x.size(); ++i)
    result.codes.data()[i] = to_code((x.data()[i] - result.low) / result.step, 0, top);
  return result;
}

MatrixD dequantize(const AsymmetricCodes& q) {
  MatrixD x(q.codes.rows(), q.codes.cols());
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = q.codes.data()[i] * q.step + q.low;
  return x;
}

}  // namespace vitality
