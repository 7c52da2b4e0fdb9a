// Small operations on whole matrices in double. Sums run in ascending order (gemm.h); shapes that do not fit throw
// std::invalid_argument: callers have checked user input.
#pragma once

#include "tensor/matrix.h"

namespace vitality {

MatrixD transpose(const MatrixD& a);
MatrixD multiply(const MatrixD& a, const MatrixD& b);               // A B
MatrixD multiply_transposed_a(const MatrixD& a, const MatrixD& b);  // A^T B
MatrixD multiply_transposed_b(const MatrixD& a, const MatrixD& b);  // A B^T
MatrixD column_sums(const MatrixD& a);                              // 1 x cols
void add_to(MatrixD& a, const MatrixD& b, double factor = 1);       // A += factor B
void add_row(MatrixD& a, const double* row);                        // to every row of A
void scale(MatrixD& a, double factor);
double max_abs(const MatrixD& a);

}  // namespace vitality
