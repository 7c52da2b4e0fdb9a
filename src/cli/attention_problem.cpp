#include "cli/attention_problem.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

void check_shapes(AttentionProblem& p, const std::string& k_file, const std::string& v_file,
                  const std::string& q_file) {
  const auto check = [](bool holds, const std::string& file, const NpyShape& found, const std::string& expected) {
    if (!holds) throw InputError(file, "", "array of shape " + to_string(found) + ", expected " + expected);
  };
  const NpyShape &q = p.q.shape, &k = p.k.shape, &v = p.v.shape;
  check(q.size() == 2 || q.size() == 3, q_file, q, "(n, d) or (heads, n, d)");
  p.has_heads_axis = q.size() == 3;
  const std::size_t tokens = q.size() - 2;
  p.heads = p.has_heads_axis ? q[0] : 1;
  p.m = q[tokens], p.d = q[tokens + 1];
  const std::string heads = p.has_heads_axis ? "(" + std::to_string(p.heads) + ", " : "(";
  check(k.size() == q.size() && (!p.has_heads_axis || k[0] == p.heads) && k[tokens + 1] == p.d, k_file, k,
        heads + "n, " + std::to_string(p.d) + ") to fit the queries");
  p.n = k[tokens];
  check(v.size() == q.size() && (!p.has_heads_axis || v[0] == p.heads) && v[tokens] == p.n, v_file, v,
        heads + std::to_string(p.n) + ", e) to fit the keys");
  p.e = v[tokens + 1];
  const bool map = !traits(p.kind).low_rank || has_mask(p.kind);
  if (map && static_cast<std::size_t>(p.m) * static_cast<std::size_t>(p.n) > kMaxNpyElements) {
    throw InputError(q_file, "",
                     "an attention map of " + std::to_string(p.m) + " x " + std::to_string(p.n) +
                         " entries is too large: at most " + std::to_string(kMaxNpyElements));
  }
}

}  // namespace

bool has_mask(AttentionKind kind) {
  return traits(kind).uses_mask || kind == AttentionKind::kTaylorReleased;
}

AttentionKind parse_attention_kind(const po::variables_map& values) {
  required(values, "kind");
  std::vector<std::string> names;
  std::vector<AttentionKind> kinds;
  for (const AttentionKind kind : all_of_enum<AttentionKind>()) {
    if (kind == AttentionKind::kAuto) continue;
    kinds.push_back(kind);
    names.emplace_back(to_string(kind));
  }
  return kinds[choice(values["kind"].as<std::string>(), "kind", names)];
}

AttentionProblem read_attention_problem(const po::variables_map& values) {
  AttentionProblem p;
  p.kind = parse_attention_kind(values);
  p.predictor.threshold = values["threshold"].as<double>();
  if (!(p.predictor.threshold >= 0 && p.predictor.threshold <= 1))
    throw InputError("", "", "option --threshold: expected a number from 0 to 1");
  check_range("--predictor-bits", values["predictor-bits"].as<std::int64_t>(), 2, 16);
  p.predictor.bits = static_cast<int>(values["predictor-bits"].as<std::int64_t>());
  p.predictor.normalize_qk = choice(values["normalize-qk"].as<std::string>(), "normalize-qk", {"on", "off"}) == 0;
  p.precision =
      static_cast<Precision>(choice(values["precision"].as<std::string>(), "precision", enum_names<Precision>()));
  const std::string q = required(values, "q"), k = required(values, "k"), v = required(values, "v");
  NpyRules rules;
  rules.layout = "tokens x features or heads x tokens x features";
  p.q = read_npy(q, rules);
  p.k = read_npy(k, rules);
  p.v = read_npy(v, rules);
  check_shapes(p, k, v, q);
  return p;
}

MatrixD head_of(const NpyArray& array, int head) {
  const std::size_t axes = array.shape.size();
  MatrixD matrix(array.shape[axes - 2], array.shape[axes - 1]);
  std::copy_n(array.values.begin() + static_cast<std::ptrdiff_t>(matrix.size()) * head, matrix.size(), matrix.data());
  return matrix;
}

HeadsOutput::HeadsOutput(const AttentionProblem& p, int rows, int cols, NpyType type) : type_(type) {
  if (p.has_heads_axis) shape_.push_back(p.heads);
  shape_.push_back(rows);
  shape_.push_back(cols);
}

void HeadsOutput::check_finite(const char* name) const {
  if (std::all_of(values_.begin(), values_.end(), [](double x) { return std::isfinite(x); })) return;
  throw InputError("", "", std::string(name) + " overflows: the inputs are too large for this precision");
}

}  // namespace vitality::cli
