// exp and the activations made of it, of whole arrays: plain multiplications, additions and divisions, so that the
// compiler can put them into vectors and every CPU gives the same bits (libm's do not: it has versions with fused
// multiply-adds). An element's result does not depend on its place in the array. y may be x.
//
// Errors in units of the last place, measured against libm's long double (tests/unit/functions_test.cpp): exp below 1
// (0 below exp(-708) = 3.3e-308), SiLU below 3, GELU below 8, times 1 + x^2 / 2 for x < 0 (where 0.5 x (1 + erf) loses
// all digits).
#pragma once

#include <cstddef>

#include "base/instruction_sets.h"

namespace vitality {

// term(0) + ... + term(count - 1) as eight sums of every eighth term, which are then added up in order.
template <class Term>
VITALITY_INLINE double interleaved_sum(std::size_t count, Term term) {
  constexpr std::size_t kParts = 8;
  double parts[kParts] = {};
  std::size_t i = 0;
  for (; i + kParts <= count; i += kParts)
    for (std::size_t part = 0; part < kParts; ++part) parts[part] += term(i + part);
  for (std::size_t part = 0; i < count; ++i, ++part) parts[part] += term(i);
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

double exponential(double x);
void softmax(double* x, std::size_t count);  // exp(x - max) over their interleaved_sum(), in place; count >= 1
void exponentials(const double* x, std::size_t count, double* y);
void gelu(const double* x, std::size_t count, double* y);  // x Phi(x), Phi the normal distribution: GELU with erf
void silu(const double* x, std::size_t count, double* y);  // x / (1 + exp(-x))

}  // namespace vitality
