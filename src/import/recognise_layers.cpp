// Operators with weights, and attention: each becomes a layer of the workload.
#include <algorithm>

#include "import/layout_operators.h"
#include "import/product_operators.h"
#include "import/recogniser.h"
#include "import/score_bias.h"

namespace vitality::importing {

// A linear layer on the pixels of square blocks, which Reshape has cut, is a convolution whose stride equals its
// kernel.
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
  auto tokens = draft_.tokens_of(x);
  if (!tokens && as_patches(x, weight, bias, name)) return;
  const std::optional<View> other = tokens ? std::nullopt : channels_of(x);
  if (!tokens && other) tokens = draft_.tokens_of(*other);
  if (!tokens) refuse("multiplies a value whose last axis is not all channels of one layer");
  const int whole = other ? other->source : x.source;
  MatrixD placed(weight.rows(), weight.cols());
  for (int r = 0; r < weight.rows(); ++r)
    std::copy(weight.row(r), weight.row(r) + weight.cols(), placed.row(tokens->columns[static_cast<std::size_t>(r)]));
  auto [source, rows] = draft_.arranged(whole, tokens->rows);
  // Only the rows that are needed, if they follow each other.
  int first = rows[0], count = 0;
  for (const int row : rows) count += row == first + count ? 1 : 0;
  if (static_cast<int>(rows.size()) != count) first = 0, count = draft_.rows(source);
  for (int& row : rows) row -= first;
  std::map<std::string, MatrixD> tensors{{"weight", std::move(placed)}};
  if (!bias.empty()) tensors["bias"] = row_of(bias);
  const Linear linear{count, draft_.cols(source), weight.cols(), !bias.empty(), first};
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

// The layer whose whole output, as an image of channels x height x width, the view is; `tokens`: its columns' order.
int Recogniser::image_source(const View& view, Tokens& tokens) {
  Node turn;
  turn.attributes["perm"].integers = {0, 2, 3, 1};
  View last = view;
  last.places = std::make_shared<const Tensor>(transpose(turn, {view.places.get()})[0]);
  const auto found = draft_.tokens_of(last);
  if (!found) refuse("on something else than all channels of one layer");
  const auto [source, rows] = draft_.arranged(view.source, found->rows);
  const auto [height, width] = draft_.grid(source);
  bool whole = height == view.shape()[2] && width == view.shape()[3];
  for (std::size_t i = 0; i < rows.size() && whole; ++i) whole = rows[i] == static_cast<int>(i);
  if (!whole) refuse("on pixels in another order or grid than the layer before has");
  tokens = *found;
  return source;
}

// A view whose last axis is not all channels of its layer, as one of a layer that has just these.
std::optional<View> Recogniser::channels_of(const View& view) {
  const std::optional<View> merged = draft_.merged(view);
  return merged ? merged : draft_.sliced(view);
}

void Recogniser::convolution() {
  if (is_constant(0) || !is_constant(1) || (has(2) && !is_constant(2))) refuse("with weights that depend on the image");
  const View x = view_of(node().inputs[0]);
  const Tensor& w = constant(1);
  if (x.shape().size() != 4 || w.shape.size() != 4)
    refuse("on " + to_string(x.shape()) + ": convolutions of images are known");
  const Window window = window_of(node(), x.shape(), w.shape[2], w.shape[3]);
  Tokens tokens;
  const int source = image_source(x, tokens);
  const auto [height, width] = draft_.grid(source);
  const int channels = draft_.cols(source), outputs = static_cast<int>(w.shape[0]), depth = channels / window.groups;
  if (channels % window.groups != 0 || outputs % window.groups != 0 || w.shape[1] != depth)
    refuse("weights of shape " + to_string(w.shape));
  const int area = window.kernel * window.kernel;
  MatrixD weight(area * depth, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < depth; ++c) {
      // Channel c of the graph is column columns[c]. With groups, each channel must be in its own place.
      const int column = window.groups == 1 ? tokens.columns[static_cast<std::size_t>(c)] : c;
      if (window.groups > 1 && tokens.columns[static_cast<std::size_t>(c)] != c) refuse("on channels in another order");
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

// Scores that are replaced where keys are hidden, as something that is added to them.
Tensor Recogniser::hidden_scores(std::size_t scores) {
  const Tensor& other = constant(3 - scores);
  const bool sinks = std::all_of(other.real.begin(), other.real.end(), [](double x) { return x <= kHiddenScore; });
  if (!other.is_real || !sinks) refuse("replaces attention scores by numbers above -80, which hide no key");
  const Tensor zero = real_tensor({});
  return evaluate(node(), {&constant(0), scores == 2 ? &other : &zero, scores == 2 ? &zero : &other}, budget_)[0];
}

// A scale, a bias, a mask or Softmax on attention scores.
void Recogniser::scores_step() {
  std::size_t at = 0;
  while (!is(node().inputs[at], Kind::kScores)) ++at;
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
  } else if (op == "Reshape" || op == "Squeeze" || op == "Unsqueeze") {
    reshape_scores(*scores);
  } else if ((op == "Mul" || (op == "Div" && at == 0)) && constant_other && constant(1 - at).size() == 1 &&
             !scores->normalised) {
    const double factor = op == "Mul" ? constant(1 - at).real[0] : 1 / constant(1 - at).real[0];
    scores->scale *= factor;
    for (double& value : scores->bias.real) value *= factor;
  } else if (op == "Add" && constant_other && !scores->normalised && constant(1 - at).is_real) {
    add_to_scores(*scores, constant(1 - at));
  } else if (op == "Where" && at > 0 && is_constant(0) && is_constant(3 - at) && !scores->normalised) {
    add_to_scores(*scores, hidden_scores(at));
  } else if (!is_identity(node())) {
    refuse("on attention scores: a scale, a bias, a mask and Softmax are known");
  }
  Symbol& out = symbol(node().outputs[0]);
  out.kind = Kind::kScores;
  out.scores = scores;
}

void Recogniser::add_to_scores(Scores& scores, const Tensor& bias) {
  if (broadcast(scores.shape, bias.shape) != scores.shape) refuse("adds a bias of shape " + to_string(bias.shape));
  Node add;
  add.op = "Add";
  scores.bias = scores.bias.size() == 0 ? bias : evaluate(add, {&scores.bias, &bias}, budget_)[0];
}

// Windows and heads, side by side or as one axis.
void Recogniser::reshape_scores(Scores& scores) {
  if (has(1) && !is_constant(1)) refuse("with a shape that depends on the image");
  const Tensor before = integer_tensor(scores.shape);
  const Shape after = evaluate(node(), {&before, has(1) ? &constant(1) : nullptr}, budget_)[0].shape;
  const std::size_t rank = scores.shape.size();
  if (after.size() < 2 || after[after.size() - 2] != scores.shape[rank - 2] || after.back() != scores.shape[rank - 1])
    refuse("of attention scores " + to_string(scores.shape) + " to " + to_string(after) +
           ", which does not keep queries and keys");
  if (scores.bias.size() > 0) {
    const Tensor whole = integer_vector(scores.shape);
    scores.bias = expand(Node(), {&scores.bias, &whole})[0];
    scores.bias.shape = after;
  }
  scores.shape = after;
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

View Recogniser::add_norm(const View& given, std::map<std::string, MatrixD> tensors, double epsilon, int value) {
  const View leaf = draft_.tokens_of(given) ? given : channels_of(given).value_or(given);
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

}  // namespace vitality::importing
