// The two low-precision quantisers of docs/algorithm.md 2.4 and 3, one scale for a whole tensor. Rounding is half to
// even.
#pragma once

#include "tensor/matrix.h"

namespace vitality {

// Sanger (Lu et al., MICRO 2021): top = 2^(bits-1) - 1, scale = top / max|x|, code = clamp(round(x scale), -top, top),
// value = code / scale. A tensor of zeros has codes 0 and scale 0 (its values are 0). bits 2..16.
struct SymmetricCodes {
  Matrix<int> codes;
  double scale = 0;
};
SymmetricCodes quantize_symmetric(const MatrixD& x, int bits);
MatrixD dequantize(const SymmetricCodes& q);

// ViTALiTy's released layer: low = min x, step = max((max - min) / top, 1e-8), top = 2^bits - 1,
// code = clamp(round((x - low) / step), 0, top), value = code step + low. bits 1..16.
struct AsymmetricCodes {
  Matrix<int> codes;
  double low = 0, step = 1;
};
AsymmetricCodes quantize_asymmetric(const MatrixD& x, int bits);
MatrixD dequantize(const AsymmetricCodes& q);

}  // namespace vitality
