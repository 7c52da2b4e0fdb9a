// Which designs of an axis grid a sweep visits. A design has for each axis one index into its values. Everything is
// integer arithmetic on a seeded generator: the same designs on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace vitality {

using AxisValue = std::variant<bool, std::int64_t, double, std::string>;
// Whole numbers without exponent, others in the fewest digits that read back as the same number.
std::string number_text(double value);
std::string to_string(const AxisValue& value);  // as in CSV: true, 64, 0.05, int8; doubles in their shortest exact form

AxisValue axis_number(double value);  // whole numbers as integers

struct Axis {
  std::string key;                // dotted config key, workload.<key>, batch, mode, or the name of choices
  std::vector<AxisValue> values;  // at least one
  // Of choices: for each value, which is a name, the settings that it stands for, key=value; otherwise empty.
  std::vector<std::vector<std::string>> settings;
};

using Design = std::vector<std::uint32_t>;  // one index per axis

enum class SamplerKind { kGrid, kRandom, kLatinHypercube, kNsga2, kGiven, kSmsEgo };
struct SamplerSpec {
  SamplerKind kind = SamplerKind::kGrid;
  std::int64_t points = 0;  // of the kinds that draw
  std::uint64_t seed = 1;
  std::int64_t population = 64;  // of the searches: designs that are asked for at a time
  // NSGA-II: probability of mixing two parents; probability of changing one index, 0 = 1 / axes.
  double crossover = 0.9, mutation = 0;
  std::vector<Design> designs;  // of kGiven: the spec lists them, for searchers outside of the program
};

// Designs of the whole grid; exact up to 2^63, beyond that as a double (only for messages).
double grid_size(const std::vector<std::uint32_t>& axis_sizes);

// The last axis changes fastest, as in nested loops over the axes in the spec's order.
std::vector<Design> grid_designs(const std::vector<std::uint32_t>& axis_sizes);
// min(points, grid) different designs, uniformly drawn.
std::vector<Design> random_designs(const std::vector<std::uint32_t>& axis_sizes, std::int64_t points,
                                   std::uint64_t seed);
// Each axis is cut into `points` equal strata, and each stratum is used exactly once (McKay et al. 1979). On a short
// axis every value is used floor or ceil of points / values times; designs may repeat.
std::vector<Design> latin_hypercube_designs(const std::vector<std::uint32_t>& axis_sizes, std::int64_t points,
                                            std::uint64_t seed);

}  // namespace vitality
