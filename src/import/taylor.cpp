#include "import/taylor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <set>

#include "base/random.h"
#include "import/layout_operators.h"

namespace vitality::importing {
namespace {

// A view in the order [instances, heads, tokens, features], and its elements on the probe.
struct Operand {
  View view;
  Tensor values;
  std::int64_t instances = 1, heads = 1, tokens = 1, features = 1;
};

// Along one axis of a view only the row of its source changes, or only the column.
enum class Along { kRow, kColumn, kBoth };

Along along(const Draft& draft, const View& view, std::size_t axis) {
  const AxisSplit split = split_at(view.shape(), axis);
  const std::int64_t cols = draft.cols(view.source), first = view.places->integer[0];
  bool row = false, column = false;
  for (std::size_t i = 0; i < split.count; ++i) {
    const std::int64_t place = view.places->integer[i * split.inner];
    row = row || place / cols != first / cols;
    column = column || place % cols != first % cols;
  }
  return row && column ? Along::kBoth : row ? Along::kRow : Along::kColumn;
}

Operand ordered(const Draft& draft, const View& view, const std::vector<std::size_t>& rows,
                const std::vector<std::size_t>& columns) {
  Node turn;
  std::vector<std::int64_t>& order = turn.attributes["perm"].integers;
  for (std::size_t axis = 0; axis < view.shape().size(); ++axis)
    if (view.shape()[axis] == 1) order.push_back(static_cast<std::int64_t>(axis));
  const auto size = [&](std::size_t axis) { return view.shape()[axis]; };
  Operand out;
  out.view = view;
  out.view.scale = 1;
  if (rows.size() == 2) out.instances = size(rows[0]), order.push_back(static_cast<std::int64_t>(rows[0]));
  if (columns.size() == 2) out.heads = size(columns[0]), order.push_back(static_cast<std::int64_t>(columns[0]));
  if (!rows.empty()) out.tokens = size(rows.back()), order.push_back(static_cast<std::int64_t>(rows.back()));
  if (!columns.empty()) out.features = size(columns.back()), order.push_back(static_cast<std::int64_t>(columns.back()));
  Tensor places = transpose(turn, {view.places.get()})[0];
  places.shape = {out.instances, out.heads, out.tokens, out.features};
  out.view.places = std::make_shared<const Tensor>(std::move(places));
  out.values = probe_of(draft, out.view);
  return out;
}

// The ways in which a view can be an operand: of two axes of columns either may be the heads.
std::vector<Operand> operands_of(const Draft& draft, const View& view) {
  if (view.places->size() == 0) return {};
  std::vector<std::size_t> rows, columns;
  for (std::size_t axis = 0; axis < view.shape().size(); ++axis) {
    if (view.shape()[axis] == 1) continue;
    const Along what = along(draft, view, axis);
    if (what == Along::kBoth) return {};
    (what == Along::kRow ? rows : columns).push_back(axis);
  }
  if (rows.size() > 2 || columns.size() > 2) return {};
  std::vector<Operand> out{ordered(draft, view, rows, columns)};
  if (columns.size() == 2) out.push_back(ordered(draft, view, rows, {columns[1], columns[0]}));
  return out;
}

using Numbers = std::vector<double>;

// The parts of Z = mean(V) + scale Q G / n, G = K_hat^T V, of one head.
struct HeadParts {
  const double *q, *k, *v;
  std::int64_t queries, keys, depth, width;
  void add(double* mean, double* rest) const {
    const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    Numbers k_bar(at(depth)), v_bar(at(width)), g(at(depth * width));
    for (std::int64_t j = 0; j < keys; ++j) {
      for (std::int64_t e = 0; e < depth; ++e) k_bar[at(e)] += k[j * depth + e] / static_cast<double>(keys);
      for (std::int64_t e = 0; e < width; ++e) v_bar[at(e)] += v[j * width + e] / static_cast<double>(keys);
    }
    for (std::int64_t j = 0; j < keys; ++j)
      for (std::int64_t d = 0; d < depth; ++d)
        for (std::int64_t e = 0; e < width; ++e)
          g[at(d * width + e)] += (k[j * depth + d] - k_bar[at(d)]) * v[j * width + e] / static_cast<double>(keys);
    for (std::int64_t i = 0; i < queries; ++i)
      for (std::int64_t e = 0; e < width; ++e) {
        mean[i * width + e] = v_bar[at(e)];
        for (std::int64_t d = 0; d < depth; ++d) rest[i * width + e] += q[i * depth + d] * g[at(d * width + e)];
      }
  }
  // Of ReLU-linear attention: the rows of V weighted with ReLU(q) . ReLU(k), and for each of their elements the sum of
  // the weights.
  void add_relu_linear(double* weighted, double* sums) const {
    for (std::int64_t i = 0; i < queries; ++i) {
      double sum = 0;
      double* const row = weighted + i * width;
      for (std::int64_t j = 0; j < keys; ++j) {
        double weight = 0;
        for (std::int64_t d = 0; d < depth; ++d)
          weight += std::max(0.0, q[i * depth + d]) * std::max(0.0, k[j * depth + d]);
        sum += weight;
        for (std::int64_t e = 0; e < width; ++e) row[e] += weight * v[j * width + e];
      }
      std::fill(sums + i * width, sums + (i + 1) * width, sum);
    }
  }
};

// The scale s with which value = mean + s rest, element `elements[i]` of them for element i; 0 if there is none.
double scale_of(const Tensor& value, const std::vector<std::int64_t>& elements, const Numbers& mean,
                const Numbers& rest) {
  double products = 0, squares = 0, largest = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto at = static_cast<std::size_t>(elements[i]);
    products += (value.real[i] - mean[at]) * rest[at], squares += rest[at] * rest[at];
    largest = std::max(largest, std::fabs(value.real[i]));
  }
  const double scale = squares > 0 ? products / squares : 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto at = static_cast<std::size_t>(elements[i]);
    if (!(std::fabs(value.real[i] - mean[at] - scale * rest[at]) <= 1e-10 * largest)) return 0;
  }
  return scale;
}

// The number with the fewest digits that is x but for rounding.
double rounded(double x) {
  for (int digits = 0; digits < 15; ++digits) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.*e", digits, x);
    const double candidate = std::strtod(text.data(), nullptr);
    if (std::fabs(candidate - x) <= 1e-9 * x) return candidate;
  }
  return x;
}

// The epsilon with which value = weighted / (sums + epsilon), element `elements[i]` of them for element i; none if
// there is none. Where the sum is smallest, epsilon shows most.
std::optional<double> epsilon_of(const Tensor& value, const std::vector<std::int64_t>& elements,
                                 const Numbers& weighted, const Numbers& sums) {
  double epsilon = 0, least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto at = static_cast<std::size_t>(elements[i]);
    if (value.real[i] == 0 || !(sums[at] / std::fabs(value.real[i]) < least)) continue;
    least = sums[at] / std::fabs(value.real[i]), epsilon = weighted[at] / value.real[i] - sums[at];
  }
  epsilon = epsilon > 1e-13 ? rounded(epsilon) : 0;
  if (!(epsilon <= 1)) return std::nullopt;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto at = static_cast<std::size_t>(elements[i]);
    const double z = weighted[at] == 0 ? 0 : weighted[at] / (sums[at] + epsilon);
    if (!(std::fabs(value.real[i] - z) <= 1e-10)) return std::nullopt;
  }
  return epsilon;
}

std::optional<AttentionMatch> match(const Operand& q, const Operand& k, const Operand& v, const Tensor& value) {
  if (q.instances != k.instances || q.instances != v.instances || q.heads != k.heads || q.heads != v.heads ||
      q.features != k.features || k.tokens != v.tokens ||
      static_cast<std::int64_t>(value.size()) != q.instances * q.heads * q.tokens * v.features)
    return std::nullopt;
  Numbers mean(value.size()), rest(value.size()), weighted(value.size()), sums(value.size());
  for (std::int64_t lead = 0; lead < q.instances * q.heads; ++lead) {
    const HeadParts head{q.values.real.data() + lead * q.tokens * q.features,
                         k.values.real.data() + lead * k.tokens * k.features,
                         v.values.real.data() + lead * v.tokens * v.features,
                         q.tokens,
                         k.tokens,
                         q.features,
                         v.features};
    const std::int64_t first = lead * q.tokens * v.features;
    head.add(mean.data() + first, rest.data() + first);
    head.add_relu_linear(weighted.data() + first, sums.data() + first);
  }
  Tensor numbers = integer_tensor({q.instances, q.heads, q.tokens, v.features});
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers.integer[i] = static_cast<std::int64_t>(i);
  const double usual = 1 / std::sqrt(static_cast<double>(q.features));
  Node turn;
  std::vector<std::int64_t>& order = turn.attributes["perm"].integers = {0, 1, 2, 3};
  do {
    const Tensor turned = transpose(turn, {&numbers})[0];
    if (const auto epsilon = epsilon_of(value, turned.integer, weighted, sums))
      return AttentionMatch{AttentionKind::kReluLinear, q.view, k.view, v.view, usual, *epsilon, turned.integer};
    double scale = scale_of(value, turned.integer, mean, rest);
    if (scale == 0) continue;
    if (std::fabs(scale - usual) < 1e-10 * usual) scale = usual;
    return AttentionMatch{AttentionKind::kTaylor, q.view, k.view, v.view, scale, 0, turned.integer};
  } while (std::next_permutation(order.begin(), order.end()));
  return std::nullopt;
}

}  // namespace

Tensor probe_of(const Draft& draft, const View& view) {
  const auto count =
      static_cast<std::size_t>(draft.rows(view.source)) * static_cast<std::size_t>(draft.cols(view.source));
  Random random(static_cast<std::uint64_t>(view.source + 2));
  Numbers elements(count);
  for (double& element : elements) element = 2 * random.unit() - 1;
  Tensor out = real_tensor(view.shape());
  for (std::size_t i = 0; i < out.size(); ++i)
    out.real[i] = view.scale * elements[static_cast<std::size_t>(view.places->integer[i])];
  return out;
}

std::optional<AttentionMatch> match_attention(const Draft& draft, const std::vector<View>& leaves,
                                              const Tensor& value) {
  // K is read as it is and transposed, V in a product and in a sum: views of the same elements are one operand.
  std::set<std::pair<int, std::vector<std::int64_t>>> met;
  std::vector<std::vector<Operand>> operands;
  for (const View& leaf : leaves) {
    std::vector<std::int64_t> places = leaf.places->integer;
    std::sort(places.begin(), places.end());
    if (met.emplace(leaf.source, std::move(places)).second) operands.push_back(operands_of(draft, leaf));
  }
  if (operands.size() != 3) return std::nullopt;
  std::array<std::size_t, 3> role{0, 1, 2};
  do {
    for (const Operand& q : operands[role[0]])
      for (const Operand& k : operands[role[1]])
        for (const Operand& v : operands[role[2]])
          if (auto found = match(q, k, v, value)) return found;
  } while (std::next_permutation(role.begin(), role.end()));
  return std::nullopt;
}

}  // namespace vitality::importing
