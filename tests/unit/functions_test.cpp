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
  CHECK(worst_error(
            quick_gelu, -20, 20, [](long double x) { return x / (1 + std::exp(-1.702L * x)); },
            [](double x) { return 1 + std::fabs(1.702 * x); }) < 3);
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

struct Value {
  double x;
  long double want;
};

// Largest error over such values, in units of the last place, or absolute.
double worst_of(const std::vector<Value>& values, double (*function)(double), bool absolute = false) {
  double worst = 0;
  for (const auto& [x, want] : values) {
    const double magnitude = std::fabs(static_cast<double>(want));
    const double unit = absolute ? 1 : std::nextafter(magnitude, HUGE_VAL) - magnitude;
    worst = std::max(worst, static_cast<double>(std::fabs(function(x) - want)) / unit);
  }
  return worst;
}

template <void (*function)(const double*, std::size_t, double*)>
double single(double x) {
  return once(function, x);
}

}  // namespace

TEST_CASE("functions: values of 60 digits of exp, log, cosine and arc cosine", "[functions]") {
  CHECK(worst_of({{-700.25, 7.6787238131108722116e-305L},
                  {-87.3, 1.2192470959520051619e-38L},
                  {-1.5, 0.22313016014842982893L},
                  {-1e-09, 0.99999999900000000050L},
                  {0.3, 1.3498588075760030890L},
                  {1.0, 2.7182818284590452354L},
                  {2.75, 15.642631884188171610L},
                  {88.5, 2.7230878250681116121e+38L},
                  {709.5, 1.3549863193146328309e+308L}},
                 exponential) < 1);
  CHECK(worst_of({{5e-324, -744.44007192138126231L},
                  {1e-300, -690.77552789821370518L},
                  {0.1, -2.3025850929940456285L},
                  {0.7071067811865475, -0.34657359027997274336L},
                  {0.999, -0.0010005003335835343892L},
                  {1.0009765625, 0.00097608597305545889596L},
                  {1.41421356, 0.34657358860194111672L},
                  {2.0, 0.69314718055994530942L},
                  {10.0, 2.3025850929940456840L},
                  {12345.678, 9.4210613212918319671L},
                  {1.7e+308, 709.72683689322824104L}},
                 logarithm) < 1);
  CHECK(worst_of({{0.1, 0.99500416527802576554L},
                  {0.8, 0.69670670934716538906L},
                  {1.0, 0.54030230586813971740L},
                  {1.5707963267948966, 6.1232339957367658861e-17L},
                  {2.0, -0.41614683654714238700L},
                  {3.0, -0.98999249660044545727L},
                  {4.5, -0.21079579943077970598L},
                  {-6.2, 0.99654209702321748990L},
                  {22.0, -0.99996082639463712645L},
                  {99999.5, -0.85988273092227107438L}},
                 cosine, true) < 2.3e-16);
  CHECK(worst_of({{-0.999999, 3.1401784399095486534L},
                  {-0.75, 2.4188584057763776273L},
                  {-0.5, 2.0943951023931954923L},
                  {-0.1, 1.6709637479564564212L},
                  {0.2, 1.3694384060045658164L},
                  {0.49, 1.0587065738607488581L},
                  {0.51, 1.0356115365192967614L},
                  {0.9, 0.45102681179626238160L},
                  {0.9999999999, 0.000014142136208911563644L}},
                 arc_cosine) < 1.5);
}

TEST_CASE("functions: values of 60 digits of the activations and powers", "[functions]") {
  CHECK(worst_of({{-9.0, -9.1389373739066392510e-18L},
                  {-3.0, -0.011945647204183927000L},
                  {-1.0, -0.083315470587686298383L},
                  {-0.75, 0.00077427826076489562831L},
                  {-0.1, 0.42047690797526983760L},
                  {0.0, 0.50000000000000000000L},
                  {0.4, 0.80272979773165350488L},
                  {1.0, 1.0833154705876862984L},
                  {1.4142, 1.1289041451469774063L},
                  {3.0, 1.0119456472041839270L},
                  {8.5, 1.0000000000000006847L}},
                 gelu_derivative, true) < 5e-16);
  CHECK(worst_of({{-40.0, -1.6568581595637196939e-16L},
                  {-5.0, -0.026547432429665919011L},
                  {-1.278464542761074, -2.4520079389357080339e-17L},
                  {-0.5, 0.26003881269734819083L},
                  {0.0, 0.50000000000000000000L},
                  {0.7, 0.82338678347334242444L},
                  {2.4, 1.0998393012305230151L},
                  {12.0, 1.0000675854676137834L},
                  {40.0, 1.0000000000000001657L}},
                 silu_derivative, true) < 5e-16);
  CHECK(worst_of({{-6.0, -5.9195258702261888442e-9L},
                  {-2.5, -0.015524163314440337917L},
                  {-0.7, -0.16937455655615110929L},
                  {-0.01, -0.0049601064368536840654L},
                  {0.3, 0.18537342665668578306L},
                  {1.0, 0.84134474606854294859L},
                  {3.0, 2.9959503059051097164L},
                  {7.0, 6.9999999999910413122L}},
                 single<gelu>) < 16);
  CHECK(worst_of({{-30.0, -2.8072868906517896862e-12L},
                  {-4.0, -0.071944839848366232107L},
                  {-1.0, -0.26894142136999512075L},
                  {-0.001, -0.00049975000002083334165L},
                  {0.5, 0.31122966560092728232L},
                  {2.0, 1.7615941559557648881L},
                  {20.0, 19.999999958776927636L}},
                 single<silu>) < 2);
  struct Power {
    double x;
    int n;
    long double want;
  };
  for (const auto& [x, n, want] : std::vector<Power>{{0.9, 1, 0.9000000000000000222L},
                                                     {0.9, 3, 0.72900000000000005396L},
                                                     {0.999, 1000, 0.36769542477096371772L},
                                                     {0.999, 100000, 3.5385276883431277428e-44L},
                                                     {0.9, 2000, 3.0550539125986596938e-92L},
                                                     {1.5, 77, 36226547572060.632795L},
                                                     {-0.7, 9, -0.040353606999999976959L}})
    CHECK(power(x, n) == static_cast<double>(want));
}

TEST_CASE("functions: log and arc cosine against libm", "[functions]") {
  const auto one = [](double) { return 1.0; };
  const auto exact_log = [](long double x) { return std::log(x); };
  for (const double top : {2.0, 1e-300, 1e300}) CHECK(worst_error(each<logarithm>, 0, top, exact_log, one) < 1);
  CHECK(worst_error(each<logarithm>, 0.999, 1.001, exact_log, one) < 1);
  CHECK(worst_error(
            each<arc_cosine>, -1, 1, [](long double x) { return std::acos(x); }, one) < 1.5);
}

TEST_CASE("functions: cosine and the activations' derivatives against libm", "[functions]") {
  const auto exact_cosine = [](long double x) { return std::cos(x); };
  CHECK(worst_distance(cosine, -6.2831853, 6.2831853, exact_cosine) < 2.3e-16);
  CHECK(worst_distance(cosine, -1e5, 1e5, exact_cosine) < 2.3e-16);
  constexpr long double kInverseSqrt2Pi = 0.398942280401432677939946L;
  const auto gelu_slope = [](long double x) { return exact_phi(x) + x * kInverseSqrt2Pi * std::exp(-x * x / 2); };
  CHECK(worst_distance(gelu_derivative, -40, 40, gelu_slope) < 5e-16);
  CHECK(worst_distance(gelu_derivative, -3, 3, gelu_slope) < 5e-16);
  std::vector<double> points, slopes;
  for (int i = -450; i <= 450; ++i) points.push_back(i / 10.0);
  slopes.resize(points.size());
  gelu_derivatives(points.data(), points.size(), slopes.data());
  for (std::size_t i = 0; i < points.size(); ++i) CHECK(slopes[i] == gelu_derivative(points[i]));
  const auto silu_slope = [](long double x) {
    const long double sigmoid = 1 / (1 + std::exp(-x));
    return sigmoid + x * sigmoid * (1 - sigmoid);
  };
  CHECK(worst_distance(silu_derivative, -40, 40, silu_slope) < 5e-16);
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
