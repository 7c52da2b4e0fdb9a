#include "reference/weak_attention_detector.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "reference/quantizer.h"
#include "tensor/matrix_ops.h"
#include "tensor/top_k.h"

namespace vitality {

int detector_rank(int d, const DetectorOptions& options) {
  return kept_count(options.rank, d);
}

MatrixD detector_projection(int d, const DetectorOptions& options) {
  const int rank = detector_rank(d, options);
  Random random(options.seed);
  const double unit = std::sqrt(3.0 / rank);
  MatrixD p(d, rank);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const std::uint64_t die = random.below(6);
    p.data()[i] = die == 0 ? unit : die == 1 ? -unit : 0;
  }
  return p;
}

MatrixD detected_scores(const MatrixD& q, const MatrixD& k, const DetectorOptions& options) {
  const MatrixD p = detector_projection(q.cols(), options);
  return multiply_transposed_b(dequantize(quantize_symmetric(multiply(q, p), options.bits)),
                               dequantize(quantize_symmetric(multiply(k, p), options.bits)));
}

Mask detect_strong(const MatrixD& q, const MatrixD& k, const DetectorOptions& options) {
  const MatrixD scores = detected_scores(q, k, options);
  const int keep = kept_count(options.keep, k.rows());
  Mask mask(q.rows(), k.rows());
  for (int i = 0; i < mask.rows(); ++i) {
    const std::vector<std::uint8_t> kept = top_k(scores.row(i), scores.cols(), keep);
    std::copy(kept.begin(), kept.end(), mask.row(i));
  }
  return mask;
}

}  // namespace vitality
