#include "import/product_operators.h"

#include <algorithm>
#include <cmath>

#include "import/layout_operators.h"
#include "reference/layers.h"
#include "tensor/functions.h"
#include "tensor/gemm.h"

namespace vitality::importing {
namespace {

const Tensor& real_input(const Inputs& in, std::size_t i) {
  const Tensor& x = required(in, i);
  if (!x.is_real) throw NodeError("input " + std::to_string(i) + " has integer elements");
  return x;
}

void needs_rank(const Tensor& x, std::size_t rank) {
  if (x.shape.size() != rank)
    throw NodeError("an input of shape " + to_string(x.shape) + ", expected " + std::to_string(rank) + " dimensions");
}

int narrow(std::int64_t x) {
  if (x < 0 || x > kMaxTensorElements) throw NodeError("a size of " + std::to_string(x));
  return static_cast<int>(x);
}

}  // namespace

std::int64_t product_steps(const Node& node, const Inputs& in) {
  if (node.op == "AveragePool" || node.op == "MaxPool") {
    std::int64_t area = 1;
    for (const std::int64_t side : node.integers("kernel_shape")) area *= std::clamp<std::int64_t>(side, 1, 1024);
    return in.empty() || in[0] == nullptr ? 0 : area * static_cast<std::int64_t>(in[0]->size());
  }
  if (in.size() < 2 || in[0] == nullptr || in[1] == nullptr) return 0;
  const Shape &a = in[0]->shape, &b = in[1]->shape;
  if (a.empty() || b.empty()) return 0;
  // Bounds for any operand: the elements of one side times the free size of the other.
  if (node.op == "Conv") {
    std::int64_t image = 1;
    for (std::size_t i = 2; i < a.size(); ++i) image *= a[i] + 64;
    return std::min<std::int64_t>(image, kMaxTensorElements) * static_cast<std::int64_t>(in[1]->size());
  }
  const std::int64_t free = node.op == "Gemm" ? std::max(b.front(), b.back()) : b.back();
  return static_cast<std::int64_t>(in[0]->size()) * free;
}

Outputs matmul(const Node& /*node*/, const Inputs& in) {
  Tensor a = real_input(in, 0), b = real_input(in, 1);
  if (a.shape.empty() || b.shape.empty()) throw NodeError("an input without dimensions");
  const bool row = a.shape.size() == 1, column = b.shape.size() == 1;
  if (row) a.shape.insert(a.shape.begin(), 1);
  if (column) b.shape.push_back(1);
  const int m = narrow(a.shape[a.shape.size() - 2]), k = narrow(a.shape.back()), n = narrow(b.shape.back());
  if (b.shape[b.shape.size() - 2] != k)
    throw NodeError("shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " do not fit");
  const Shape front_a(a.shape.begin(), a.shape.end() - 2), front_b(b.shape.begin(), b.shape.end() - 2);
  Shape front = broadcast(front_a, front_b), shape = front;
  shape.push_back(m), shape.push_back(n);
  Tensor out = real_tensor(shape);
  // For each matrix of the result, the matrix of each operand that it needs: these indices are broadcast like elements.
  const auto numbers = [&](const Shape& own) {
    Tensor count = integer_tensor(own);
    for (std::size_t i = 0; i < count.size(); ++i) count.integer[i] = static_cast<std::int64_t>(i);
    const Tensor target = integer_vector(front);
    return expand(Node(), {&count, &target})[0].integer;
  };
  const std::vector<std::int64_t> of_a = numbers(front_a), of_b = numbers(front_b);
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    gemm(m, n, k, a.real.data() + of_a[i] * m * k, k, b.real.data() + of_b[i] * k * n, n,
         out.real.data() + static_cast<std::int64_t>(i) * m * n, n, GemmStart::kZero);
  }
  if (column) out.shape.pop_back();
  if (row) out.shape.erase(out.shape.end() - (column ? 1 : 2));
  return {out};
}

Outputs gemm_operator(const Node& node, const Inputs& in) {
  Tensor a = real_input(in, 0), b = real_input(in, 1);
  needs_rank(a, 2), needs_rank(b, 2);
  const Node turn;
  if (node.integer("transA", 0) != 0) a = transpose(turn, {&a})[0];
  if (node.integer("transB", 0) != 0) b = transpose(turn, {&b})[0];
  if (a.shape[1] != b.shape[0])
    throw NodeError("shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " do not fit");
  Tensor out = real_tensor({a.shape[0], b.shape[1]});
  const int m = narrow(a.shape[0]), k = narrow(a.shape[1]), n = narrow(b.shape[1]);
  gemm(m, n, k, a.real.data(), k, b.real.data(), n, out.real.data(), n, GemmStart::kZero);
  const double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  for (double& value : out.real) value *= alpha;
  if (in.size() > 2 && in[2] != nullptr) {
    const Tensor target = integer_vector(out.shape);
    if (broadcast(in[2]->shape, out.shape) != out.shape) throw NodeError("a bias of shape " + to_string(in[2]->shape));
    const Tensor bias = expand(turn, {&real_input(in, 2), &target})[0];
    for (std::size_t i = 0; i < out.size(); ++i) out.real[i] += beta * bias.real[i];
  }
  return {out};
}

namespace {
// Einsum of two operands without repeated letters inside one, as transposes and one batched product.
struct Letters {
  std::string batch, rows, sums, columns;
};
Tensor ordered(const Tensor& x, const std::string& have, const std::string& want) {
  Node turn;
  Attribute& order = turn.attributes["perm"];
  for (const char letter : want) order.integers.push_back(static_cast<std::int64_t>(have.find(letter)));
  return want.empty() ? x : transpose(turn, {&x})[0];
}
std::int64_t product_of(const Tensor& x, const std::string& have, const std::string& letters) {
  std::int64_t product = 1;
  for (const char letter : letters) product *= x.shape[have.find(letter)];
  return product;
}
}  // namespace

Outputs einsum(const Node& node, const Inputs& in) {
  std::string text = node.text("equation", "");
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const std::size_t comma = text.find(','), arrow = text.find("->");
  if (in.size() != 2 || comma == std::string::npos || arrow == std::string::npos || arrow < comma ||
      text.find('.') != std::string::npos)
    throw NodeError("equation " + text + ", expected two operands and a result in letters");
  const std::string a = text.substr(0, comma), b = text.substr(comma + 1, arrow - comma - 1),
                    c = text.substr(arrow + 2);
  const Tensor &x = real_input(in, 0), &y = real_input(in, 1);
  needs_rank(x, a.size()), needs_rank(y, b.size());
  Letters part;
  const auto has = [](const std::string& s, char letter) { return s.find(letter) != std::string::npos; };
  for (const std::string* one : {&a, &b, &c})
    for (const char letter : *one)
      if (std::count(one->begin(), one->end(), letter) != 1)
        throw NodeError("equation " + text + " has a letter twice");
  for (const char letter : a) {
    std::string& into = has(b, letter) ? (has(c, letter) ? part.batch : part.sums) : part.rows;
    into += letter;
    if (has(b, letter) && x.shape[a.find(letter)] != y.shape[b.find(letter)]) throw NodeError("sizes that do not fit");
    if (!has(b, letter) && !has(c, letter)) throw NodeError("equation " + text + " sums over one operand alone");
  }
  for (const char letter : b)
    if (!has(a, letter)) part.columns += letter;
  const std::string result = part.batch + part.rows + part.columns;
  if (result.size() != c.size()) throw NodeError("equation " + text + " is not known");
  Tensor left = ordered(x, a, part.batch + part.rows + part.sums),
         right = ordered(y, b, part.batch + part.sums + part.columns);
  Shape shape;
  for (const char letter : result) shape.push_back(has(a, letter) ? x.shape[a.find(letter)] : y.shape[b.find(letter)]);
  const std::int64_t batch = product_of(x, a, part.batch), sums = product_of(x, a, part.sums);
  left.shape = {batch, product_of(x, a, part.rows), sums};
  right.shape = {batch, sums, product_of(y, b, part.columns)};
  Tensor out = matmul(node, {&left, &right})[0];
  out.shape = shape;
  return {ordered(out, result, c)};
}

Window window_of(const Node& node, const Shape& image, std::int64_t height, std::int64_t width) {
  if (image.size() != 4)
    throw NodeError("an input of shape " + to_string(image) + ", expected an image of 4 dimensions");
  const auto same = [](std::vector<std::int64_t> values, std::int64_t fallback, const char* what) {
    if (values.empty()) return fallback;
    for (const std::int64_t value : values)
      if (value != values[0]) throw NodeError(std::string(what) + " that differ between sides");
    return values[0];
  };
  if (height != width)
    throw NodeError("a kernel of " + std::to_string(height) + " x " + std::to_string(width) + ", expected a square");
  if (same(node.integers("dilations"), 1, "dilations") != 1) throw NodeError("dilations other than 1");
  if (node.integer("ceil_mode", 0) != 0) throw NodeError("ceil_mode");
  const std::int64_t stride = same(node.integers("strides"), 1, "strides"), groups = node.integer("group", 1);
  std::int64_t pad = same(node.integers("pads"), 0, "pads");
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    const auto whole = [&](std::int64_t size) {
      return std::max<std::int64_t>(
          0, (std::max<std::int64_t>(1, (size + stride - 1) / std::max<std::int64_t>(1, stride)) - 1) * stride +
                 height - size);
    };
    if (whole(image[2]) != whole(image[3]) || whole(image[2]) % 2 != 0)
      throw NodeError("pads that differ between sides");
    pad = whole(image[2]) / 2;
  } else if (automatic != "NOTSET" && automatic != "VALID") {
    throw NodeError("auto_pad " + automatic);
  }
  if (height < 1 || height > 1024 || stride < 1 || stride > 1024 || pad < 0 || pad >= height || groups < 1 ||
      groups > 65536)
    throw NodeError("a kernel, stride, padding or group count out of range");
  if (image[2] + 2 * pad < height || image[3] + 2 * pad < height) throw NodeError("a kernel larger than the image");
  return {static_cast<int>(height), static_cast<int>(stride), static_cast<int>(pad), static_cast<int>(groups)};
}

Outputs conv(const Node& node, const Inputs& in) {
  const Tensor &x = real_input(in, 0), &w = real_input(in, 1);
  needs_rank(x, 4), needs_rank(w, 4);
  const Window window = window_of(node, x.shape, w.shape[2], w.shape[3]);
  const int channels = narrow(x.shape[1]), outputs = narrow(w.shape[0]);
  if (channels % window.groups != 0 || outputs % window.groups != 0 || w.shape[1] != channels / window.groups)
    throw NodeError("weights of shape " + to_string(w.shape) + " for an image of shape " + to_string(x.shape));
  const Conv2d layer{channels,
                     outputs,
                     window.kernel,
                     window.stride,
                     window.pad,
                     window.groups,
                     narrow(x.shape[2]),
                     narrow(x.shape[3]),
                     window.out(x.shape[2]),
                     window.out(x.shape[3]),
                     false};
  const int depth = channels / window.groups, area = window.kernel * window.kernel;
  MatrixD weight(area * depth, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < depth; ++c)
      for (int k = 0; k < area; ++k)
        weight(k * depth + c, o) = w.real[(static_cast<std::size_t>(o) * depth + c) * area + k];
  std::vector<double> bias;
  if (in.size() > 2 && in[2] != nullptr) bias = real_input(in, 2).real;
  if (!bias.empty() && bias.size() != static_cast<std::size_t>(outputs)) throw NodeError("a bias of another size");
  Tensor out = real_tensor({x.shape[0], outputs, layer.out_height, layer.out_width});
  const int pixels = layer.in_height * layer.in_width, results = layer.out_height * layer.out_width;
  for (std::int64_t image = 0; image < x.shape[0]; ++image) {
    MatrixD rows(pixels, channels);
    const double* from = x.real.data() + image * pixels * channels;
    for (int c = 0; c < channels; ++c)
      for (int p = 0; p < pixels; ++p) rows(p, c) = *from++;
    const MatrixD y = reference::conv2d(layer, rows, weight, bias);
    double* to = out.real.data() + image * results * outputs;
    for (int o = 0; o < outputs; ++o)
      for (int p = 0; p < results; ++p) *to++ = y(p, o);
  }
  return {out};
}

namespace {
// Calls visit(first element, stride, count) for every row along an axis.
template <class Visit>
void each_row(const Shape& shape, std::size_t axis, Visit visit) {
  const AxisSplit whole = split_at(shape, axis);
  for (std::size_t o = 0; o < whole.outer; ++o)
    for (std::size_t i = 0; i < whole.inner; ++i) visit(o * whole.count * whole.inner + i, whole.inner, whole.count);
}
}  // namespace

Outputs softmax_operator(const Node& node, const Inputs& in) {
  Tensor x = real_input(in, 0);
  const bool flat = node.opset < 13;  // before opset 13, all axes from this one on form one row
  const std::size_t axis = axis_of(node.integer("axis", flat ? 1 : -1), x.shape.size());
  Shape shape = x.shape;
  if (flat) {
    const AxisSplit whole = split_at(shape, axis);
    shape = {static_cast<std::int64_t>(whole.outer), static_cast<std::int64_t>(whole.count * whole.inner)};
  }
  const bool log = node.op == "LogSoftmax";
  each_row(shape, flat ? 1 : axis, [&](std::size_t first, std::size_t stride, std::size_t count) {
    std::vector<double> row(count);
    for (std::size_t i = 0; i < count; ++i) row[i] = x.real[first + i * stride];
    if (count > 0) softmax(row.data(), count);
    for (std::size_t i = 0; i < count; ++i) x.real[first + i * stride] = log ? logarithm(row[i]) : row[i];
  });
  return {x};
}

Outputs layer_normalization(const Node& node, const Inputs& in) {
  Tensor x = real_input(in, 0);
  const Tensor& scale = real_input(in, 1);
  const Tensor* shift = in.size() > 2 && in[2] != nullptr ? &real_input(in, 2) : nullptr;
  const std::size_t axis = axis_of(node.integer("axis", -1), x.shape.size());
  const AxisSplit whole = split_at(x.shape, axis);
  const std::size_t count = whole.count * whole.inner;
  if (scale.size() != count || (shift != nullptr && shift->size() != count))
    throw NodeError("a scale or shift of another size");
  const std::vector<double> none(count, 0.0);
  for (std::size_t o = 0; o < whole.outer; ++o) {
    double* row = x.real.data() + o * count;
    reference::layer_norm(row, count, scale.real.data(), shift ? shift->real.data() : none.data(),
                          node.number("epsilon", 1e-5), row);
  }
  return {x};
}

Outputs batch_normalization(const Node& node, const Inputs& in) {
  Tensor x = real_input(in, 0);
  if (x.shape.size() < 2) throw NodeError("an input without channels");
  if (node.integer("training_mode", 0) != 0) throw NodeError("training_mode");
  const AxisSplit whole = split_at(x.shape, 1);
  for (std::size_t i = 1; i < 5; ++i)
    if (real_input(in, i).size() != whole.count) throw NodeError("parameters of another size than the channels");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / whole.inner % whole.count;
    const double factor = in[1]->real[c] / std::sqrt(in[4]->real[c] + node.number("epsilon", 1e-5));
    x.real[i] = (x.real[i] - in[3]->real[c]) * factor + in[2]->real[c];
  }
  return {x};
}

std::vector<std::size_t> reduced_axes(const Node& node, const Inputs& in) {
  const std::size_t rank = required(in, 0).shape.size();
  const std::vector<std::int64_t> given = integers_of(node, "axes", in, 1);
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : given) axes.push_back(axis_of(axis, rank));
  if (given.empty() && node.integer("noop_with_empty_axes", 0) == 0)
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(i);
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

namespace {
// Reduces one axis to size 1.
Tensor reduced(const Tensor& x, std::size_t axis, const std::string& op) {
  Shape shape = x.shape;
  shape[axis] = 1;
  Tensor out = x.is_real ? real_tensor(shape) : integer_tensor(shape);
  std::size_t at = 0;
  each_row(x.shape, axis, [&](std::size_t first, std::size_t stride, std::size_t count) {
    if (count == 0) throw NodeError("an axis of size 0");
    const auto fold = [&](const auto& values) {
      auto sum = values[first];
      for (std::size_t i = 1; i < count; ++i) {
        const auto value = values[first + i * stride];
        if (op == "ReduceMax") {
          sum = std::max(sum, value);
        } else if (op == "ReduceMin") {
          sum = std::min(sum, value);
        } else if (op == "ReduceProd") {
          sum *= value;
        } else {
          sum += value;
        }
      }
      return sum;
    };
    if (x.is_real) {
      out.real[at++] = fold(x.real) / (op == "ReduceMean" ? static_cast<double>(count) : 1);
    } else {
      if (op != "ReduceMax" && op != "ReduceMin") throw NodeError("an input of integers");
      out.integer[at++] = fold(x.integer);
    }
  });
  return out;
}
}  // namespace

Outputs reduce(const Node& node, const Inputs& in) {
  Tensor x = required(in, 0);
  const std::vector<std::size_t> axes = reduced_axes(node, in);
  if (node.op == "ReduceSumSquare")
    for (double& value : x.real) value *= value;
  if (node.op == "ReduceProd" && !x.is_real) {  // integers: a product of sizes of a shape
    Tensor out = integer_tensor({});
    out.integer[0] = 1;
    for (const std::int64_t value : x.integer) out.integer[0] = element_count({out.integer[0], value});
    if (x.shape.size() != 1) throw NodeError("an input of integers");
    if (node.integer("keepdims", 1) != 0) out.shape = {1};
    return {out};
  }
  for (const std::size_t axis : axes) x = reduced(x, axis, node.op);
  if (node.integer("keepdims", 1) != 0) return {x};
  for (std::size_t i = axes.size(); i-- > 0;) x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(axes[i]));
  return {x};
}

Outputs global_average_pool(const Node& /*node*/, const Inputs& in) {
  Tensor x = real_input(in, 0);
  if (x.shape.size() < 3) throw NodeError("an input without image dimensions");
  for (std::size_t axis = 2; axis < x.shape.size(); ++axis) x = reduced(x, axis, "ReduceMean");
  return {x};
}

Outputs pool(const Node& node, const Inputs& in) {
  const Tensor& x = real_input(in, 0);
  const std::vector<std::int64_t> kernel = node.integers("kernel_shape");
  if (kernel.size() != 2) throw NodeError("expected a kernel of two dimensions");
  const Window window = window_of(node, x.shape, kernel[0], kernel[1]);
  const bool mean = node.op == "AveragePool", padded = node.integer("count_include_pad", 0) != 0;
  const int height = narrow(x.shape[2]), width = narrow(x.shape[3]), rows = window.out(height),
            columns = window.out(width);
  Tensor out = real_tensor({x.shape[0], x.shape[1], rows, columns});
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int ox = static_cast<int>(i % static_cast<std::size_t>(columns)),
              oy = static_cast<int>(i / static_cast<std::size_t>(columns) % static_cast<std::size_t>(rows));
    const double* image = x.real.data() + i / static_cast<std::size_t>(columns) / static_cast<std::size_t>(rows) *
                                              static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    double sum = 0, most = -HUGE_VAL;
    int count = 0;
    for (int k = 0; k < window.kernel * window.kernel; ++k) {
      const int y = oy * window.stride - window.pad + k / window.kernel,
                c = ox * window.stride - window.pad + k % window.kernel;
      if (y < 0 || y >= height || c < 0 || c >= width) continue;
      const double value = image[y * width + c];
      sum += value, most = std::max(most, value), ++count;
    }
    out.real[i] = mean ? sum / (padded ? window.kernel * window.kernel : std::max(1, count)) : most;
  }
  return {out};
}

}  // namespace vitality::importing
