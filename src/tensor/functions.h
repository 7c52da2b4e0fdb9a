// exp and the activations made of it, of whole arrays: plain multiplications, additions and divisions, so that the
// compiler can put them into vectors and every CPU gives the same bits (libm's do not: it has versions with fused
// multiply-adds). An element's result does not depend on its place in the array. y may be x.
//
// Errors in units of the last place, measured against libm's long double (tests/unit/functions_test.cpp): exp below 1
// (normal numbers), SiLU below 3, GELU below 8, times 1 + x^2 / 2 for x < 0 (where 0.5 x (1 + erf) loses all digits).
#pragma once

#include <cstddef>

namespace vitality {

double exponential(double x);
void exponentials(const double* x, std::size_t count, double* y);
void gelu(const double* x, std::size_t count, double* y);  // x Phi(x), Phi the normal distribution: GELU with erf
void silu(const double* x, std::size_t count, double* y);  // x / (1 + exp(-x))

}  // namespace vitality
