// Kronecker products: a large orthogonal matrix from small ones, and what it saves.
#pragma once

#include <vector>

#include "tensor/matrix.h"

namespace vitality {

// A (x) B: (ra rb) x (ca cb).
MatrixD kronecker(const MatrixD& a, const MatrixD& b);

// Sizes of square factors whose product has d rows: fours, then what is left as primes. 64 -> 4 4 4, 80 -> 4 4 5.
// A vector passes the product in d * (sum of the factors) multiplications instead of d * d.
std::vector<int> kronecker_factors(int d);

}  // namespace vitality
