// Element-wise operators: they are collected in an expression until its values show which layer it is (expression.h).
#include <algorithm>
#include <cmath>

#include "import/recogniser.h"

namespace vitality::importing {

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

// Adds this node to an expression of the same view.
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
  View leaf = checked(expression.leaf);
  switch (found.kind) {
    case Identified::Kind::kActivation: {
      leaf = draft_.sliced(leaf).value_or(leaf);
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

// A scale, a shift per channel, or a learned matrix: the layer before absorbs it, or it becomes a layer of its own.
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
      // A batch norm whose mean is 0 and whose variance is 1 - epsilon only scales and shifts.
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

// Makes both views lie alike in two layers of one shape; false if they do not.
bool Recogniser::lie_alike(View& x, View& y) {
  for (View* one : {&x, &y})
    if (const std::optional<View> part = draft_.sliced(*one)) *one = *part;
  if (!same_places({0, 0, x.places, 1}, {0, 0, y.places, 1}) || draft_.rows(x.source) != draft_.rows(y.source)) {
    const auto from = draft_.tokens_of(x), to = draft_.tokens_of(y);
    if (from && to && from->columns == to->columns) {
      for (View* one : {&x, &y}) {
        const auto [source, rows] = draft_.arranged(one->source, one == &x ? from->rows : to->rows);
        Tensor places = *one->places;
        const auto cols = static_cast<std::size_t>(draft_.cols(source));
        for (std::size_t i = 0; i < places.size(); ++i)
          places.integer[i] = static_cast<std::int64_t>(rows[i / cols]) * draft_.cols(source) + from->columns[i % cols];
        const double scale = one->scale;
        *one = draft_.view(source, std::make_shared<const Tensor>(std::move(places)));
        one->scale = scale;
      }
    }
  }
  const int rows = draft_.rows(x.source), cols = draft_.cols(x.source);
  return same_places({0, 0, x.places, 1}, {0, 0, y.places, 1}) && draft_.rows(y.source) == rows &&
         draft_.cols(y.source) == cols &&
         x.places->size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

// The sum or the product of two values that depend on the image.
void Recogniser::combine(int a, int b) {
  View x = view_of(a), y = view_of(b);
  const bool product = node().op == "Mul";
  if (x.shape() != y.shape()) refuse("of shapes " + to_string(x.shape()) + " and " + to_string(y.shape()));
  for (View* one : {&x, &y})
    if (!product && !take_up_scale(*one)) refuse("of a scaled value whose scale no weights can take up");
  if (!lie_alike(x, y)) refuse("of values that do not lie alike in the two layers");
  const int rows = draft_.rows(x.source), cols = draft_.cols(x.source);
  const std::string scope = scope_of(node().name), kind = product ? "mul" : "add";
  const LayerParameters layer = product ? LayerParameters(Multiply{rows, cols}) : LayerParameters(Add{rows, cols});
  const double scale = x.scale * y.scale;
  View out =
      output_view(add_layer(layer_name(scope.empty() ? "" : scope + "." + kind, kind), {x.source, y.source}, layer),
                  x.places, scale == 1 ? node().outputs[0] : kNoValue);
  out.scale = scale;
  set_view(node().outputs[0], out);
}

void Recogniser::elementwise() {
  std::vector<int> operands;
  for (std::size_t i = 0; i < node().inputs.size(); ++i)
    if (has(i) && !is_constant(i)) operands.push_back(node().inputs[i]);
  // A group with a scale or shift per channel is complete, unless a further one follows.
  const bool another =
      operands.size() == 1 && is_elementwise_binary(node()) && (is_constant(0) ? constant(0) : constant(1)).size() > 1;
  for (const int value : operands) {
    if (is(value, Kind::kExpression) && symbol(value).expression->has_vectors && !another) view_of(value);
    if (!is(value, Kind::kExpression)) view_of(value);
  }
  if (operands.size() == 2) {
    const auto a = as_expression(operands[0]), b = as_expression(operands[1]);
    if (!same_places(a->leaf, b->leaf)) {
      if (node().op == "Add" || node().op == "Mul") return combine(operands[0], operands[1]);
      refuse("of two values of different layers: sums and products are known");
    }
  }
  const bool plain = operands.size() == 1 && is(operands[0], Kind::kView);
  const bool scalar = is_elementwise_binary(node()) && !another;
  const View before = plain ? symbol(operands[0]).view : View();
  if (plain && scalar && (node().op == "Mul" || (node().op == "Div" && is_constant(1)))) {
    View scaled = before;
    const double factor = (is_constant(0) ? constant(0) : constant(1)).real[0];
    scaled.scale = node().op == "Mul" ? scaled.scale * factor : scaled.scale / factor;
    // A constant with more dimensions than the value would add dimensions to it.
    if (broadcast(before.shape(), (is_constant(0) ? constant(0) : constant(1)).shape) == before.shape())
      return set_view(node().outputs[0], scaled);
  }
  extend(operands);
  if (plain && another)
    view_of(node().outputs[0]);  // one scale or shift per channel: the layer before absorbs it at
                                 // once
}

}  // namespace vitality::importing
