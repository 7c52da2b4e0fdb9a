#include "import/recognise.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "import/expression.h"
#include "import/layer_names.h"
#include "import/layout_operators.h"
#include "import/operators.h"
#include "import/product_operators.h"
#include "import/scores.h"

namespace vitality::importing {
namespace {

// Operators that compute something from one view, not yet told to be a layer.
struct Expression {
  View leaf;                                  // scale 1
  std::vector<std::pair<int, double>> given;  // values of the graph that are the leaf, times a scale
  std::vector<int> nodes;                     // in order
  bool has_vectors = false;                   // met a constant of more than one element: a norm's scale or shift
};

struct Symbol {
  enum class Kind { kNone, kConstant, kView, kExpression, kScores, kLogits };
  Kind kind = Kind::kNone;
  TensorPtr constant;
  View view;  // kLogits: what a final Softmax was given
  std::shared_ptr<const Expression> expression;
  std::shared_ptr<const Scores> scores;
};

bool same_places(const View& a, const View& b) {
  return a.source == b.source && a.version == b.version && a.shape() == b.shape() &&
         (a.places == b.places || a.places->integer == b.places->integer);
}

class Recogniser {
 public:
  explicit Recogniser(const Graph& graph)
      : graph_(graph), draft_(graph), symbols_(graph.values.size()), aliases_(graph.values.size(), kNoValue) {}
  Recognised run();

 private:
  using Kind = Symbol::Kind;
  // Identity, Cast and the like give a second name to a value: both are one symbol.
  int resolved(int value) const {
    return aliases_[static_cast<std::size_t>(value)] == kNoValue ? value : aliases_[static_cast<std::size_t>(value)];
  }
  Symbol& symbol(int value) { return symbols_[static_cast<std::size_t>(resolved(value))]; }
  bool is(int value, Kind kind) { return value != kNoValue && symbol(value).kind == kind; }
  bool is_constant(std::size_t i) { return i < node().inputs.size() && is(node().inputs[i], Kind::kConstant); }
  const Tensor& constant(std::size_t i) { return *symbol(node().inputs[i]).constant; }
  bool has(std::size_t i) const { return i < node().inputs.size() && node().inputs[i] != kNoValue; }
  const Node& node() const { return graph_.nodes[static_cast<std::size_t>(index_)]; }
  [[noreturn]] void refuse(const std::string& why) const { throw NodeError(why); }
  void note(const std::string& text) {
    if (std::find(out_.notes.begin(), out_.notes.end(), text) == out_.notes.end()) out_.notes.push_back(text);
  }

  void visit();
  void fold_constants();
  void move_elements();
  void concatenate();
  void concatenate_tokens(const std::vector<const Tensor*>& front, const View& view);
  void concatenate_channels(const std::vector<View>& views);
  void linear();
  void convolution();
  void product();
  void scores_step();
  void softmax();
  void layer_norm();
  void batch_norm();
  void reduce();
  void shape();
  void elementwise();

  Inputs constant_inputs();
  View view_of(int value);  // makes a view of an expression by adding its layer; NodeError where it is none
  View checked(const View& view) const;
  void set_view(int value, const View& view);
  void set_constant(int value, Tensor tensor);
  std::optional<Expression> as_expression(int value);
  void extend(const std::vector<int>& operands);
  View materialise(const Expression& expression, int value);
  View layer_of(const Expression& expression, const Identified& found, int value);
  View affine(const View& leaf, const Identified& found, int value);
  View add_norm(const View& leaf, std::map<std::string, MatrixD> tensors, double epsilon, int value);
  void add_linear(const View& x, MatrixD weight, std::vector<double> bias, int weight_value, int bias_value);
  bool as_patches(const View& x, const MatrixD& weight, const std::vector<double>& bias, const std::string& name);
  void add_sum(int a, int b);
  bool pools_rows(const View& view, const std::vector<std::size_t>& axes);
  void pool_rows(const View& view, const std::vector<std::size_t>& axes, bool keep);
  int add_layer(const std::string& name, std::vector<int> inputs, LayerParameters parameters,
                std::map<std::string, MatrixD> tensors = {});
  View output_view(int layer, TensorPtr places, int value);
  std::string name_for(const std::string& owner, const char* kind) const;
  std::string owner(int value) const {
    return value == kNoValue ? "" : owner_of(graph_.values[static_cast<std::size_t>(value)]);
  }
  void finish();

  const Graph& graph_;
  Draft draft_;
  std::vector<Symbol> symbols_;
  std::vector<int> aliases_, last_use_;
  Budget budget_;
  std::int64_t folded_ = 0, most_folded_ = std::int64_t{1} << 22;  // elements of constants that nodes make
  int index_ = 0;
  Recognised out_;
};

MatrixD row_of(const std::vector<double>& values) {
  MatrixD row(1, static_cast<int>(values.size()));
  std::copy(values.begin(), values.end(), row.data());
  return row;
}

std::string Recogniser::name_for(const std::string& owner, const char* kind) const {
  const std::string scope = scope_of(node().name);
  return layer_name(!scope.empty() ? scope : owner, kind);
}

int Recogniser::add_layer(const std::string& name, std::vector<int> inputs, LayerParameters parameters,
                          std::map<std::string, MatrixD> tensors) {
  return draft_.add({name, std::move(inputs), std::move(parameters)}, std::move(tensors));
}

// The layer's output is this value of the graph: kept for the search after a difference.
View Recogniser::output_view(int layer, TensorPtr places, int value) {
  View view = draft_.view(layer, std::move(places));
  draft_.at(layer).value = value;
  draft_.at(layer).places = view.places;
  return view;
}

void Recogniser::set_view(int value, const View& view) {
  symbol(value) = Symbol();
  symbol(value).kind = Kind::kView;
  symbol(value).view = view;
}

void Recogniser::set_constant(int value, Tensor tensor) {
  symbol(value) = Symbol();
  symbol(value).kind = Kind::kConstant;
  symbol(value).constant = std::make_shared<const Tensor>(std::move(tensor));
}

View Recogniser::checked(const View& view) const {
  if (!draft_.current(view)) refuse("reads a value both before and after a scale or shift that its layer took up");
  return view;
}

Inputs Recogniser::constant_inputs() {
  Inputs inputs;
  for (const int value : node().inputs) inputs.push_back(value == kNoValue ? nullptr : symbol(value).constant.get());
  return inputs;
}

void Recogniser::fold_constants() {
  Outputs results = evaluate(node(), constant_inputs(), budget_);
  for (const Tensor& result : results) folded_ += static_cast<std::int64_t>(result.size());
  if (folded_ > most_folded_) refuse("makes constants much larger than all weights together");
  for (std::size_t i = 0; i < node().outputs.size() && i < results.size(); ++i)
    if (node().outputs[i] != kNoValue) set_constant(node().outputs[i], std::move(results[i]));
}

// Reshape, Transpose, Slice, ... of a view: the same operator on its places.
void Recogniser::move_elements() {
  const View view = view_of(node().inputs[0]);
  Inputs inputs{view.places.get()};
  for (std::size_t i = 1; i < node().inputs.size(); ++i) {
    if (has(i) && !is_constant(i)) refuse("with a shape or index that depends on the image");
    inputs.push_back(has(i) ? &constant(i) : nullptr);
  }
  Outputs results = evaluate(node(), inputs, budget_);
  for (std::size_t i = 0; i < node().outputs.size(); ++i) {
    View moved = view;
    moved.places = std::make_shared<const Tensor>(std::move(results[i]));
    if (node().outputs[i] != kNoValue) set_view(node().outputs[i], moved);
  }
}

// Tokens in front (class and distillation token), or channels of two layers side by side.
void Recogniser::concatenate() {
  std::vector<View> views;
  std::vector<const Tensor*> front;
  for (std::size_t i = 0; i < node().inputs.size(); ++i) {
    if (!is_constant(i)) {
      views.push_back(view_of(node().inputs[i]));
    } else if (views.empty()) {
      front.push_back(&constant(i));
    } else {
      refuse("puts a constant behind the tokens: tokens in front are known");
    }
  }
  Inputs places;
  const bool one_layer =
      front.empty() && std::all_of(views.begin(), views.end(), [&](const View& v) {
        return v.source == views[0].source && v.version == views[0].version && v.scale == views[0].scale;
      });
  if (one_layer) {
    for (const View& view : views) places.push_back(view.places.get());
    View joined = views[0];
    joined.places = std::make_shared<const Tensor>(evaluate(node(), places, budget_)[0]);
    return set_view(node().outputs[0], joined);
  }
  for (const View& view : views)
    if (view.scale != 1) refuse("of a scaled value");
  if (front.empty()) return concatenate_channels(views);
  if (views.size() != 1) refuse("joins constants with several layers");
  concatenate_tokens(front, views[0]);
}

// Rows of constants in front of a layer's tokens, the last one next to them.
void Recogniser::concatenate_tokens(const std::vector<const Tensor*>& front, const View& view) {
  const std::size_t axis = axis_of(node().integer("axis", 0), view.shape().size());
  const auto tokens = draft_.tokens_of(view);
  const int cols = draft_.cols(view.source);
  bool whole =
      tokens && axis + 1 < view.shape().size() && static_cast<int>(tokens->rows.size()) == draft_.rows(view.source);
  for (std::size_t i = 0; whole && i < tokens->rows.size(); ++i) whole = tokens->rows[i] == static_cast<int>(i);
  for (std::size_t i = 0; whole && i < tokens->columns.size(); ++i) whole = tokens->columns[i] == static_cast<int>(i);
  for (std::size_t i = 0; whole && i < axis; ++i) whole = view.shape()[i] == 1;
  if (!whole) refuse("joins a constant with something else than all tokens of a layer, in order");
  std::vector<double> rows;
  for (const Tensor* part : front) {
    if (!part->is_real) refuse("joins integers with tokens");
    rows.insert(rows.end(), part->real.begin(), part->real.end());
  }
  if (rows.size() % static_cast<std::size_t>(cols) != 0) refuse("joins tokens of other sizes");
  const int added = static_cast<int>(rows.size()) / cols;
  int source = view.source;
  for (int t = added; t-- > 0;) {
    const std::vector<double> row(rows.begin() + t * cols, rows.begin() + (t + 1) * cols);
    const std::string name =
        layer_name(owner(node().inputs[static_cast<std::size_t>(std::min<int>(t, static_cast<int>(front.size()) - 1))]),
                   "cls_token");
    source = add_layer(name, {source}, ConcatToken{draft_.rows(source) + 1, cols}, {{"weight", row_of(row)}});
  }
  Shape shape = view.shape();
  shape[axis] += added;
  std::vector<int> order(static_cast<std::size_t>(draft_.rows(source)));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  set_view(node().outputs[0], output_view(source, places_of(order, cols, shape), node().outputs[0]));
}

// Rows agree, columns follow each other.
void Recogniser::concatenate_channels(const std::vector<View>& views) {
  std::vector<int> inputs;
  int cols = 0;
  std::vector<Tensor> shifted;
  for (const View& view : views) {
    if (views.size() != 2) refuse("of more than two layers");
    if (draft_.rows(view.source) != draft_.rows(views[0].source)) refuse("of layers with different numbers of tokens");
    inputs.push_back(view.source);
    Tensor moved = *view.places;
    const int own = draft_.cols(view.source), sum = draft_.cols(views[0].source) + draft_.cols(views[1].source);
    for (std::int64_t& place : moved.integer) place = place / own * sum + cols + place % own;
    shifted.push_back(std::move(moved));
    cols += own;
  }
  const int layer = add_layer(name_for("", "concat"), inputs, ConcatChannels{draft_.rows(inputs[0]), cols});
  Inputs parts;
  for (const Tensor& tensor : shifted) parts.push_back(&tensor);
  auto joined = std::make_shared<const Tensor>(evaluate(node(), parts, budget_)[0]);
  set_view(node().outputs[0], output_view(layer, joined, node().outputs[0]));
}

// A linear layer on pixels of square blocks is a convolution whose stride is its kernel: patches cut by Reshape.
bool Recogniser::as_patches(const View& x, const MatrixD& weight, const std::vector<double>& bias,
                            const std::string& name) {
  const auto [height, width] = draft_.grid(x.source);
  const int cols = draft_.cols(x.source), depth = weight.rows();
  int patch = 1;
  while (patch * patch * cols < depth) ++patch;
  if (height == 0 || patch * patch * cols != depth || height % patch != 0 || width % patch != 0) return false;
  const std::vector<std::int64_t>& places = x.places->integer;
  const int across = width / patch, tokens = height / patch * across;
  if (x.shape().empty() || x.shape().back() != depth ||
      places.size() != static_cast<std::size_t>(tokens) * static_cast<std::size_t>(depth))
    return false;
  MatrixD kernel(depth, weight.cols());
  for (int k = 0; k < depth; ++k) {
    const auto pixel = static_cast<int>(places[static_cast<std::size_t>(k)] / cols), y = pixel / width,
               c = pixel % width;
    if (y >= patch || c >= patch) return false;
    const int row = (y * patch + c) * cols + static_cast<int>(places[static_cast<std::size_t>(k)] % cols);
    std::copy(weight.row(k), weight.row(k) + weight.cols(), kernel.row(row));
    for (int t = 0; t < tokens; ++t) {
      const std::int64_t shift = std::int64_t{t / across * patch * width + t % across * patch} * cols;
      if (places[static_cast<std::size_t>(t) * static_cast<std::size_t>(depth) + static_cast<std::size_t>(k)] !=
          places[static_cast<std::size_t>(k)] + shift)
        return false;
    }
  }
  std::map<std::string, MatrixD> tensors{{"weight", std::move(kernel)}};
  if (!bias.empty()) tensors["bias"] = row_of(bias);
  const Conv2d conv{cols, weight.cols(), patch, patch, 0, 1, height, width, height / patch, across, !bias.empty()};
  const int layer = add_layer(name, {x.source}, conv, std::move(tensors));
  Shape shape = x.shape();
  shape.back() = weight.cols();
  std::vector<int> rows(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int>(i);
  set_view(node().outputs[0], output_view(layer, places_of(rows, weight.cols(), shape), node().outputs[0]));
  return true;
}

void Recogniser::add_linear(const View& x, MatrixD weight, std::vector<double> bias, int weight_value, int bias_value) {
  std::string from = owner(weight_value);
  if (from.empty() || from.find("::") != std::string::npos) from = owner(bias_value);
  const std::string name = name_for(from, "linear");
  for (std::size_t i = 0; i < weight.size(); ++i) weight.data()[i] *= x.scale;
  const auto tokens = draft_.tokens_of(x);
  if (!tokens) {
    if (as_patches(x, weight, bias, name)) return;
    refuse("multiplies a value whose last axis is not all channels of one layer");
  }
  MatrixD placed(weight.rows(), weight.cols());
  for (int r = 0; r < weight.rows(); ++r)
    std::copy(weight.row(r), weight.row(r) + weight.cols(), placed.row(tokens->columns[static_cast<std::size_t>(r)]));
  auto [source, rows] = draft_.arranged(x.source, tokens->rows);
  if (rows.size() == 1 && rows[0] != 0)
    refuse("reads token " + std::to_string(rows[0]) +
           " alone: a linear layer on the first tokens is known, one that starts later is not");
  int count = 0;  // the first rows alone, where no others are asked for
  for (const int row : rows) count = std::max(count, row + 1);
  if (static_cast<int>(rows.size()) != count) count = draft_.rows(source);
  std::map<std::string, MatrixD> tensors{{"weight", std::move(placed)}};
  if (!bias.empty()) tensors["bias"] = row_of(bias);
  const Linear linear{count, draft_.cols(source), weight.cols(), !bias.empty()};
  const int layer = add_layer(name, {source}, linear, std::move(tensors));
  Shape shape = x.shape();
  shape.back() = weight.cols();
  set_view(node().outputs[0], output_view(layer, places_of(rows, weight.cols(), shape), node().outputs[0]));
}

void Recogniser::linear() {
  const bool gemm = node().op == "Gemm";
  if (is_constant(0) || !is_constant(1))
    refuse("of a constant and a value that depends on the image: x W alone is known");
  if (gemm && has(2) && !is_constant(2)) refuse("with a bias that depends on the image");
  const View x = view_of(node().inputs[0]);
  Tensor weight = constant(1);
  while (weight.shape.size() > 2 && weight.shape[0] == 1) weight.shape.erase(weight.shape.begin());
  if (!weight.is_real || weight.shape.size() != 2) refuse("with weights of shape " + to_string(weight.shape));
  if (gemm && node().integer("transA", 0) != 0) refuse("with transA");
  if (gemm && node().integer("transB", 0) != 0) weight = transpose(Node(), {&weight})[0];
  const double alpha = gemm ? node().number("alpha", 1) : 1, beta = gemm ? node().number("beta", 1) : 1;
  if (x.shape().empty() || x.shape().back() != weight.shape[0])
    refuse("shapes " + to_string(x.shape()) + " and " + to_string(weight.shape) + " do not fit");
  MatrixD matrix(static_cast<int>(weight.shape[0]), static_cast<int>(weight.shape[1]));
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = weight.real[i] * alpha;
  std::vector<double> bias;
  if (gemm && has(2)) {
    const Tensor& given = constant(2);
    for (int c = 0; c < matrix.cols(); ++c)
      bias.push_back(beta * given.real[given.size() == 1 ? 0 : static_cast<std::size_t>(c)]);
    if (given.size() != 1 && given.size() != bias.size()) refuse("with a bias of shape " + to_string(given.shape));
  }
  add_linear(x, std::move(matrix), bias, node().inputs[1], gemm && has(2) ? node().inputs[2] : kNoValue);
}

void Recogniser::convolution() {
  if (is_constant(0) || !is_constant(1) || (has(2) && !is_constant(2))) refuse("with weights that depend on the image");
  const View x = view_of(node().inputs[0]);
  const Tensor& w = constant(1);
  if (x.shape().size() != 4 || w.shape.size() != 4)
    refuse("on " + to_string(x.shape()) + ": convolutions of images are known");
  const Window window = window_of(node(), x.shape(), w.shape[2], w.shape[3]);
  Node turn;
  turn.attributes["perm"].integers = {0, 2, 3, 1};
  View last = x;
  last.places = std::make_shared<const Tensor>(transpose(turn, {x.places.get()})[0]);
  const auto tokens = draft_.tokens_of(last);
  if (!tokens) refuse("on something else than all channels of one layer");
  const auto [source, rows] = draft_.arranged(x.source, tokens->rows);
  const auto [height, width] = draft_.grid(source);
  bool whole = height == x.shape()[2] && width == x.shape()[3];
  for (std::size_t i = 0; i < rows.size() && whole; ++i) whole = rows[i] == static_cast<int>(i);
  if (!whole) refuse("on pixels in another order or grid than the layer before has");
  const int channels = draft_.cols(source), outputs = static_cast<int>(w.shape[0]), depth = channels / window.groups;
  if (channels % window.groups != 0 || outputs % window.groups != 0 || w.shape[1] != depth)
    refuse("weights of shape " + to_string(w.shape));
  const int area = window.kernel * window.kernel;
  MatrixD weight(area * depth, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < depth; ++c) {
      // The channel that the graph calls c is column columns[c]; groups need it in its place.
      const int column = window.groups == 1 ? tokens->columns[static_cast<std::size_t>(c)] : c;
      if (window.groups > 1 && tokens->columns[static_cast<std::size_t>(c)] != c)
        refuse("on channels in another order");
      for (int k = 0; k < area; ++k)
        weight(k * depth + column, o) =
            x.scale *
            w.real[(static_cast<std::size_t>(o) * static_cast<std::size_t>(depth) + static_cast<std::size_t>(c)) *
                       static_cast<std::size_t>(area) +
                   static_cast<std::size_t>(k)];
    }
  std::map<std::string, MatrixD> tensors{{"weight", std::move(weight)}};
  if (has(2)) tensors["bias"] = row_of(constant(2).real);
  if (has(2) && constant(2).size() != static_cast<std::size_t>(outputs))
    refuse("with a bias of shape " + to_string(constant(2).shape));
  const Conv2d conv{channels, outputs, window.kernel,      window.stride,     window.pad, window.groups,
                    height,   width,   window.out(height), window.out(width), has(2)};
  const int layer = add_layer(name_for(owner(node().inputs[1]), "conv"), {source}, conv, std::move(tensors));
  const std::int64_t area_out = std::int64_t{conv.out_height} * conv.out_width;
  Tensor places = integer_tensor({1, outputs, conv.out_height, conv.out_width});
  for (std::int64_t i = 0; i < outputs * area_out; ++i)
    places.integer[static_cast<std::size_t>(i)] = i % area_out * outputs + i / area_out;
  set_view(node().outputs[0], output_view(layer, std::make_shared<const Tensor>(std::move(places)), node().outputs[0]));
}

// Two values that depend on the image: Q K^T, or softmax(..) V.
void Recogniser::product() {
  const int left = node().inputs[0], right = node().inputs[1];
  if (is(left, Kind::kScores)) {
    const Scores& scores = *symbol(left).scores;
    if (!scores.normalised) refuse("of attention scores without a Softmax: only softmax attention is known");
    const View v = view_of(right);
    const auto rank = scores.shape.size();
    if (v.shape().size() != rank || v.shape()[rank - 2] != scores.shape[rank - 1]) refuse("of shapes that do not fit");
    std::string scope = scope_of(node().name);
    View z = add_attention(draft_, scores, v, layer_name(scope.empty() ? "" : scope + ".attention", "attention"));
    const int layer = z.source;
    const double scale = v.scale;
    z = output_view(layer, z.places, scale == 1 ? node().outputs[0] : kNoValue);
    z.scale = scale;
    return set_view(node().outputs[0], z);
  }
  const View q = view_of(left), k = view_of(right);
  if (q.shape().size() < 2 || q.shape().size() != k.shape().size() ||
      q.shape().back() != k.shape()[k.shape().size() - 2])
    refuse("of shapes " + to_string(q.shape()) + " and " + to_string(k.shape()) + " that do not fit as Q K^T");
  auto scores = std::make_shared<Scores>();
  scores->q = q, scores->k = k;
  scores->scale = q.scale * k.scale;
  scores->shape = q.shape();
  scores->shape.back() = k.shape().back();
  if (!std::equal(q.shape().begin(), q.shape().end() - 2, k.shape().begin()))
    refuse("of Q and K with different numbers of heads");
  Symbol& out = symbol(node().outputs[0]);
  out.kind = Kind::kScores;
  out.scores = scores;
}

// A scale, a bias or Softmax on attention scores.
void Recogniser::scores_step() {
  const std::size_t at = is(node().inputs[0], Kind::kScores) ? 0 : 1;
  auto scores = std::make_shared<Scores>(*symbol(node().inputs[at]).scores);
  const std::string& op = node().op;
  const bool constant_other = node().inputs.size() == 2 && is_constant(1 - at);
  if (op == "Softmax") {
    const std::size_t rank = scores->shape.size(),
                      axis = axis_of(node().integer("axis", node().opset < 13 ? 1 : -1), rank);
    if (axis + 1 != rank)
      refuse("runs over axis " + std::to_string(axis) + " of the scores " + to_string(scores->shape) +
             ", expected the last one, the keys");
    if (scores->normalised) refuse("runs a second time over the same scores");
    scores->normalised = true;
  } else if (op == "Reshape" && !scores->normalised && scores->bias.size() == 0) {
    refuse("of attention scores: masks of windows are not known");
  } else if (op == "Reshape") {
    refuse("of attention scores");
  } else if ((op == "Mul" || (op == "Div" && at == 0)) && constant_other && constant(1 - at).size() == 1 &&
             !scores->normalised) {
    const double factor = op == "Mul" ? constant(1 - at).real[0] : 1 / constant(1 - at).real[0];
    scores->scale *= factor;
    for (double& value : scores->bias.real) value *= factor;
  } else if (op == "Add" && constant_other && !scores->normalised && constant(1 - at).is_real) {
    if (broadcast(scores->shape, constant(1 - at).shape) != scores->shape)
      refuse("adds a bias of shape " + to_string(constant(1 - at).shape));
    Node add;
    add.op = "Add";
    scores->bias =
        scores->bias.size() == 0 ? constant(1 - at) : evaluate(add, {&scores->bias, &constant(1 - at)}, budget_)[0];
  } else if (!is_identity(node())) {
    refuse("on attention scores: a scale, a bias and Softmax are known");
  }
  Symbol& out = symbol(node().outputs[0]);
  out.kind = Kind::kScores;
  out.scores = scores;
}

void Recogniser::softmax() {
  const View view = view_of(node().inputs[0]);
  Symbol& out = symbol(node().outputs[0]);
  out = Symbol();
  out.kind = Kind::kLogits;
  out.view = view;
  out_.softmax = node();
  out_.output = node().inputs[0];
}

View Recogniser::add_norm(const View& leaf, std::map<std::string, MatrixD> tensors, double epsilon, int value) {
  const auto tokens = draft_.tokens_of(leaf);
  if (!tokens || leaf.scale != 1) refuse("normalises something else than all channels of a layer's tokens");
  for (std::size_t c = 0; c < tokens->columns.size(); ++c)
    if (tokens->columns[c] != static_cast<int>(c)) refuse("normalises channels in another order");
  auto [source, rows] = draft_.arranged(leaf.source, tokens->rows);
  const LayerNorm norm{draft_.rows(source), draft_.cols(source), epsilon};
  const int last = node().inputs.empty() ? kNoValue : node().inputs.back();
  const int layer = add_layer(name_for(owner(last), "norm"), {source}, norm, std::move(tensors));
  return output_view(layer, places_of(rows, norm.channels, leaf.shape()), value);
}

void Recogniser::layer_norm() {
  const View x = view_of(node().inputs[0]);
  if (!is_constant(1) || (has(2) && !is_constant(2))) refuse("with a scale that depends on the image");
  for (std::size_t i = 1; i < node().outputs.size(); ++i)
    if (node().outputs[i] != kNoValue) refuse("with its mean or deviation as an output");
  const std::vector<double> scale = constant(1).real,
                            shift = has(2) ? constant(2).real : std::vector<double>(scale.size(), 0.0);
  const auto axis = axis_of(node().integer("axis", -1), x.shape().size());
  if (axis + 1 != x.shape().size() || static_cast<std::int64_t>(scale.size()) != x.shape().back() ||
      shift.size() != scale.size())
    refuse("over other axes than the last");
  set_view(node().outputs[0], add_norm(x, {{"weight", row_of(scale)}, {"bias", row_of(shift)}},
                                       node().number("epsilon", 1e-5), node().outputs[0]));
}

void Recogniser::batch_norm() {
  const View x = view_of(node().inputs[0]);
  for (std::size_t i = 1; i < 5; ++i)
    if (!is_constant(i)) refuse("with parameters that depend on the image");
  if (x.shape().size() < 2 || x.scale != 1) refuse("on " + to_string(x.shape()));
  const int cols = draft_.cols(x.source);
  const AxisSplit whole = split_at(x.shape(), 1);
  if (static_cast<int>(whole.count) != cols) refuse("over another axis than all channels of a layer");
  std::map<std::string, MatrixD> tensors{{"weight", row_of(constant(1).real)},
                                         {"bias", row_of(constant(2).real)},
                                         {"running_mean", row_of(constant(3).real)},
                                         {"running_var", row_of(constant(4).real)}};
  for (const auto& [name, tensor] : tensors)
    if (tensor.cols() != cols) refuse("with " + name + " of another size than the channels");
  for (std::size_t i = 0; i < x.places->size(); ++i)
    if (x.places->integer[i] % cols != static_cast<std::int64_t>(i / whole.inner % whole.count))
      refuse("on channels in another order");
  const BatchNorm norm{draft_.rows(x.source), cols, kModelInput, node().number("epsilon", 1e-5)};
  const int layer = add_layer(name_for(owner(node().inputs[1]), "bn"), {x.source}, norm, std::move(tensors));
  set_view(node().outputs[0], output_view(layer, x.places, node().outputs[0]));
}

// Whether every result is the mean over the same rows of one column, all columns being there.
bool Recogniser::pools_rows(const View& view, const std::vector<std::size_t>& axes) {
  const int cols = draft_.cols(view.source);
  std::int64_t count = 1;
  for (const std::size_t axis : axes) count *= view.shape()[axis];
  if (count * cols != static_cast<std::int64_t>(view.places->size())) return false;
  Node turn;
  Attribute& order = turn.attributes["perm"];
  for (std::size_t i = 0; i < view.shape().size(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.integers.push_back(static_cast<std::int64_t>(i));
  for (const std::size_t axis : axes) order.integers.push_back(static_cast<std::int64_t>(axis));
  const Tensor turned = transpose(turn, {view.places.get()})[0];
  for (std::int64_t i = 0; i < count * cols; ++i) {
    const std::int64_t first = turned.integer[static_cast<std::size_t>(i % count)];
    if (turned.integer[static_cast<std::size_t>(i)] != first / cols * cols + i / count) return false;
  }
  return true;
}

void Recogniser::pool_rows(const View& view, const std::vector<std::size_t>& axes, bool keep) {
  const int cols = draft_.cols(view.source);
  std::set<std::int64_t> rows;
  for (const std::int64_t place : view.places->integer) rows.insert(place / cols);
  if (static_cast<int>(rows.size()) != draft_.rows(view.source) ||
      view.places->size() != rows.size() * static_cast<std::size_t>(cols))
    refuse("takes the mean over a part of the tokens: the mean over all of them is known");
  const int layer = add_layer(name_for("", "pool"), {view.source}, MeanPool{draft_.rows(view.source), cols});
  Shape shape;
  for (std::size_t i = 0; i < view.shape().size(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(view.shape()[i]);
    } else if (keep) {
      shape.push_back(1);
    }
  }
  View out = output_view(layer, places_of({0}, cols, shape), view.scale == 1 ? node().outputs[0] : kNoValue);
  out.scale = view.scale;
  set_view(node().outputs[0], out);
}

void Recogniser::reduce() {
  const std::string& op = node().op;
  Inputs inputs{nullptr};
  Tensor form;  // the shape is all that the axes need
  std::optional<Expression> expression;
  const bool plain = !is(node().inputs[0], Kind::kExpression);
  if (plain) view_of(node().inputs[0]);
  const View leaf =
      plain ? checked(symbol(node().inputs[0]).view) : (expression = as_expression(node().inputs[0]))->leaf;
  if (op == "GlobalAveragePool" || op == "AveragePool") {
    if (leaf.shape().size() != 4) refuse("on " + to_string(leaf.shape()));
    const std::vector<std::int64_t> kernel = node().integers("kernel_shape");
    if (op == "AveragePool" && (kernel != Shape{leaf.shape()[2], leaf.shape()[3]} ||
                                window_of(node(), leaf.shape(), kernel[0], kernel[1]).pad != 0))
      refuse("over a part of the image: the mean over all of it is known");
    const View view = view_of(node().inputs[0]);
    if (!pools_rows(view, {2, 3})) refuse("over something else than the pixels of a layer");
    return pool_rows(view, {2, 3}, true);
  }
  form.is_real = false;
  form.shape = leaf.shape();
  if (has(1) && !is_constant(1)) refuse("over axes that depend on the image");
  const std::vector<std::size_t> axes = reduced_axes(node(), {&form, has(1) ? &constant(1) : nullptr});
  if (op == "ReduceMean" && pools_rows(leaf, axes))
    return pool_rows(view_of(node().inputs[0]), axes, node().integer("keepdims", 1) != 0);
  extend({node().inputs[0]});
}

void Recogniser::shape() {
  const Symbol& in = symbol(node().inputs[0]);
  Tensor form;
  form.is_real = false;
  if (in.kind == Kind::kView || in.kind == Kind::kLogits) {
    form.shape = in.view.shape();
  } else if (in.kind == Kind::kExpression) {
    form.shape = view_of(node().inputs[0]).shape();
  } else {
    form.shape = in.scores->shape;
  }
  set_constant(node().outputs[0],
               node().op == "Size" ? integer_vector({element_count(form.shape)}) : shape_of(node(), {&form})[0]);
  if (node().op == "Size")
    symbol(node().outputs[0]).constant = std::make_shared<const Tensor>(size_of(node(), {in.view.places.get()})[0]);
}

std::optional<Expression> Recogniser::as_expression(int value) {
  const Symbol& in = symbol(value);
  if (in.kind == Kind::kExpression) return *in.expression;
  if (in.kind != Kind::kView) return std::nullopt;
  Expression out;
  out.leaf = checked(in.view);
  out.given = {{resolved(value), out.leaf.scale}};
  out.leaf.scale = 1;
  return out;
}

// This node as one more step from the same view.
void Recogniser::extend(const std::vector<int>& operands) {
  Expression joined = *as_expression(operands[0]);
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const Expression other = *as_expression(operands[i]);
    joined.given.insert(joined.given.end(), other.given.begin(), other.given.end());
    joined.nodes.insert(joined.nodes.end(), other.nodes.begin(), other.nodes.end());
    joined.has_vectors = joined.has_vectors || other.has_vectors;
  }
  std::sort(joined.nodes.begin(), joined.nodes.end());
  joined.nodes.erase(std::unique(joined.nodes.begin(), joined.nodes.end()), joined.nodes.end());
  if (joined.nodes.size() > 40) refuse("is the 41st operator on one value that make no known layer");
  joined.nodes.push_back(index_);
  for (std::size_t i = 0; i < node().inputs.size(); ++i)
    joined.has_vectors = joined.has_vectors || (is_constant(i) && constant(i).is_real && constant(i).size() > 1);
  Symbol& out = symbol(node().outputs[0]);
  out = Symbol();
  out.kind = Kind::kExpression;
  out.expression = std::make_shared<const Expression>(std::move(joined));
}

View Recogniser::view_of(int value) {
  if (value == kNoValue) refuse("lacks an input");
  const Symbol in = symbol(value);
  switch (in.kind) {
    case Kind::kView:
      return checked(in.view);
    case Kind::kExpression: {
      // Errors name the operator that ends the group, not the one that reads its result.
      const int reader = index_;
      index_ = in.expression->nodes.back();
      const View view = materialise(*in.expression, value);
      index_ = reader;
      set_view(value, view);
      return view;
    }
    case Kind::kScores:
      refuse("on attention scores: a scale, a bias, Softmax and the product with V are known");
    case Kind::kLogits:
      refuse("behind a Softmax that is not part of attention");
    case Kind::kConstant:
      refuse("on a constant where a value of the image is expected");
    case Kind::kNone:
      break;
  }
  refuse("reads a value that is not known");
}

View Recogniser::materialise(const Expression& expression, int value) {
  const TensorFunction function = [&](const Tensor& x) {
    std::map<int, Tensor> values;
    for (const auto& [given, scale] : expression.given) {
      Tensor& scaled = values[given] = x;
      if (scale != 1)
        for (double& element : scaled.real) element *= scale;
    }
    for (const int i : expression.nodes) {
      const Node& step = graph_.nodes[static_cast<std::size_t>(i)];
      Inputs inputs;
      for (const int input : step.inputs) {
        const auto found = input == kNoValue ? values.end() : values.find(resolved(input));
        inputs.push_back(input == kNoValue       ? nullptr
                         : found != values.end() ? &found->second
                                                 : symbol(input).constant.get());
      }
      values[step.outputs[0]] = std::move(evaluate(step, inputs, budget_)[0]);
    }
    return values[graph_.nodes[static_cast<std::size_t>(expression.nodes.back())].outputs[0]];
  };
  const auto found = identify(function, expression.leaf.shape());
  if (found) return layer_of(expression, *found, value);
  std::string operators;
  for (const int i : expression.nodes)
    operators += (operators.empty() ? "" : ", ") + graph_.nodes[static_cast<std::size_t>(i)].op;
  refuse("ends a group (" + operators +
         ") that computes no known layer: GELU, SiLU, Hardswish, ReLU, a layer norm over "
         "the channels, a scale or a shift a channel, or a position embedding");
}

View Recogniser::layer_of(const Expression& expression, const Identified& found, int value) {
  const View leaf = checked(expression.leaf);
  switch (found.kind) {
    case Identified::Kind::kActivation: {
      const Activation activation{found.activation, draft_.rows(leaf.source), draft_.cols(leaf.source)};
      const int layer = add_layer(name_for("", "act"), {leaf.source}, activation);
      return output_view(layer, leaf.places, value);
    }
    case Identified::Kind::kLayerNorm:
      return add_norm(leaf, {{"weight", row_of(found.scale.real)}, {"bias", row_of(found.shift.real)}}, found.epsilon,
                      value);
    case Identified::Kind::kAffine:
      return affine(leaf, found, value);
  }
  return leaf;
}

// A scale, a shift a channel, or a learned matrix: absorbed by the layer before, or a layer of its own.
View Recogniser::affine(const View& leaf, const Identified& found, int value) {
  const int cols = draft_.cols(leaf.source), rows = draft_.rows(leaf.source);
  const std::size_t wide = static_cast<std::size_t>(cols);
  const std::vector<double>&a = found.scale.real, &b = found.shift.real;
  const bool one_scale = std::all_of(a.begin(), a.end(), [&](double x) { return x == a[0]; });
  const bool no_shift = std::all_of(b.begin(), b.end(), [](double x) { return x == 0; });
  if (one_scale && no_shift) {
    View scaled = leaf;
    scaled.scale = a[0];
    return scaled;
  }
  const auto missing = std::nan("");
  std::vector<double> factor(wide, missing), shift(wide, missing);
  MatrixD matrix(rows, cols, missing);
  bool by_column = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto place = static_cast<std::size_t>(leaf.places->integer[i]), column = place % wide;
    if (!std::isnan(factor[column]) && factor[column] != a[i]) refuse("scales the tokens of one channel differently");
    by_column = by_column && (std::isnan(shift[column]) || shift[column] == b[i]);
    factor[column] = a[i], shift[column] = b[i];
    matrix.data()[place] = b[i];
  }
  for (const double x : factor)
    if (std::isnan(x)) refuse("scales or shifts a part of the channels");
  View out = leaf;
  const bool unit = one_scale && a[0] == 1;
  if (by_column || !unit) {
    const std::vector<double> offset = by_column ? shift : std::vector<double>(wide, 0.0);
    if (draft_.absorb(leaf.source, factor, offset)) {
      out = output_view(leaf.source, leaf.places, by_column ? value : kNoValue);
    } else {
      // A batch norm that has seen mean 0 and variance 1 - epsilon scales and shifts alone.
      std::map<std::string, MatrixD> tensors{{"weight", row_of(factor)},
                                             {"bias", row_of(offset)},
                                             {"running_mean", MatrixD(1, cols)},
                                             {"running_var", MatrixD(1, cols, 1 - kBatchNormEpsilon)}};
      const int layer =
          add_layer(name_for("", "scale"), {leaf.source}, BatchNorm{rows, cols, kModelInput}, std::move(tensors));
      out = output_view(layer, leaf.places, by_column ? value : kNoValue);
    }
  }
  if (by_column) return out;
  if (a.size() != matrix.size()) refuse("adds a matrix to a part of the tokens");
  for (std::size_t i = 0; i < matrix.size(); ++i)
    if (std::isnan(matrix.data()[i])) refuse("adds a matrix to a part of the tokens");
  std::string name;
  for (const int input : node().inputs)
    if (name.empty() && is(input, Kind::kConstant)) name = graph_.values[static_cast<std::size_t>(input)];
  const int layer = add_layer(layer_name(name.find('/') == std::string::npos ? name : "", "pos_embed"), {out.source},
                              PositionEmbedding{rows, cols}, {{"weight", std::move(matrix)}});
  return output_view(layer, leaf.places, value);
}

void Recogniser::add_sum(int a, int b) {
  View x = view_of(a), y = view_of(b);
  if (x.shape() != y.shape()) refuse("of shapes " + to_string(x.shape()) + " and " + to_string(y.shape()));
  for (View* one : {&x, &y}) {
    if (one->scale == 1) continue;
    const std::vector<double> factor(static_cast<std::size_t>(draft_.cols(one->source)), one->scale);
    if (!draft_.absorb(one->source, factor, std::vector<double>(factor.size(), 0.0)))
      refuse("of a scaled value whose scale no weights can take up");
    *one = draft_.view(one->source, one->places);
  }
  if (!same_places({0, 0, x.places, 1}, {0, 0, y.places, 1}) || draft_.rows(x.source) != draft_.rows(y.source)) {
    const auto from = draft_.tokens_of(x), to = draft_.tokens_of(y);
    if (from && to && from->columns == to->columns) {
      const auto [source_x, rows_x] = draft_.arranged(x.source, from->rows);
      const auto [source_y, rows_y] = draft_.arranged(y.source, to->rows);
      x = draft_.view(source_x, places_of(rows_x, draft_.cols(source_x), x.shape()));
      y = draft_.view(source_y, places_of(rows_y, draft_.cols(source_y), y.shape()));
    }
  }
  const int rows = draft_.rows(x.source), cols = draft_.cols(x.source);
  if (!same_places({0, 0, x.places, 1}, {0, 0, y.places, 1}) || draft_.rows(y.source) != rows ||
      draft_.cols(y.source) != cols ||
      x.places->size() != static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols))
    refuse("of values that do not lie alike in the two layers");
  const std::string scope = scope_of(node().name);
  const int layer =
      add_layer(layer_name(scope.empty() ? "" : scope + ".add", "add"), {x.source, y.source}, Add{rows, cols});
  set_view(node().outputs[0], output_view(layer, x.places, node().outputs[0]));
}

void Recogniser::elementwise() {
  std::vector<int> operands;
  for (std::size_t i = 0; i < node().inputs.size(); ++i)
    if (has(i) && !is_constant(i)) operands.push_back(node().inputs[i]);
  // A group that has met a scale or shift a channel is whole, unless a further one follows.
  const bool another =
      operands.size() == 1 && is_elementwise_binary(node()) && (is_constant(0) ? constant(0) : constant(1)).size() > 1;
  for (const int value : operands) {
    if (is(value, Kind::kExpression) && symbol(value).expression->has_vectors && !another) view_of(value);
    if (!is(value, Kind::kExpression)) view_of(value);
  }
  if (operands.size() == 2) {
    const auto a = as_expression(operands[0]), b = as_expression(operands[1]);
    if (!same_places(a->leaf, b->leaf)) {
      if (node().op == "Add") return add_sum(operands[0], operands[1]);
      refuse("of two values of different layers: a sum alone is known");
    }
  }
  const bool plain = operands.size() == 1 && is(operands[0], Kind::kView);
  const bool scalar = is_elementwise_binary(node()) && !another;
  const View before = plain ? symbol(operands[0]).view : View();
  if (plain && scalar && (node().op == "Mul" || (node().op == "Div" && is_constant(1)))) {
    View scaled = before;
    const double factor = (is_constant(0) ? constant(0) : constant(1)).real[0];
    scaled.scale = node().op == "Mul" ? scaled.scale * factor : scaled.scale / factor;
    // A constant of more dimensions than the value would add some.
    if (broadcast(before.shape(), (is_constant(0) ? constant(0) : constant(1)).shape) == before.shape())
      return set_view(node().outputs[0], scaled);
  }
  extend(operands);
  if (plain && another) view_of(node().outputs[0]);  // a shift or scale a channel: at once, into the layer before
}

void Recogniser::visit() {
  const Node& n = node();
  if (n.inputs.empty() ||
      std::all_of(n.inputs.begin(), n.inputs.end(), [&](int v) { return v == kNoValue || is(v, Kind::kConstant); })) {
    if (!is_known_operator(n)) refuse("is no operator that this program knows");
    return fold_constants();
  }
  if (n.outputs.empty()) return;
  if (!is_known_operator(n)) {
    refuse(n.domain.empty() ? "is no operator that this program knows"
                            : "is no operator that this program knows: export the graph without fused operators");
  }
  const bool scores = std::any_of(n.inputs.begin(), n.inputs.end(), [&](int v) { return is(v, Kind::kScores); });
  if (n.op == "Shape" || n.op == "Size") return shape();
  if (n.op == "MatMul" && (scores || (!is_constant(0) && !is_constant(1)))) return product();
  if (scores) return scores_step();
  if (is_identity(n)) {
    const int value = resolved(n.inputs[0]), alias = n.outputs[0];
    if (value == graph_.output || alias == kNoValue) return;
    aliases_[static_cast<std::size_t>(alias)] = value;
    int& last = last_use_[static_cast<std::size_t>(value)];
    last = std::max(last, last_use_[static_cast<std::size_t>(alias)]);
    return;
  }
  if (moves_elements(n)) return move_elements();
  if (n.op == "Concat") return concatenate();
  if (n.op == "MatMul" || n.op == "Gemm") return linear();
  if (n.op == "Conv") return convolution();
  if (n.op == "Softmax" || n.op == "LogSoftmax") return softmax();
  if (n.op == "LayerNormalization") return layer_norm();
  if (n.op == "BatchNormalization") return batch_norm();
  if (n.op == "ReduceMean" || n.op == "ReduceSum" || n.op == "ReduceSumSquare" || n.op == "GlobalAveragePool" ||
      n.op == "AveragePool")
    return reduce();
  if (is_elementwise_unary(n) || is_elementwise_binary(n)) return elementwise();
  refuse("is known on constants alone: no layer of a workload computes it");
}

void Recogniser::finish() {
  View logits = is(graph_.output, Kind::kLogits) ? checked(symbol(graph_.output).view) : view_of(graph_.output);
  if (is(graph_.output, Kind::kLogits)) {
    note("the final " + out_.softmax.op + " " + vitality::quoted(out_.softmax.name) +
         " is dropped: the workload gives the logits before it");
  } else {
    out_.output = graph_.output;
    out_.softmax = Node();
  }
  if (is_model_input(logits.source)) refuse("gives the image itself");
  const std::size_t classes = logits.places->size();
  if (logits.scale != 1) {
    const std::vector<double> factor(static_cast<std::size_t>(draft_.cols(logits.source)), logits.scale);
    if (!draft_.absorb(logits.source, factor, std::vector<double>(factor.size(), 0.0)))
      refuse("gives scaled logits whose scale no weights can take up");
  }
  DraftLayer& last = draft_.at(logits.source);
  auto* linear = std::get_if<Linear>(&last.layer.parameters);
  if (linear != nullptr && last.rows > 1 && last.readers == 0 && classes == static_cast<std::size_t>(last.cols))
    linear->rows = last.rows = 1;
  bool whole = classes == static_cast<std::size_t>(last.rows) * static_cast<std::size_t>(last.cols) && last.rows == 1;
  for (std::size_t i = 0; i < classes && whole; ++i) whole = logits.places->integer[i] == static_cast<std::int64_t>(i);
  if (!whole) refuse("gives " + to_string(logits.shape()) + ", expected the logits of one token");
  out_.layers = draft_.needed(logits.source);
}

Recognised Recogniser::run() {
  for (const auto& [value, tensor] : graph_.constants) {
    symbol(value).kind = Kind::kConstant;
    symbol(value).constant = tensor;
    most_folded_ += 4 * static_cast<std::int64_t>(tensor->size());
  }
  last_use_.assign(graph_.values.size(), -1);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    for (const int value : graph_.nodes[i].inputs)
      if (value != kNoValue) last_use_[static_cast<std::size_t>(value)] = static_cast<int>(i);
  last_use_[static_cast<std::size_t>(graph_.output)] = static_cast<int>(graph_.nodes.size());
  set_view(graph_.input, draft_.image());
  try {
    for (; index_ < static_cast<int>(graph_.nodes.size()); ++index_) {
      visit();
      // Views are large: they go with their last reader. Constants stay for the expressions that read them.
      for (const int value : node().inputs)
        if (value != kNoValue && last_use_[static_cast<std::size_t>(resolved(value))] == index_ &&
            is(value, Kind::kView))
          symbol(value) = Symbol();
    }
    index_ = static_cast<int>(graph_.nodes.size()) - 1;
    finish();
  } catch (const NodeError& error) {
    fail_at(graph_, node(), error.what());
  }
  if (graph_.quantised)
    note(
        "int8 weights are dequantised; QuantizeLinear and DequantizeLinear of activations are left out: the workload "
        "is not quantised");
  for (const std::string& type : graph_.widened) note(type + " tensors are computed with in double");
  return std::move(out_);
}

}  // namespace

Recognised recognise(const Graph& graph) {
  return Recogniser(graph).run();
}

}  // namespace vitality::importing
