#include "tensor/functions.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

using namespace vitality;

namespace {

using Function = void (*)(const double*, std::size_t, double*);

// Largest error of `function` on uniform points of [low, high]: units in the last place of exact(x), over allowance(x).
template <class Exact, class Allowance>
double worst_error(Function function, double low, double high, Exact exact, Allowance allowance) {
  Random random(7);
  std::vector<double> x(20000), y(x.size());
  for (double& value : x) value = low + (high - low) * random.unit();
  function(x.data(), x.size(), y.data());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double want = exact(static_cast<long double>(x[i]));
    const double magnitude = std::fabs(static_cast<double>(want));
    const double unit = std::nextafter(magnitude, HUGE_VAL) - magnitude;
    worst = std::max(worst, static_cast<double>(std::fabs(y[i] - want)) / unit / allowance(x[i]));
  }
  return worst;
}

double once(Function function, double x) {
  function(&x, 1, &x);
  return x;
}

}  // namespace

TEST_CASE("exp, GELU and SiLU of arrays against libm", "[functions]") {
  const auto one = [](double) { return 1.0; };
  const auto exact_exp = [](long double x) { return std::exp(x); };
  CHECK(worst_error(exponentials, -1, 1, exact_exp, one) < 1);
  CHECK(worst_error(exponentials, -708, 709, exact_exp, one) < 1);
  const auto exact_silu = [](long double x) { return x / (1 + std::exp(-x)); };
  CHECK(worst_error(silu, -40, 40, exact_silu, one) < 3);
  const auto exact_gelu = [](long double x) { return x / 2 * std::erfc(-x * std::sqrt(0.5L)); };
  CHECK(worst_error(gelu, 0, 2, exact_gelu, one) < 8);
  CHECK(worst_error(gelu, 0, 40, exact_gelu, one) < 8);
  const auto tail = [](double x) { return 1 + x * x / 2; };
  CHECK(worst_error(gelu, -2, 0, exact_gelu, tail) < 8);
  CHECK(worst_error(gelu, -37, 0, exact_gelu, tail) < 8);
}

namespace {

template <double (*function)(double)>
void each(const double* x, std::size_t count, double* y) {
  std::transform(x, x + count, y, function);
}

// Largest error on uniform points of [low, high], absolute.
template <class Exact>
double worst_distance(double (*function)(double), double low, double high, Exact exact) {
  Random random(13);
  double worst = 0;
  for (int i = 0; i < 20000; ++i) {
    const double x = low + (high - low) * random.unit();
    worst = std::max(worst, static_cast<double>(std::fabs(function(x) - exact(static_cast<long double>(x)))));
  }
  return worst;
}

long double exact_phi(long double x) {
  return std::erfc(-x * std::sqrt(0.5L)) / 2;
}

}  // namespace

TEST_CASE("functions: log, arc cosine, powers and the normal distribution against libm", "[functions]") {
  const auto one = [](double) { return 1.0; };
  const auto exact_log = [](long double x) { return std::log(x); };
  for (const double top : {2.0, 1e-300, 1e300}) CHECK(worst_error(each<logarithm>, 0, top, exact_log, one) < 1.5);
  CHECK(worst_error(each<logarithm>, 0.999, 1.001, exact_log, one) < 1.5);
  CHECK(worst_error(
            each<arc_cosine>, -1, 1, [](long double x) { return std::acos(x); }, one) < 2);
  CHECK(worst_error(each<normal_distribution>, 0, 40, exact_phi, one) < 8);
  CHECK(worst_error(each<normal_distribution>, -37, 0, exact_phi, [](double x) { return 1 + x * x / 2; }) < 8);
  for (const double x : {0.9, 0.999, 1.5})
    for (const int n : {1, 2, 3, 10, 77, 1000})
      CHECK(power(x, n) == Approx(static_cast<double>(std::pow(static_cast<long double>(x), n))).epsilon(n * 1.2e-16));
}

TEST_CASE("functions: cosine and the activations' derivatives against libm", "[functions]") {
  const auto exact_cosine = [](long double x) { return std::cos(x); };
  CHECK(worst_distance(cosine, -6.2831853, 6.2831853, exact_cosine) < 2.3e-16);
  CHECK(worst_distance(cosine, -1e5, 1e5, exact_cosine) < 1e-15);
  constexpr long double kInverseSqrt2Pi = 0.398942280401432677939946L;
  const auto gelu_slope = [](long double x) { return exact_phi(x) + x * kInverseSqrt2Pi * std::exp(-x * x / 2); };
  CHECK(worst_distance(gelu_derivative, -40, 40, gelu_slope) < 1e-15);
  CHECK(worst_distance(gelu_derivative, -3, 3, gelu_slope) < 1e-15);
  const auto silu_slope = [](long double x) {
    const long double sigmoid = 1 / (1 + std::exp(-x));
    return sigmoid + x * sigmoid * (1 - sigmoid);
  };
  CHECK(worst_distance(silu_derivative, -40, 40, silu_slope) < 1e-15);
}

TEST_CASE("functions: log, cosine, arc cosine and powers at the ends of their range", "[functions]") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(logarithm(1) == 0);
  CHECK(logarithm(0) == -infinity);
  CHECK(logarithm(infinity) == infinity);
  CHECK(std::isnan(logarithm(-1)));
  CHECK(std::isnan(logarithm(nan)));
  CHECK(logarithm(5e-324) == Approx(-744.44007192138122).epsilon(1e-15));
  CHECK(cosine(0) == 1);
  CHECK(std::isnan(cosine(1.1e5)));
  CHECK(std::isnan(cosine(nan)));
  CHECK(arc_cosine(1) == 0);
  CHECK(arc_cosine(0) == 1.5707963267948966);
  CHECK(arc_cosine(-1) == 3.1415926535897931);
  CHECK(power(0.5, 0) == 1);
  CHECK(power(2, 10) == 1024);
  CHECK(normal_distribution(0) == 0.5);
  CHECK(normal_distribution(infinity) == 1);
  CHECK(normal_distribution(-infinity) == 0);
}

TEST_CASE("exp, GELU and SiLU of arrays at the ends of the range", "[functions]") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(exponential(0) == 1);
  CHECK(exponential(-infinity) == 0);
  CHECK(exponential(infinity) == infinity);
  CHECK(exponential(-1e300) == 0);
  CHECK(exponential(-708) == Approx(3.307553003638408e-308).epsilon(1e-15));
  CHECK(exponential(-708.1) == 0);
  CHECK(exponential(709.78) == Approx(1.7928227943945155e308).epsilon(1e-15));
  CHECK(exponential(710) == infinity);
  CHECK(std::isnan(exponential(nan)));
  CHECK(once(gelu, 0) == 0);
  CHECK(once(gelu, infinity) == infinity);
  CHECK(once(gelu, 1e300) == 1e300);
  CHECK(once(gelu, -1e300) == 0);
  CHECK(std::isnan(once(gelu, nan)));
  CHECK(once(silu, infinity) == infinity);
  CHECK(std::isnan(once(silu, nan)));
}

TEST_CASE("softmax: exp over its sum, and the sum's order", "[functions]") {
  std::vector<double> x(29);
  Random random(5);
  for (double& value : x) value = 20 * random.unit() - 10;
  std::vector<double> want = x, terms = x;
  const double top = *std::max_element(x.begin(), x.end());
  long double sum = 0;
  for (double& value : want) sum += value = std::exp(value - top);
  softmax(x.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(x[i] == Approx(want[i] / static_cast<double>(sum)).epsilon(1e-14));
  double parts[8] = {}, ordered = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) parts[i % 8] += terms[i];
  for (const double part : parts) ordered += part;
  CHECK(interleaved_sum(terms.size(), [&](std::size_t i) { return terms[i]; }) == ordered);
}

TEST_CASE("exp, GELU and SiLU: an element's bits do not depend on its place", "[functions]") {
  Random random(11);
  std::vector<double> x(37), y(x.size());
  for (double& value : x) value = 12 * random.unit() - 6;
  for (const Function function : {exponentials, gelu, silu}) {
    function(x.data(), x.size(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == once(function, x[i]));
  }
}
