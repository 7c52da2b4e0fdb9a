// Kronecker products: a large orthogonal matrix made of small ones, which needs fewer multiplications.
#pragma once

#include <vector>

#include "tensor/matrix.h"

namespace vitality {

// A (x) B: (ra rb) x (ca cb).
MatrixD kronecker(const MatrixD& a, const MatrixD& b);

// Sizes of square factors whose product has d rows: as many fours as divide d, then primes. 64 -> 4 4 4, 80 -> 4 4 5.
// A vector times the product takes d * (sum of the factors) multiplications instead of d * d.
std::vector<int> kronecker_factors(int d);

}  // namespace vitality
