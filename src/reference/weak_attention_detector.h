// DOTA's detector of weak attention (Qu et al., ASPLOS 2022, sections 3 and 4): scores of low rank and few bits say
// which keys a query needs, and every query keeps the same number of them, so that rows processed side by side end
// together. One head, in double.
//
//   P        d x r random projection, entries sqrt(3 / r) x {-1, 0, 1} with probabilities 1/6, 2/3, 1/6, so that
//            (Q P)(K P)^T is Q K^T in expectation
//   scores   Q~ K~^T, Q~ = quantised Q P, K~ = quantised K P (symmetric, `bits`)
//   kept     the ceil(keep n) largest of each row
//
// The paper projects the layer's input and trains the small weights behind P to approach Q and K; without training, Q
// and K are projected themselves.
#pragma once

#include <cstdint>

#include "tensor/mask.h"
#include "tensor/matrix.h"

namespace vitality {

struct DetectorOptions {
  double rank = 0.25;  // r / d, in (0, 1]
  int bits = 4;        // 2..16
  double keep = 0.1;   // kept share of each row, in (0, 1]
  std::uint64_t seed = 1;
};

int detector_rank(int d, const DetectorOptions& options);  // r: at least 1
MatrixD detector_projection(int d, const DetectorOptions& options);
MatrixD detected_scores(const MatrixD& q, const MatrixD& k, const DetectorOptions& options);  // m x n
Mask detect_strong(const MatrixD& q, const MatrixD& k, const DetectorOptions& options);

}  // namespace vitality
