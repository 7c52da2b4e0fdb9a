// The functions that values are made of: plain multiplications, additions, divisions and square roots, so that every
// CPU gives the same bits. (libm's exp, log, cos, erf and pow do not: some of their versions use fused multiply-adds. A
// style test keeps them out.) The compiler can vectorise those that work on whole arrays; the result for an element
// does not depend on its place in the array, and y may be x.
//
// Errors in units of the last place, measured against values of 60 digits and against libm's long double
// (tests/unit/functions_test.cpp): exp below 1 (0 below exp(-708) = 3.3e-308), logarithm below 1, power below 0.51,
// arc_cosine below 1.5, SiLU below 2, GELU below 8, times 1 + x^2 / 2 for x < 0 (where 0.5 x (1 + erf) loses all
// digits). Errors of those that cross 0 are absolute: cosine below 2.3e-16, gelu_derivative and silu_derivative below
// 5e-16.
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
double logarithm(double x);  // natural; of 0: -infinity, of less: not a number
constexpr double kLargestAngle = 1e5;
double cosine(double x);          // of radians, |x| <= kLargestAngle; else not a number
double arc_cosine(double x);      // |x| <= 1
double power(double x, int n);    // n >= 0, |x|^n <= 1e290
double error_function(double x);  // erf, absolute error below 3e-16
double gelu_derivative(double x);
double silu_derivative(double x);
double gelu_tanh_derivative(double x);
double quick_gelu_derivative(double x);
void softmax(double* x, std::size_t count);  // exp(x - max) over their interleaved_sum(), in place; count >= 1
void exponentials(const double* x, std::size_t count, double* y);
void gelu(const double* x, std::size_t count, double* y);  // x Phi(x), Phi the normal distribution: GELU with erf
void gelu_derivatives(const double* x, std::size_t count, double* y);
void silu(const double* x, std::size_t count, double* y);  // x / (1 + exp(-x))
// x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3): GELU with tanh.
void gelu_tanh(const double* x, std::size_t count, double* y);
void quick_gelu(const double* x, std::size_t count, double* y);  // x / (1 + exp(-1.702 x))

}  // namespace vitality
