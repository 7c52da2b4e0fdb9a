// Operators that move, join or average elements: views with other places, tokens, pooling.
#include <algorithm>
#include <memory>
#include <set>

#include "import/layout_operators.h"
#include "import/product_operators.h"
#include "import/recogniser.h"

namespace vitality::importing {

// Reshape, Transpose, Slice, ... of a view: the same operator on its places.
void Recogniser::move_elements() {
  const View view = view_of(node().inputs[0]);
  Inputs inputs{view.places.get()};
  for (std::size_t i = 1; i < node().inputs.size(); ++i) {
    if (has(i) && !is_constant(i)) refuse("with a shape or index that depends on the image");
    inputs.push_back(has(i) ? &constant(i) : nullptr);
  }
  Outputs results = evaluate(node(), inputs, budget_);
  for (std::size_t i = 0; i < node().outputs.size() && i < results.size(); ++i) {
    View moved = view;
    moved.places = std::make_shared<const Tensor>(std::move(results[i]));
    if (node().outputs[i] != kNoValue) set_view(node().outputs[i], moved);
  }
}

// Exporters of windows write a Pad even where the windows fit.
void Recogniser::pad_nothing() {
  const View view = view_of(node().inputs[0]);
  if (!is_constant(1)) refuse("with pads that depend on the image");
  const Tensor& pads = constant(1);
  if (std::any_of(pads.integer.begin(), pads.integer.end(), [](std::int64_t pad) { return pad != 0; }))
    refuse("pads a value of the image: no layer but a convolution does");
  set_view(node().outputs[0], view);
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

// Whether every result is the mean of one column over the same rows, with all columns present.
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

void Recogniser::pool_windows(const View& view) {
  const std::vector<std::int64_t> kernel = node().integers("kernel_shape");
  if (kernel.size() != 2) refuse("over windows of " + std::to_string(kernel.size()) + " dimensions");
  const Window window = window_of(node(), view.shape(), kernel[0], kernel[1]);
  if (window.pad != 0) refuse("with zeros around the image: a mean over windows inside it is known");
  Tokens tokens;
  const int source = image_source(view, tokens);
  const auto [height, width] = draft_.grid(source);
  const int cols = draft_.cols(source);
  const AveragePool pool{height, width, window.kernel, window.stride, cols, window.out(height), window.out(width)};
  const int layer = add_layer(name_for("", "pool"), {source}, pool);
  const std::int64_t area = std::int64_t{pool.out_height} * pool.out_width;
  Tensor places = integer_tensor({1, cols, pool.out_height, pool.out_width});
  for (std::int64_t i = 0; i < cols * area; ++i)
    places.integer[static_cast<std::size_t>(i)] = i % area * cols + tokens.columns[static_cast<std::size_t>(i / area)];
  View out = output_view(layer, std::make_shared<const Tensor>(std::move(places)),
                         view.scale == 1 ? node().outputs[0] : kNoValue);
  out.scale = view.scale;
  set_view(node().outputs[0], out);
}

void Recogniser::reduce() {
  const std::string& op = node().op;
  Inputs inputs{nullptr};
  Tensor form;  // the axes depend only on the shape
  // A norm's scale and shift end its group: another norm may follow at once.
  if (is(node().inputs[0], Kind::kExpression) && symbol(node().inputs[0]).expression->has_vectors)
    view_of(node().inputs[0]);
  const bool plain = !is(node().inputs[0], Kind::kExpression);
  if (plain) view_of(node().inputs[0]);
  const std::optional<Expression> expression = plain ? std::nullopt : as_expression(node().inputs[0]);
  const View leaf = plain ? checked(symbol(node().inputs[0]).view) : expression->leaf;
  if (op == "GlobalAveragePool" || op == "AveragePool") {
    if (leaf.shape().size() != 4) refuse("on " + to_string(leaf.shape()));
    const View view = view_of(node().inputs[0]);
    const std::vector<std::int64_t> kernel = node().integers("kernel_shape");
    if (op == "AveragePool" && kernel != Shape{view.shape()[2], view.shape()[3]}) return pool_windows(view);
    if (op == "AveragePool" && window_of(node(), view.shape(), kernel[0], kernel[1]).pad != 0)
      refuse("with zeros around the image: a mean over windows inside it is known");
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
  } else if (in.kind == Kind::kProbe) {
    form.shape = in.constant->shape;
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

}  // namespace vitality::importing
