#include "import/draft.h"

#include <algorithm>
#include <numeric>

#include "base/units.h"
#include "reference/layers.h"

namespace vitality::importing {
namespace {

// Rows and columns of a view's places in a matrix with this many columns, if its last axis is all of them in one order.
std::optional<Tokens> tokens_in(const Tensor& view, int cols) {
  if (view.shape.empty() || view.shape.back() != cols) return std::nullopt;
  const std::vector<std::int64_t>& places = view.integer;
  Tokens tokens;
  std::vector<bool> seen(static_cast<std::size_t>(cols), false);
  for (int c = 0; c < cols; ++c) {
    const auto column = static_cast<int>(places[static_cast<std::size_t>(c)] % cols);
    if (seen[static_cast<std::size_t>(column)]) return std::nullopt;
    seen[static_cast<std::size_t>(column)] = true;
    tokens.columns.push_back(column);
  }
  for (std::size_t i = 0; i < places.size(); i += static_cast<std::size_t>(cols)) {
    const std::int64_t row = places[i] / cols;
    for (int c = 0; c < cols; ++c)
      if (places[i + static_cast<std::size_t>(c)] != row * cols + tokens.columns[static_cast<std::size_t>(c)])
        return std::nullopt;
    tokens.rows.push_back(static_cast<int>(row));
  }
  return tokens;
}

bool ascending(const std::vector<int>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != static_cast<int>(i)) return false;
  return true;
}

std::vector<int> counted(int count) {
  std::vector<int> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace

TensorPtr places_of(const std::vector<int>& rows, int cols, Shape shape) {
  Tensor places = integer_tensor(std::move(shape));
  const auto wide = static_cast<std::size_t>(cols);
  for (std::size_t i = 0; i < places.size(); ++i)
    places.integer[i] = std::int64_t{rows[i / wide]} * cols + static_cast<std::int64_t>(i % wide);
  return std::make_shared<const Tensor>(std::move(places));
}

Draft::Draft(const Graph& graph) : channels_last_(graph.channels_last) {
  const Shape& shape = graph.input_shape;
  const std::size_t first = channels_last_ ? 1 : 2;
  image_height_ = static_cast<int>(shape[first]);
  image_width_ = static_cast<int>(shape[first + 1]);
  image_cols_ = static_cast<int>(shape[channels_last_ ? 3 : 1]);
  image_rows_ = image_height_ * image_width_;
}

View Draft::image() const {
  const std::int64_t h = image_height_, w = image_width_, c = image_cols_;
  Tensor places = integer_tensor(channels_last_ ? Shape{1, h, w, c} : Shape{1, c, h, w});
  for (std::int64_t i = 0; i < h * w * c; ++i)
    places.integer[static_cast<std::size_t>(i)] = channels_last_ ? i : i % (h * w) * c + i / (h * w);
  return {kModelInput, 0, std::make_shared<const Tensor>(std::move(places)), 1};
}

View Draft::view(int source, TensorPtr places) const {
  return {source, is_model_input(source) ? 0 : at(source).version, std::move(places), 1};
}

bool Draft::current(const View& view) const {
  return is_model_input(view.source) || at(view.source).version == view.version;
}

std::pair<int, int> Draft::grid(int source) const {
  if (is_model_input(source)) return {image_height_, image_width_};
  return {at(source).height, at(source).width};
}

int Draft::add(Layer layer, std::map<std::string, MatrixD> tensors) {
  const int count = names_[layer.name]++;
  if (count > 0) {
    layer.name += "_" + std::to_string(count + 1);
    ++names_[layer.name];
  }
  DraftLayer out{std::move(layer)};
  out.tensors = std::move(tensors);
  const MatrixShape shape = output_shape(out.layer);
  out.rows = shape.rows, out.cols = shape.cols;
  const int source = out.layer.inputs[0];
  // What is known of the rows, the same as the reader of workloads finds (workload/layer_json.cpp).
  if (const auto* conv = std::get_if<Conv2d>(&out.layer.parameters)) {
    out.height = conv->out_height, out.width = conv->out_width;
  } else if (const auto* sub = std::get_if<Subsample>(&out.layer.parameters)) {
    out.height = static_cast<int>(ceil_div(sub->in_height, sub->stride));
    out.width = static_cast<int>(ceil_div(sub->in_width, sub->stride));
  } else if (const auto* unfold = std::get_if<Unfold>(&out.layer.parameters)) {
    out.patch = unfold->patch, out.unfolded_height = unfold->height, out.unfolded_width = unfold->width;
    out.windows = unfold->windows, out.shift = unfold->shift;
  } else if (const auto* fold = std::get_if<Fold>(&out.layer.parameters)) {
    out.height = fold->height, out.width = fold->width;
  } else if (const auto* pool = std::get_if<AveragePool>(&out.layer.parameters)) {
    out.height = pool->out_height, out.width = pool->out_width;
  } else if (const auto* merge = std::get_if<PatchMerge>(&out.layer.parameters)) {
    out.height = merge->in_height / merge->patch, out.width = merge->in_width / merge->patch;
  } else if (std::holds_alternative<MeanPool>(out.layer.parameters)) {
    out.height = out.width = 1;
  } else if (out.rows == rows(source)) {
    std::tie(out.height, out.width) = grid(source);
    if (!is_model_input(source)) {
      const DraftLayer& from = at(source);
      out.patch = from.patch, out.unfolded_height = from.unfolded_height, out.unfolded_width = from.unfolded_width;
      out.windows = from.windows, out.shift = from.shift;
    }
  }
  for (const int input : out.layer.inputs)
    if (!is_model_input(input)) ++at(input).readers;
  layers_.push_back(std::move(out));
  return static_cast<int>(layers_.size()) - 1;
}

std::optional<Tokens> Draft::tokens_of(const View& view) const {
  return tokens_in(*view.places, cols(view.source));
}

// The stride, if the rows are a subsampled grid, or 0.
int Draft::strided(int source, const std::vector<int>& rows) const {
  const auto [height, width] = grid(source);
  if (height == 0) return 0;
  for (int stride = 2; stride <= std::min(height, width); ++stride) {
    const int down = static_cast<int>(ceil_div(height, stride)), across = static_cast<int>(ceil_div(width, stride));
    if (static_cast<int>(rows.size()) != down * across) continue;
    bool all = true;
    for (int i = 0; i < down * across && all; ++i)
      all = rows[static_cast<std::size_t>(i)] == i / across * stride * width + i % across * stride;
    if (all) return stride;
  }
  return 0;
}

// The unfold that puts the rows of a grid into this order; nothing if there is none.
std::optional<Unfold> Draft::unfolding(int source, const std::vector<int>& rows) const {
  const auto [height, width] = grid(source);
  for (int patch = 2; patch <= std::min({height, width, 64}); ++patch) {
    if (height % patch != 0 || width % patch != 0) continue;
    for (const bool windows : {false, true}) {
      // The first pixel of shifted windows is (shift, shift).
      const Unfold unfold{height, width, patch, cols(source), windows, windows ? rows[0] / width : 0};
      bool all = unfold.shift < patch;
      for (int pixel = 0; pixel < height * width && all; ++pixel)
        all = rows[static_cast<std::size_t>(reference::unfolded_row(unfold, pixel / width, pixel % width))] == pixel;
      if (all) return unfold;
    }
  }
  return std::nullopt;
}

bool Draft::folding(int source, const std::vector<int>& rows) const {
  if (is_model_input(source) || at(source).patch == 0) return false;
  const DraftLayer& from = at(source);
  const Unfold unfold{from.unfolded_height, from.unfolded_width, from.patch, from.cols, from.windows, from.shift};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int pixel = static_cast<int>(i);
    if (rows[i] != reference::unfolded_row(unfold, pixel / unfold.width, pixel % unfold.width)) return false;
  }
  return true;
}

// The layer that moves the values of `source`; there is one for each way.
int Draft::moved(int source, const std::string& what, const LayerParameters& parameters) {
  const auto key = std::make_pair(source, what);
  if (moved_.count(key) == 0) {
    const std::string name = (is_model_input(source) ? "image" : at(source).layer.name) + "." + what;
    moved_[key] = add({name, {source}, parameters});
  }
  return moved_[key];
}

std::pair<int, std::vector<int>> Draft::arranged(int source, const std::vector<int>& rows) {
  if (ascending(rows)) return {source, rows};
  const bool all = static_cast<int>(rows.size()) == this->rows(source);
  const auto [height, width] = grid(source);
  std::string what;
  LayerParameters parameters;
  if (const std::optional<Unfold> unfold = all ? unfolding(source, rows) : std::nullopt) {
    what = !unfold->windows     ? "unfold"
           : unfold->shift == 0 ? "windows" + std::to_string(unfold->patch)
                                : "windows" + std::to_string(unfold->patch) + "_" + std::to_string(unfold->shift);
    parameters = *unfold;
  } else if (all && folding(source, rows)) {
    const DraftLayer& from = at(source);
    what = "fold";
    parameters = Fold{from.unfolded_height, from.unfolded_width, from.patch, from.cols, from.windows, from.shift};
  } else if (const int stride = all ? 0 : strided(source, rows); stride > 0) {
    what = "subsample" + std::to_string(stride);
    parameters = Subsample{height, width, stride, cols(source)};
  } else {
    return {source, rows};
  }
  return {moved(source, what, parameters), counted(static_cast<int>(rows.size()))};
}

std::optional<View> Draft::merged(const View& view) {
  const auto [height, width] = grid(view.source);
  const int cols = this->cols(view.source);
  if (height == 0 || view.shape().empty()) return std::nullopt;
  int patch = 1;
  while (std::int64_t{patch} * patch * cols < view.shape().back()) ++patch;
  const std::int64_t wide = std::int64_t{patch} * patch * cols;
  if (patch < 2 || patch > 64 || wide != view.shape().back() || height % patch != 0 || width % patch != 0)
    return std::nullopt;
  Tensor places = *view.places;
  for (std::int64_t& place : places.integer) {
    const std::int64_t pixel = place / cols, y = pixel / width, x = pixel % width;
    place = (y / patch * (width / patch) + x / patch) * wide + (x % patch * patch + y % patch) * cols + place % cols;
  }
  if (!tokens_in(places, static_cast<int>(wide))) return std::nullopt;
  const int layer = moved(view.source, "merge" + std::to_string(patch), PatchMerge{height, width, patch, cols});
  View out = this->view(layer, std::make_shared<const Tensor>(std::move(places)));
  out.scale = view.scale;
  return out;
}

std::optional<View> Draft::sliced(const View& view) {
  const int cols = this->cols(view.source), rows = this->rows(view.source);
  if (view.places->size() == 0) return std::nullopt;
  std::int64_t first = cols, last = -1;
  for (const std::int64_t place : view.places->integer)
    first = std::min(first, place % cols), last = std::max(last, place % cols);
  const auto wide = static_cast<int>(last - first + 1);
  if (wide == cols || static_cast<std::size_t>(wide) * static_cast<std::size_t>(rows) != view.places->size())
    return std::nullopt;
  Tensor places = *view.places;
  for (std::int64_t& place : places.integer) place = place / cols * wide + place % cols - first;
  const int layer = moved(view.source, "channels" + std::to_string(first) + "_" + std::to_string(last + 1),
                          Slice{0, rows, static_cast<int>(first), wide});
  View out = this->view(layer, std::make_shared<const Tensor>(std::move(places)));
  out.scale = view.scale;
  return out;
}

bool Draft::can_absorb(int source) const {
  if (is_model_input(source)) return false;
  const LayerParameters& parameters = at(source).layer.parameters;
  if (const auto* add = std::get_if<Add>(&parameters)) {
    const std::vector<int>& inputs = at(source).layer.inputs;
    return !add->mean && inputs[0] != inputs[1] && std::all_of(inputs.begin(), inputs.end(), [&](int input) {
      return !is_model_input(input) && at(input).readers == 1 && can_absorb(input);
    });
  }
  return std::holds_alternative<Linear>(parameters) || std::holds_alternative<Conv2d>(parameters) ||
         std::holds_alternative<BatchNorm>(parameters);
}

bool Draft::absorb(int source, const std::vector<double>& factor, const std::vector<double>& shift) {
  if (!can_absorb(source)) return false;
  DraftLayer& layer = at(source);
  if (std::holds_alternative<Add>(layer.layer.parameters)) {
    if (layer.readers > 0) return false;
    const std::vector<int> inputs = layer.layer.inputs;
    for (const int input : inputs) at(input).readers = 0;
    absorb(inputs[0], factor, shift);
    absorb(inputs[1], factor, std::vector<double>(shift.size(), 0.0));
    for (const int input : inputs) at(input).readers = 1;
    ++at(source).version, at(source).value = kNoValue;
    return true;
  }
  if (layer.readers > 0) return false;
  MatrixD& weight = layer.tensors["weight"];
  MatrixD& bias = layer.tensors["bias"];
  const bool shifted = std::any_of(shift.begin(), shift.end(), [](double x) { return x != 0; });
  if (bias.empty() && shifted) {
    bias = MatrixD(1, layer.cols);
    if (auto* linear = std::get_if<Linear>(&layer.layer.parameters)) linear->bias = true;
    if (auto* conv = std::get_if<Conv2d>(&layer.layer.parameters)) conv->bias = true;
  }
  for (int c = 0; c < layer.cols; ++c) {
    const auto i = static_cast<std::size_t>(c);
    for (int r = 0; r < weight.rows(); ++r) weight(r, c) *= factor[i];
    if (!bias.empty()) bias(0, c) = bias(0, c) * factor[i] + shift[i];
  }
  if (bias.empty()) layer.tensors.erase("bias");
  ++layer.version, layer.value = kNoValue;
  return true;
}

std::vector<DraftLayer> Draft::needed(int output) const {
  std::vector<bool> used(layers_.size(), false);
  used[static_cast<std::size_t>(output)] = true;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    if (!used[i]) continue;
    for (const int input : layers_[i].layer.inputs)
      if (!is_model_input(input)) used[static_cast<std::size_t>(input)] = true;
  }
  std::vector<int> number(layers_.size(), 0);
  std::vector<DraftLayer> out;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!used[i]) continue;
    number[i] = static_cast<int>(out.size());
    out.push_back(layers_[i]);
    for (int& input : out.back().layer.inputs)
      if (!is_model_input(input)) input = number[static_cast<std::size_t>(input)];
  }
  return out;
}

}  // namespace vitality::importing
