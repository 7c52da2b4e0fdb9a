#include "tensor/kronecker.h"

namespace vitality {

MatrixD kronecker(const MatrixD& a, const MatrixD& b) {
  MatrixD out(a.rows() * b.rows(), a.cols() * b.cols());
  for (int i = 0; i < out.rows(); ++i)
    for (int j = 0; j < out.cols(); ++j) out(i, j) = a(i / b.rows(), j / b.cols()) * b(i % b.rows(), j % b.cols());
  return out;
}

std::vector<int> kronecker_factors(int d) {
  std::vector<int> factors;
  while (d % 4 == 0) factors.push_back(4), d /= 4;
  for (int prime = 2; d > 1; ++prime)
    while (d % prime == 0) factors.push_back(prime), d /= prime;
  return factors;
}

}  // namespace vitality
