#include "explore/sampler.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <unordered_map>

#include "base/random.h"

namespace vitality {

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return std::to_string(static_cast<std::int64_t>(value));
  std::array<char, 40> buffer;
  return std::string(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

std::string to_string(const AxisValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  return number_text(std::get<double>(value));
}

AxisValue axis_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<std::int64_t>(value);
  return value;
}

double grid_size(const std::vector<std::uint32_t>& axis_sizes) {
  double size = 1;
  for (const std::uint32_t axis : axis_sizes) size *= axis;
  return size;
}

namespace {

Design design_at(const std::vector<std::uint32_t>& axis_sizes, std::uint64_t index) {
  Design design(axis_sizes.size());
  for (std::size_t a = axis_sizes.size(); a-- > 0;) {
    design[a] = static_cast<std::uint32_t>(index % axis_sizes[a]);
    index /= axis_sizes[a];
  }
  return design;
}

}  // namespace

std::vector<Design> grid_designs(const std::vector<std::uint32_t>& axis_sizes) {
  std::vector<Design> designs(static_cast<std::size_t>(grid_size(axis_sizes)));
  for (std::size_t i = 0; i < designs.size(); ++i) designs[i] = design_at(axis_sizes, i);
  return designs;
}

std::vector<Design> random_designs(const std::vector<std::uint32_t>& axis_sizes, std::int64_t points,
                                   std::uint64_t seed) {
  Random random(seed);
  const double size = grid_size(axis_sizes);
  std::vector<Design> designs;
  if (size > 0x1p53) {  // too many to number them exactly: each index is drawn; repeats are rare
    std::set<Design> seen;
    while (static_cast<std::int64_t>(designs.size()) < points) {
      Design design;
      for (const std::uint32_t axis : axis_sizes) design.push_back(static_cast<std::uint32_t>(random.below(axis)));
      if (seen.insert(design).second) designs.push_back(std::move(design));
    }
    return designs;
  }
  // The first `points` steps of a Fisher-Yates shuffle of the grid's numbers; `moved` holds the few numbers that are
  // not in their place.
  const auto total = static_cast<std::uint64_t>(size);
  const std::uint64_t wanted = std::min<std::uint64_t>(static_cast<std::uint64_t>(points), total);
  std::unordered_map<std::uint64_t, std::uint64_t> moved;
  const auto number_at = [&](std::uint64_t place) {
    const auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const std::uint64_t place = i + random.below(total - i);
    const std::uint64_t drawn = number_at(place);
    moved[place] = number_at(i);
    designs.push_back(design_at(axis_sizes, drawn));
  }
  return designs;
}

std::vector<Design> latin_hypercube_designs(const std::vector<std::uint32_t>& axis_sizes, std::int64_t points,
                                            std::uint64_t seed) {
  Random random(seed);
  const auto count = static_cast<std::uint64_t>(points);
  std::vector<Design> designs(count, Design(axis_sizes.size()));
  std::vector<std::uint64_t> strata(count);
  for (std::size_t a = 0; a < axis_sizes.size(); ++a) {
    for (std::uint64_t s = 0; s < count; ++s) strata[s] = s;
    for (std::uint64_t s = count; s > 1; --s) std::swap(strata[s - 1], strata[random.below(s)]);
    // The stratum's middle, (s + 1/2) / points of the axis; no jitter, so short axes stay balanced.
    for (std::uint64_t s = 0; s < count; ++s)
      designs[s][a] = static_cast<std::uint32_t>((2 * strata[s] + 1) * axis_sizes[a] / (2 * count));
  }
  return designs;
}

}  // namespace vitality
