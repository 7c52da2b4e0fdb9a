#include "import/layout_operators.h"

#include <algorithm>

namespace vitality::importing {
namespace {

std::int64_t size_at(const Shape& shape, std::size_t axis) {
  return shape[axis];
}

Tensor reshaped(const Tensor& in, Shape shape) {
  if (element_count(shape) != static_cast<std::int64_t>(in.size()))
    throw NodeError("a tensor of shape " + to_string(in.shape) + " does not fit the shape " + to_string(shape));
  Tensor out = in;
  out.shape = std::move(shape);
  return out;
}

// The axes in `axes`; a negative number counts from the end.
std::vector<bool> marked(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> mark(rank, false);
  for (const std::int64_t axis : axes) mark[axis_of(axis, rank)] = true;
  return mark;
}

}  // namespace

const Tensor& required(const Inputs& in, std::size_t i) {
  if (i >= in.size() || in[i] == nullptr) throw NodeError("input " + std::to_string(i) + " is not there");
  return *in[i];
}

std::vector<std::int64_t> integers_of(const Inputs& in, std::size_t i) {
  if (i >= in.size() || in[i] == nullptr) return {};
  if (in[i]->is_real) throw NodeError("input " + std::to_string(i) + " has real elements, expected integers");
  return in[i]->integer;
}

std::vector<std::int64_t> integers_of(const Node& node, const char* key, const Inputs& in, std::size_t i) {
  return node.has(key) ? node.integers(key) : integers_of(in, i);
}

AxisSplit split_at(const Shape& shape, std::size_t axis) {
  AxisSplit split;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::size_t& part = i < axis ? split.outer : i == axis ? split.count : split.inner;
    part *= static_cast<std::size_t>(shape[i]);
  }
  return split;
}

Outputs reshape(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  Shape shape = integers_of(in, 1);
  std::int64_t known = 1;
  int free = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && node.integer("allowzero", 0) == 0) {
      if (i >= x.shape.size()) throw NodeError("copies dimension " + std::to_string(i) + ", which the input lacks");
      shape[i] = x.shape[i];
    }
    if (shape[i] == -1) {
      if (free >= 0) throw NodeError("two sizes of -1 in the shape " + to_string(shape));
      free = static_cast<int>(i);
    } else {
      known = element_count({known, shape[i]});
    }
  }
  if (free >= 0) {
    if (known == 0 || static_cast<std::int64_t>(x.size()) % known != 0)
      throw NodeError("a tensor of shape " + to_string(x.shape) + " does not fit the shape " + to_string(shape));
    shape[static_cast<std::size_t>(free)] = static_cast<std::int64_t>(x.size()) / known;
  }
  return {reshaped(x, shape)};
}

Outputs flatten(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::int64_t given = node.integer("axis", 1), rank = static_cast<std::int64_t>(x.shape.size());
  const std::int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank) throw NodeError("axis " + std::to_string(given) + " of " + to_string(x.shape));
  std::int64_t front = 1;
  for (std::int64_t i = 0; i < axis; ++i) front *= x.shape[static_cast<std::size_t>(i)];
  return {reshaped(x, {front, front == 0 ? 0 : static_cast<std::int64_t>(x.size()) / front})};
}

Outputs squeeze(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::vector<std::int64_t> axes = integers_of(node, "axes", in, 1);
  const std::vector<bool> mark = marked(axes, x.shape.size());
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const bool drop = axes.empty() ? x.shape[i] == 1 : mark[i];
    if (drop && x.shape[i] != 1)
      throw NodeError("dimension " + std::to_string(i) + " of " + to_string(x.shape) + " is not 1");
    if (!drop) shape.push_back(x.shape[i]);
  }
  return {reshaped(x, shape)};
}

Outputs unsqueeze(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::vector<std::int64_t> axes = integers_of(node, "axes", in, 1);
  if (x.shape.size() + axes.size() > kMaxRank) throw NodeError("more than 8 dimensions");
  const std::vector<bool> mark = marked(axes, x.shape.size() + axes.size());
  if (std::count(mark.begin(), mark.end(), true) != static_cast<std::ptrdiff_t>(axes.size()))
    throw NodeError("an axis is there twice");
  Shape shape;
  std::size_t next = 0;
  for (const bool added : mark) shape.push_back(added ? 1 : x.shape[next++]);
  return {reshaped(x, shape)};
}

Outputs transpose(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::size_t rank = x.shape.size();
  std::vector<std::int64_t> order = node.integers("perm");
  if (order.empty())
    for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  if (node.has("last_two") && rank >= 2) {  // of an operand of a fused product (fused_operators.cpp)
    std::sort(order.begin(), order.end());
    if (node.integer("batch", 0) != 0) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    if (node.integer("last_two", 0) != 0) std::swap(order[rank - 1], order[rank - 2]);
  }
  std::vector<bool> seen(rank, false);
  Shape shape(rank);
  std::vector<std::size_t> strides(rank), step(rank);
  std::size_t stride = 1;
  for (std::size_t i = rank; i-- > 0;) {
    strides[i] = stride;
    stride *= static_cast<std::size_t>(x.shape[i]);
  }
  if (order.size() != rank)
    throw NodeError("perm has another length than the input's " + std::to_string(rank) + " dimensions");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t from = axis_of(order[i], rank);
    if (seen[from]) throw NodeError("perm names an axis twice");
    seen[from] = true;
    shape[i] = x.shape[from];
    step[i] = strides[from];
  }
  std::vector<std::int64_t> at(rank, 0);
  std::size_t source = 0;
  // Steps through the elements of the result and follows the place in the input.
  return {gathered(x, shape, [&](std::size_t) {
    const std::size_t found = source;
    for (std::size_t i = rank; i-- > 0;) {
      source += step[i];
      if (++at[i] < shape[i]) break;
      source -= step[i] * static_cast<std::size_t>(shape[i]);
      at[i] = 0;
    }
    return found;
  })};
}

Outputs concat(const Node& node, const Inputs& in) {
  const Tensor& first = required(in, 0);
  const std::size_t axis = axis_of(node.integer("axis", 0), first.shape.size());
  Shape shape = first.shape;
  shape[axis] = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Tensor& part = required(in, i);
    Shape rest = part.shape;
    if (rest.size() != shape.size() || part.is_real != first.is_real)
      throw NodeError("inputs of different ranks or types");
    shape[axis] += rest[axis];
    rest[axis] = first.shape[axis];
    if (rest != first.shape)
      throw NodeError("inputs of shapes " + to_string(first.shape) + " and " + to_string(part.shape));
  }
  Tensor out = first.is_real ? real_tensor(shape) : integer_tensor(shape);
  const AxisSplit whole = split_at(shape, axis);
  std::size_t before = 0;
  for (const Tensor* part : in) {
    const std::size_t length = static_cast<std::size_t>(part->shape[axis]) * whole.inner;
    for (std::size_t o = 0; o < whole.outer; ++o) {
      const std::size_t from = o * length, to = o * whole.count * whole.inner + before;
      if (first.is_real) {
        std::copy_n(part->real.begin() + static_cast<std::ptrdiff_t>(from), length,
                    out.real.begin() + static_cast<std::ptrdiff_t>(to));
      } else {
        std::copy_n(part->integer.begin() + static_cast<std::ptrdiff_t>(from), length,
                    out.integer.begin() + static_cast<std::ptrdiff_t>(to));
      }
    }
    before += length;
  }
  return {out};
}

namespace {
Tensor cut(const Tensor& x, std::size_t axis, std::size_t first, std::size_t count) {
  const AxisSplit whole = split_at(x.shape, axis);
  Shape shape = x.shape;
  shape[axis] = static_cast<std::int64_t>(count);
  const std::size_t length = count * whole.inner;
  return gathered(x, shape, [&](std::size_t i) {
    return i / length * whole.count * whole.inner + first * whole.inner + i % length;
  });
}
}  // namespace

Outputs split(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::size_t axis = axis_of(node.integer("axis", 0), x.shape.size());
  std::vector<std::int64_t> sizes = integers_of(node, "split", in, 1);
  const std::int64_t whole = size_at(x.shape, axis);
  if (sizes.empty()) {
    const auto parts = std::max<std::int64_t>(1, static_cast<std::int64_t>(node.outputs.size()));
    const std::int64_t each = (whole + parts - 1) / parts;
    for (std::int64_t left = whole; sizes.size() < node.outputs.size(); left -= sizes.back())
      sizes.push_back(std::min(each, left));
  }
  if (sizes.size() != node.outputs.size()) throw NodeError("splits into another number of parts than it has outputs");
  Outputs outputs;
  std::int64_t first = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0 || first + size > whole)
      throw NodeError("parts of other sizes than the axis of " + std::to_string(whole));
    outputs.push_back(cut(x, axis, static_cast<std::size_t>(first), static_cast<std::size_t>(size)));
    first += size;
  }
  if (first != whole) throw NodeError("parts of other sizes than the axis of " + std::to_string(whole));
  return outputs;
}

Outputs slice(const Node& /*node*/, const Inputs& in) {
  Tensor x = required(in, 0);
  const std::vector<std::int64_t> starts = integers_of(in, 1), ends = integers_of(in, 2);
  std::vector<std::int64_t> axes = integers_of(in, 3), steps = integers_of(in, 4);
  if (axes.empty())
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw NodeError("starts, ends, axes and steps of different lengths");
  for (std::size_t k = 0; k < starts.size(); ++k) {
    const std::size_t axis = axis_of(axes[k], x.shape.size());
    const std::int64_t size = x.shape[axis], step = steps[k];
    if (step == 0 || step > kMaxTensorElements || step < -kMaxTensorElements)
      throw NodeError("a step of " + std::to_string(step));
    const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    const auto place = [&](std::int64_t at) { return std::clamp(at < 0 ? at + size : at, low, high); };
    const std::int64_t first = place(starts[k]), last = place(ends[k]);
    const std::int64_t count =
        std::max<std::int64_t>(0, step > 0 ? (last - first + step - 1) / step : (first - last - step - 1) / -step);
    const AxisSplit whole = split_at(x.shape, axis);
    Shape shape = x.shape;
    shape[axis] = count;
    const auto wide = static_cast<std::size_t>(count);
    x = gathered(x, shape, [&](std::size_t i) {
      const std::size_t inner = i % whole.inner, outer = i / whole.inner / wide;
      const std::int64_t at = first + static_cast<std::int64_t>(i / whole.inner % wide) * step;
      return (outer * whole.count + static_cast<std::size_t>(at)) * whole.inner + inner;
    });
  }
  return {x};
}

Outputs gather(const Node& node, const Inputs& in) {
  const Tensor &x = required(in, 0), &indices = required(in, 1);
  const std::size_t axis = axis_of(node.integer("axis", 0), x.shape.size());
  const AxisSplit whole = split_at(x.shape, axis);
  if (indices.is_real) throw NodeError("indices that are not integers");
  const std::int64_t size = x.shape[axis];
  std::vector<std::size_t> at;
  for (const std::int64_t index : indices.integer) {
    const std::int64_t place = index < 0 ? index + size : index;
    if (place < 0 || place >= size)
      throw NodeError("index " + std::to_string(index) + " on an axis of " + std::to_string(size));
    at.push_back(static_cast<std::size_t>(place));
  }
  Shape shape(x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.shape.end());
  return {gathered(x, shape, [&](std::size_t i) {
    const std::size_t inner = i % whole.inner, outer = i / whole.inner / at.size();
    return (outer * whole.count + at[i / whole.inner % at.size()]) * whole.inner + inner;
  })};
}

namespace {
// Strides to find, for each element of `to`, the element of `from` that it reads when `from` is broadcast.
std::vector<std::size_t> broadcast_strides(const Shape& from, const Shape& to) {
  std::vector<std::size_t> strides(to.size(), 0);
  std::size_t stride = 1;
  for (std::size_t i = from.size(); i-- > 0;) {
    const std::size_t at = i + to.size() - from.size();
    strides[at] = from[i] == 1 ? 0 : stride;
    stride *= static_cast<std::size_t>(from[i]);
  }
  return strides;
}
}  // namespace

Outputs expand(const Node& /*node*/, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const Shape shape = broadcast(x.shape, integers_of(in, 1));
  const std::vector<std::size_t> strides = broadcast_strides(x.shape, shape);
  return {gathered(x, shape, [&](std::size_t i) {
    std::size_t source = 0;
    for (std::size_t axis = shape.size(); axis-- > 0; i /= static_cast<std::size_t>(shape[axis]))
      source += i % static_cast<std::size_t>(shape[axis]) * strides[axis];
    return source;
  })};
}

Outputs tile(const Node& /*node*/, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::vector<std::int64_t> repeats = integers_of(in, 1);
  if (repeats.size() != x.shape.size()) throw NodeError("repeats of another length than the input's dimensions");
  Shape shape = x.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (repeats[i] < 0 || repeats[i] > kMaxTensorElements) throw NodeError("repeats of " + std::to_string(repeats[i]));
    shape[i] *= repeats[i];
  }
  return {gathered(x, shape, [&](std::size_t i) {
    std::size_t source = 0, stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0; i /= static_cast<std::size_t>(shape[axis])) {
      source += i % static_cast<std::size_t>(shape[axis]) % static_cast<std::size_t>(x.shape[axis]) * stride;
      stride *= static_cast<std::size_t>(x.shape[axis]);
    }
    return source;
  })};
}

Outputs pad(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const std::vector<std::int64_t> pads = integers_of(in, 1);
  std::vector<std::int64_t> axes = integers_of(in, 3);
  if (in.size() < 4 || in[3] == nullptr)
    for (std::size_t i = 0; i < x.shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (node.text("mode", "constant") != "constant") throw NodeError("mode " + node.text("mode", ""));
  if (pads.size() != 2 * axes.size()) throw NodeError("pads of another length than twice the axes");
  const Tensor* const given = in.size() > 2 ? in[2] : nullptr;
  if (given != nullptr && (given->size() != 1 || given->is_real != x.is_real))
    throw NodeError("a value that is no number of the input's type");
  Shape shape = x.shape, first(x.shape.size(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], x.shape.size());
    const std::int64_t before = pads[i], after = pads[i + axes.size()];
    if (before < 0 || after < 0 || before > kMaxTensorElements || after > kMaxTensorElements)
      throw NodeError("pads of " + std::to_string(before) + " and " + std::to_string(after));
    shape[axis] += before + after, first[axis] += before;
  }
  Tensor out = x.is_real ? real_tensor(shape) : integer_tensor(shape);
  if (given != nullptr && x.is_real) std::fill(out.real.begin(), out.real.end(), given->real[0]);
  if (given != nullptr && !x.is_real) std::fill(out.integer.begin(), out.integer.end(), given->integer[0]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t rest = i, to = 0, stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0; rest /= static_cast<std::size_t>(x.shape[axis])) {
      to += (rest % static_cast<std::size_t>(x.shape[axis]) + static_cast<std::size_t>(first[axis])) * stride;
      stride *= static_cast<std::size_t>(shape[axis]);
    }
    if (x.is_real) {
      out.real[to] = x.real[i];
    } else {
      out.integer[to] = x.integer[i];
    }
  }
  return {out};
}

// Blocks of the input, each named by the first indices of it, are replaced by blocks of the updates.
Outputs scatter_nd(const Node& node, const Inputs& in) {
  Tensor out = required(in, 0);
  const Tensor &indices = required(in, 1), &updates = required(in, 2);
  if (node.text("reduction", "none") != "none") throw NodeError("reduction " + node.text("reduction", ""));
  if (indices.is_real || updates.is_real != out.is_real) throw NodeError("inputs of these types");
  if (indices.shape.empty() || indices.shape.back() < 1 ||
      indices.shape.back() > static_cast<std::int64_t>(out.shape.size()))
    throw NodeError("indices of shape " + to_string(indices.shape) + " into " + to_string(out.shape));
  const auto named = static_cast<std::size_t>(indices.shape.back());
  std::size_t block = 1;
  for (std::size_t i = named; i < out.shape.size(); ++i) block *= static_cast<std::size_t>(out.shape[i]);
  const std::size_t count = indices.size() / named;
  if (updates.size() != count * block)
    throw NodeError("updates of shape " + to_string(updates.shape) + " for indices of shape " +
                    to_string(indices.shape));
  for (std::size_t k = 0; k < count; ++k) {
    std::size_t to = 0;
    for (std::size_t i = 0; i < named; ++i) {
      const std::int64_t index = indices.integer[k * named + i], size = out.shape[i];
      if (index < -size || index >= size)
        throw NodeError("index " + std::to_string(index) + " on an axis of " + std::to_string(size));
      to = to * static_cast<std::size_t>(size) + static_cast<std::size_t>(index < 0 ? index + size : index);
    }
    for (std::size_t i = 0; i < block; ++i) {
      if (out.is_real) {
        out.real[to * block + i] = updates.real[k * block + i];
      } else {
        out.integer[to * block + i] = updates.integer[k * block + i];
      }
    }
  }
  return {out};
}

Outputs shape_of(const Node& node, const Inputs& in) {
  const Shape& shape = required(in, 0).shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t first = place(node.integer("start", 0)), last = std::max(first, place(node.integer("end", rank)));
  return {integer_vector(Shape(shape.begin() + first, shape.begin() + last))};
}

Outputs size_of(const Node& /*node*/, const Inputs& in) {
  Tensor out = integer_tensor({});
  out.integer[0] = static_cast<std::int64_t>(required(in, 0).size());
  return {out};
}

Outputs constant(const Node& node, const Inputs& /*in*/) {
  if (const auto found = node.attributes.find("value"); found != node.attributes.end() && found->second.tensor)
    return {*found->second.tensor};
  Tensor out = real_tensor({});
  if (node.has("value_float")) {
    out.real[0] = node.number("value_float", 0);
  } else if (node.has("value_int")) {
    out = integer_tensor({});
    out.integer[0] = node.integer("value_int", 0);
  } else if (node.has("value_ints")) {
    out = integer_vector(node.integers("value_ints"));
  } else if (node.has("value_floats")) {
    out.real = node.attributes.at("value_floats").numbers;
    out.shape = {static_cast<std::int64_t>(out.real.size())};
  } else {
    throw NodeError("a constant without a number");
  }
  return {out};
}

Outputs constant_of_shape(const Node& node, const Inputs& in) {
  const Shape shape = integers_of(in, 0);
  const auto found = node.attributes.find("value");
  if (found == node.attributes.end()) return {real_tensor(shape)};
  if (!found->second.tensor || found->second.tensor->size() != 1) throw NodeError("expected a value of one element");
  const Tensor& value = *found->second.tensor;
  return {gathered(value, shape, [](std::size_t) { return std::size_t{0}; })};
}

Outputs range(const Node& /*node*/, const Inputs& in) {
  const auto one = [&](std::size_t i) {
    const std::vector<std::int64_t> values = integers_of(in, i);
    if (values.size() != 1) throw NodeError("expected a start, a limit and a step that are integers");
    return values[0];
  };
  const std::int64_t first = one(0), last = one(1), step = one(2);
  if (step == 0) throw NodeError("a step of 0");
  const std::int64_t most = kMaxTensorElements;
  if (first < -most || first > most || last < -most || last > most || step < -most || step > most)
    throw NodeError("a range of more than 2^26 elements");
  std::vector<std::int64_t> values;
  for (std::int64_t at = first; step > 0 ? at < last : at > last; at += step) values.push_back(at);
  return {integer_vector(values)};
}

}  // namespace vitality::importing
