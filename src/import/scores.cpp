#include "import/scores.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/units.h"
#include "import/layout_operators.h"
#include "import/score_bias.h"

namespace vitality::importing {
namespace {

// The heads of one operand: for every leading index, the rows of its tokens and the columns of its features.
struct Heads {
  int tokens = 0, depth = 0;
  std::vector<std::vector<int>> rows, columns;
};

Heads heads_of(const Draft& draft, const View& view, const char* what) {
  const Shape& shape = view.shape();
  Heads out;
  out.tokens = static_cast<int>(shape[shape.size() - 2]);
  out.depth = static_cast<int>(shape.back());
  const int cols = draft.cols(view.source);
  const std::vector<std::int64_t>& places = view.places->integer;
  const auto tokens = static_cast<std::size_t>(out.tokens), depth = static_cast<std::size_t>(out.depth);
  for (std::size_t first = 0; first < places.size(); first += tokens * depth) {
    std::vector<int> rows, columns;
    for (std::size_t i = 0; i < tokens; ++i) rows.push_back(static_cast<int>(places[first + i * depth] / cols));
    for (std::size_t e = 0; e < depth; ++e) columns.push_back(static_cast<int>(places[first + e] % cols));
    for (std::size_t i = 0; i < tokens * depth; ++i) {
      if (places[first + i] != std::int64_t{rows[i / depth]} * cols + columns[i % depth])
        throw NodeError(std::string("attention whose ") + what + " does not lie as tokens x features of one layer");
    }
    out.rows.push_back(std::move(rows));
    out.columns.push_back(std::move(columns));
  }
  return out;
}

// The leading indices, divided into instances x heads.
struct Grouping : ScorePlaces {
  int instances = 0, heads = 0;
};

Grouping grouped(const Heads& q) {
  Grouping out;
  std::vector<int> met;
  for (std::size_t i = 0; i < q.rows.size(); ++i) {
    const int first = q.rows[i][0];
    if (first % q.tokens != 0)
      throw NodeError("attention over tokens that do not lie one after the other: no windows of one image");
    for (int t = 0; t < q.tokens; ++t)
      if (q.rows[i][static_cast<std::size_t>(t)] != first + t)
        throw NodeError("attention over tokens that do not lie one after the other: no windows of one image");
    const auto instance = static_cast<std::size_t>(first / q.tokens);
    if (instance >= q.rows.size()) throw NodeError("attention over a part of the tokens");
    if (met.size() <= instance) met.resize(instance + 1, 0);
    out.instance.push_back(static_cast<int>(instance));
    out.head.push_back(met[instance]++);
  }
  out.instances = static_cast<int>(met.size());
  out.heads = met[0];
  for (const int count : met)
    if (count != out.heads) throw NodeError("attention with different numbers of heads");
  return out;
}

void check_operand(const Heads& operand, const Grouping& group, const char* what) {
  for (std::size_t i = 0; i < operand.rows.size(); ++i) {
    for (int t = 0; t < operand.tokens; ++t)
      if (operand.rows[i][static_cast<std::size_t>(t)] != group.instance[i] * operand.tokens + t)
        throw NodeError(std::string("attention whose ") + what + " has other tokens than one instance's, in order");
    for (std::size_t j = 0; j < i; ++j)
      if (group.head[i] == group.head[j] && operand.columns[i] != operand.columns[j])
        throw NodeError("attention whose heads differ between instances");
  }
}

struct Operand {
  int source;
  Heads heads;
  std::vector<std::vector<int>> columns;  // by head
};

// Whether head h's columns are offset + h * stride + 0, 1, 2, ...
bool lies(const Operand& operand, int offset, int stride) {
  for (std::size_t h = 0; h < operand.columns.size(); ++h)
    for (std::size_t e = 0; e < operand.columns[h].size(); ++e)
      if (operand.columns[h][e] != offset + static_cast<int>(h) * stride + static_cast<int>(e)) return false;
  return true;
}

// The layout with these columns, as layer_json.cpp names it; "" if there is none.
std::string layout_of(const Draft& draft, const Operand& q, const Operand& k, const Operand& v) {
  const int h = static_cast<int>(q.columns.size()), d = q.heads.depth, e = v.heads.depth;
  const bool kv = k.source == v.source, all = kv && q.source == k.source;
  if (all && draft.cols(q.source) == h * (2 * d + e)) {
    if (lies(q, 0, d) && lies(k, h * d, d) && lies(v, 2 * h * d, e)) return "qkv";
    if (lies(q, 0, 2 * d + e) && lies(k, d, 2 * d + e) && lies(v, 2 * d, 2 * d + e)) return "qkv_per_head";
  }
  if (kv && !all && draft.cols(q.source) == h * d && draft.cols(k.source) == h * (d + e) && lies(q, 0, d)) {
    if (lies(k, 0, d + e) && lies(v, d, d + e)) return "q_and_kv_per_head";
    if (lies(k, 0, d) && lies(v, h * d, e)) return "q_and_kv";
  }
  if (q.source != k.source && !kv && q.source != v.source && draft.cols(q.source) == h * d &&
      draft.cols(k.source) == h * d && draft.cols(v.source) == h * e && lies(q, 0, d) && lies(k, 0, d) && lies(v, 0, e))
    return "q_and_k_and_v";
  return "";
}

// Makes a linear layer with only these columns of another layer's outputs.
Operand split_off(Draft& draft, const Operand& from, const std::string& name) {
  const DraftLayer whole = draft.at(from.source);
  const auto* linear = std::get_if<Linear>(&whole.layer.parameters);
  if (linear == nullptr)
    throw NodeError("attention whose heads lie in an order that no layout has, in a layer that is not linear");
  const int outputs = static_cast<int>(from.columns.size()) * from.heads.depth;
  Linear part{linear->rows, linear->in_features, outputs, linear->bias};
  std::map<std::string, MatrixD> tensors;
  for (const auto& [key, matrix] : whole.tensors) {
    MatrixD picked(matrix.rows(), outputs);
    for (int r = 0; r < matrix.rows(); ++r)
      for (int c = 0; c < outputs; ++c)
        picked(r, c) = matrix(r, from.columns[static_cast<std::size_t>(c / from.heads.depth)]
                                             [static_cast<std::size_t>(c % from.heads.depth)]);
    tensors[key] = std::move(picked);
  }
  Operand out = from;
  out.source = draft.add({name, whole.layer.inputs, part}, std::move(tensors));
  for (std::size_t h = 0; h < out.columns.size(); ++h)
    for (std::size_t e = 0; e < out.columns[h].size(); ++e)
      out.columns[h][e] = static_cast<int>(h) * from.heads.depth + static_cast<int>(e);
  return out;
}

// Multiplies the columns of Q by `factor`, in the layer that computes them.
void scale_queries(Draft& draft, const Operand& q, double factor) {
  DraftLayer& layer = draft.at(q.source);
  std::vector<double> factors(static_cast<std::size_t>(layer.cols), 1.0);
  for (const std::vector<int>& columns : q.columns)
    for (const int c : columns) factors[static_cast<std::size_t>(c)] = factor;
  if (is_model_input(q.source) || !draft.absorb(q.source, factors, std::vector<double>(factors.size(), 0.0)))
    throw NodeError("attention with a scale other than 1 / sqrt(d) whose queries are not a linear layer's own");
}

bool is_zero(const Tensor& tensor) {
  return std::all_of(tensor.real.begin(), tensor.real.end(), [](double x) { return x == 0; });
}

Operand operand(const Draft& draft, const View& view, const char* what) {
  if (!draft.current(view))
    throw NodeError(std::string(what) + " is used before and after its weights took up a scale");
  return {view.source, heads_of(draft, view, what), {}};
}

void set_columns(Operand& operand, const Grouping& group) {
  operand.columns.resize(static_cast<std::size_t>(group.heads));
  for (std::size_t i = 0; i < operand.heads.columns.size(); ++i)
    operand.columns[static_cast<std::size_t>(group.head[i])] = operand.heads.columns[i];
}

View transposed(const View& view) {
  Node turn;
  for (std::size_t i = 0; i < view.shape().size(); ++i)
    turn.attributes["perm"].integers.push_back(static_cast<std::int64_t>(i));
  std::swap(turn.attributes["perm"].integers.end()[-1], turn.attributes["perm"].integers.end()[-2]);
  View out = view;
  out.places = std::make_shared<const Tensor>(transpose(turn, {view.places.get()})[0]);
  return out;
}

}  // namespace

View add_attention(Draft& draft, const Scores& scores, const View& v_view, const std::string& name) {
  Operand q = operand(draft, scores.q, "Q"), k = operand(draft, transposed(scores.k), "K"),
          v = operand(draft, v_view, "V");
  if (q.heads.rows.size() != k.heads.rows.size() || q.heads.rows.size() != v.heads.rows.size())
    throw NodeError("attention whose Q, K and V have different numbers of heads");
  const Grouping group = grouped(q.heads);
  check_operand(k.heads, group, "K");
  check_operand(v.heads, group, "V");
  check_operand(q.heads, group, "Q");
  for (Operand* one : {&q, &k, &v}) set_columns(*one, group);
  Attention a{
      group.heads, group.instances, q.heads.tokens, k.heads.tokens, q.heads.depth, v.heads.depth, {}, {}, {}, 0, 0, 1};
  if (q.heads.depth != k.heads.depth || k.heads.tokens != v.heads.tokens)
    throw NodeError("attention whose Q, K and V do not fit");
  const double factor = scores.scale * std::sqrt(static_cast<double>(a.d_qk));
  if (std::fabs(factor - 1) > 1e-13) scale_queries(draft, q, factor);
  std::string layout = layout_of(draft, q, k, v);
  if (layout.empty()) {
    q = split_off(draft, q, name + ".q");
    k = split_off(draft, k, name + ".k");
    v = split_off(draft, v, name + ".v");
    layout = "q_and_k_and_v";
  }
  std::map<std::string, MatrixD> tensors;
  if (scores.bias.size() > 0 && !is_zero(scores.bias)) {
    MatrixD table = take_score_bias(draft, scores.bias, scores.shape, group, k.source, a);
    if (!table.empty()) tensors["bias"] = std::move(table);
  }
  std::vector<int> inputs{q.source};
  if (layout == "q_and_kv_per_head" || layout == "q_and_kv") inputs.push_back(k.source);
  if (layout == "q_and_k_and_v") inputs.insert(inputs.end(), {k.source, v.source});
  const int layer = draft.add({name, inputs, a}, std::move(tensors));
  draft.at(layer).layout = layout;
  Shape shape = scores.shape;
  shape.back() = a.d_v;
  Tensor places = integer_tensor(shape);
  const auto e = static_cast<std::size_t>(a.d_v), n = static_cast<std::size_t>(a.n_q);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t lead = i / e / n;
    const std::int64_t row = std::int64_t{group.instance[lead]} * a.n_q + static_cast<std::int64_t>(i / e % n);
    places.integer[i] = row * a.heads * a.d_v + group.head[lead] * a.d_v + static_cast<std::int64_t>(i % e);
  }
  return draft.view(layer, std::make_shared<const Tensor>(std::move(places)));
}

}  // namespace vitality::importing
