// ELSA's filter of keys (Ham et al., ISCA 2021, section III): binary hashes estimate the angle between a query and a
// key, and keys whose estimated similarity is small are left out of the exact attention. One head, in double.
//
//   hash       sign(R x), R orthogonal, as many bits as features (the paper's k = d = 64)
//   angle      pi / bits * Hamming distance - bias, at least 0; bias: the 80th percentile of the estimate's error, so
//              that an angle is rarely taken for larger than it is
//   similarity |k_j| cos(angle): q . k_j over |q|
//   kept       similarity >= t max_j |k_j|
//   t          learned: the average over queries of the smallest (q . k) / (|q| max |k|) among the keys whose softmax
//              probability exceeds p / n. p is the one parameter: 0 keeps every key that has any probability. The paper
//              learns t on a training set, here it is learned on the head's own inputs: there is no training set.
//
// R is a Kronecker product of small orthogonal matrices (tensor/kronecker.h), which makes hashes cheap.
#pragma once

#include <cstdint>

#include "tensor/mask.h"
#include "tensor/matrix.h"

namespace vitality {

struct HashFilterOptions {
  double p = 1;  // >= 0; t is learned so as to keep keys above p times the average probability
  std::uint64_t seed = 1;
};

class HashFilter {
 public:
  // The projections for vectors of d features; d >= 1.
  HashFilter(int d, const HashFilterOptions& options);

  const MatrixD& projections() const { return projections_; }  // d x d, orthogonal
  double bias() const { return bias_; }                        // radians
  Matrix<std::uint8_t> hashes(const MatrixD& x) const;         // rows x d, 0 or 1
  MatrixD similarities(const MatrixD& q, const MatrixD& k) const;
  double learned_threshold(const MatrixD& q, const MatrixD& k) const;
  Mask mask(const MatrixD& q, const MatrixD& k) const;

 private:
  HashFilterOptions options_;
  MatrixD projections_;
  double bias_ = 0;
};

}  // namespace vitality
