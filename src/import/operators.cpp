#include "import/operators.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "import/layout_operators.h"
#include "import/product_operators.h"
#include "tensor/functions.h"

namespace vitality::importing {
namespace {

using Unary = double (*)(double x, const Node& node);

double sigmoid(double x) {
  const double t = exponential(-std::fabs(x)), near = 1 / (1 + t);
  return x > 0 ? near : 1 - near;
}
double tanh_of(double x) {
  const double t = exponential(-2 * std::fabs(x)), magnitude = (1 - t) / (1 + t);
  return x < 0 ? -magnitude : magnitude;
}
double hard_sigmoid(double x, double alpha, double beta) {
  return std::max(0.0, std::min(1.0, alpha * x + beta));
}
double gelu_of(double x, const Node& node) {
  double y = 0;
  if (node.text("approximate", "none") == "tanh") {
    gelu_tanh(&x, 1, &y);
  } else {
    gelu(&x, 1, &y);
  }
  return y;
}

struct UnaryRow {
  const char* op;
  Unary function;
};
constexpr UnaryRow kUnary[] = {
    {"Sqrt", [](double x, const Node&) { return std::sqrt(x); }},
    {"Erf", [](double x, const Node&) { return error_function(x); }},
    {"Tanh", [](double x, const Node&) { return tanh_of(x); }},
    {"Sigmoid", [](double x, const Node&) { return sigmoid(x); }},
    {"Relu", [](double x, const Node&) { return std::max(0.0, x); }},
    {"Exp", [](double x, const Node&) { return exponential(x); }},
    {"Log", [](double x, const Node&) { return logarithm(x); }},
    {"Neg", [](double x, const Node&) { return -x; }},
    {"Abs", [](double x, const Node&) { return std::fabs(x); }},
    {"Reciprocal", [](double x, const Node&) { return 1 / x; }},
    {"Floor", [](double x, const Node&) { return std::floor(x); }},
    {"Ceil", [](double x, const Node&) { return std::ceil(x); }},
    {"HardSwish", [](double x, const Node&) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); }},
    {"HardSigmoid",
     [](double x, const Node& n) { return hard_sigmoid(x, n.number("alpha", 0.2), n.number("beta", 0.5)); }},
    {"Gelu", gelu_of},
    {"FastGelu", [](double x, const Node&) { return gelu_tanh(&x, 1, &x), x; }},
    {"QuickGelu", [](double x, const Node& n) { return x * sigmoid(n.number("alpha", 1.702) * x); }},
    {"Elu", [](double x, const Node& n) { return x < 0 ? n.number("alpha", 1) * (exponential(x) - 1) : x; }},
    {"Softplus", [](double x, const Node&) { return std::max(x, 0.0) + logarithm(1 + exponential(-std::fabs(x))); }},
    {"LeakyRelu", [](double x, const Node& n) { return x < 0 ? x * n.number("alpha", 0.01) : x; }},
};

Unary unary(const Node& node) {
  for (const UnaryRow& row : kUnary)
    if (node.op == row.op) return row.function;
  return nullptr;
}

double power_of(double x, double y) {
  if (y == 0.5) return std::sqrt(x);
  const double rounded = std::nearbyint(y);
  if (rounded == y && std::fabs(y) <= 64) {
    double product = 1;
    for (int i = 0; i < static_cast<int>(std::fabs(y)); ++i) product *= x;
    return y < 0 ? 1 / product : product;
  }
  return exponential(y * logarithm(x));
}

using RealBinary = double (*)(double, double);
using IntegerBinary = std::int64_t (*)(std::int64_t, std::int64_t);
struct BinaryRow {
  const char* op;
  RealBinary real;
  IntegerBinary integer;  // nullptr: not defined for integers
};
std::int64_t wrap(std::uint64_t x) {
  return static_cast<std::int64_t>(x);
}
std::uint64_t bits(std::int64_t x) {
  return static_cast<std::uint64_t>(x);
}
std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if (b == 0) throw NodeError("an integer division by 0");
  return b == -1 ? wrap(0 - bits(a)) : a / b;
}
std::int64_t remainder_of(std::int64_t a, std::int64_t b) {
  if (b == 0) throw NodeError("an integer division by 0");
  const std::int64_t rest = b == -1 ? 0 : a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
using I = std::int64_t;
constexpr BinaryRow kBinary[] = {
    {"Add", [](double a, double b) { return a + b; }, [](I a, I b) { return wrap(bits(a) + bits(b)); }},
    {"Sub", [](double a, double b) { return a - b; }, [](I a, I b) { return wrap(bits(a) - bits(b)); }},
    {"Mul", [](double a, double b) { return a * b; }, [](I a, I b) { return wrap(bits(a) * bits(b)); }},
    {"Div", [](double a, double b) { return a / b; }, quotient},
    {"Pow", power_of,
     [](I a, I b) { return static_cast<I>(power_of(static_cast<double>(a), static_cast<double>(b))); }},
    {"Min", [](double a, double b) { return std::min(a, b); }, [](I a, I b) { return std::min(a, b); }},
    {"Max", [](double a, double b) { return std::max(a, b); }, [](I a, I b) { return std::max(a, b); }},
    {"Mod", nullptr, remainder_of},
    {"And", nullptr, [](I a, I b) { return I{a != 0 && b != 0}; }},
    {"Or", nullptr, [](I a, I b) { return I{a != 0 || b != 0}; }},
};
struct ComparisonRow {
  const char* op;
  bool (*real)(double, double);
  bool (*integer)(I, I);
};
constexpr ComparisonRow kComparisons[] = {
    {"Equal", [](double a, double b) { return a == b; }, [](I a, I b) { return a == b; }},
    {"Greater", [](double a, double b) { return a > b; }, [](I a, I b) { return a > b; }},
    {"Less", [](double a, double b) { return a < b; }, [](I a, I b) { return a < b; }},
    {"GreaterOrEqual", [](double a, double b) { return a >= b; }, [](I a, I b) { return a >= b; }},
    {"LessOrEqual", [](double a, double b) { return a <= b; }, [](I a, I b) { return a <= b; }},
};

const BinaryRow* binary(const Node& node) {
  for (const BinaryRow& row : kBinary)
    if (node.op == row.op) return &row;
  return nullptr;
}
const ComparisonRow* comparison(const Node& node) {
  for (const ComparisonRow& row : kComparisons)
    if (node.op == row.op) return &row;
  return nullptr;
}

// A tensor seen in a broadcast shape.
Tensor spread(const Tensor& x, const Shape& shape) {
  if (x.shape == shape) return x;
  const Tensor target = integer_vector(shape);
  return expand(Node(), {&x, &target})[0];
}

Outputs apply_unary(const Node& node, const Inputs& in) {
  Tensor x = required(in, 0);
  if (!x.is_real) {
    if (node.op != "Neg" && node.op != "Abs") throw NodeError("an input of integers");
    for (I& value : x.integer) value = node.op == "Neg" || value < 0 ? wrap(0 - bits(value)) : value;
    return {x};
  }
  const Unary function = unary(node);
  if (node.op == "Gelu" && node.text("approximate", "none") == "none") {
    gelu(x.real.data(), x.size(), x.real.data());
  } else {
    for (double& value : x.real) value = function(value, node);
  }
  return {x};
}

Outputs apply_binary(const Node& node, const Inputs& in) {
  const BinaryRow& row = *binary(node);
  Tensor out = required(in, 0);
  for (std::size_t k = 1; k < in.size(); ++k) {
    const Tensor& next = required(in, k);
    if (next.is_real != out.is_real) throw NodeError("a real and an integer input");
    const Shape shape = broadcast(out.shape, next.shape);
    out = spread(out, shape);
    const bool one = next.size() == 1;  // a scalar need not be broadcast
    const Tensor other = one ? next : spread(next, shape);
    if (out.is_real ? row.real == nullptr : row.integer == nullptr) throw NodeError("inputs of this type");
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t j = one ? 0 : i;
      if (out.is_real) {
        out.real[i] = row.real(out.real[i], other.real[j]);
      } else {
        out.integer[i] = row.integer(out.integer[i], other.integer[j]);
      }
    }
  }
  return {out};
}

Outputs compare(const Node& node, const Inputs& in) {
  const ComparisonRow& row = *comparison(node);
  const Shape shape = broadcast(required(in, 0).shape, required(in, 1).shape);
  const Tensor a = spread(*in[0], shape), b = spread(*in[1], shape);
  if (a.is_real != b.is_real) throw NodeError("a real and an integer input");
  Tensor out = integer_tensor(shape);
  for (std::size_t i = 0; i < out.size(); ++i)
    out.integer[i] = a.is_real ? row.real(a.real[i], b.real[i]) : row.integer(a.integer[i], b.integer[i]);
  return {out};
}

Outputs where(const Node& /*node*/, const Inputs& in) {
  const Tensor &condition = required(in, 0), &yes = required(in, 1), &no = required(in, 2);
  if (condition.is_real || yes.is_real != no.is_real) throw NodeError("inputs of these types");
  const Shape shape = broadcast(broadcast(condition.shape, yes.shape), no.shape);
  const Tensor mask = spread(condition, shape), other = spread(no, shape);
  Tensor out = spread(yes, shape);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (mask.integer[i] != 0) continue;
    if (out.is_real) {
      out.real[i] = other.real[i];
    } else {
      out.integer[i] = other.integer[i];
    }
  }
  return {out};
}

Outputs logical_not(const Node& /*node*/, const Inputs& in) {
  Tensor x = required(in, 0);
  for (I& value : x.integer) value = value == 0;
  return {x};
}

Outputs clip(const Node& /*node*/, const Inputs& in) {
  Tensor x = required(in, 0);
  const auto limit = [&](std::size_t i) -> const Tensor* {
    const Tensor* given = i < in.size() ? in[i] : nullptr;
    if (given != nullptr && (given->size() != 1 || given->is_real != x.is_real))
      throw NodeError("a limit that is no number");
    return given;
  };
  const Tensor *low = limit(1), *high = limit(2);
  for (double& value : x.real) {
    if (low != nullptr) value = std::max(value, low->real[0]);
    if (high != nullptr) value = std::min(value, high->real[0]);
  }
  for (I& value : x.integer) {
    if (low != nullptr) value = std::max(value, low->integer[0]);
    if (high != nullptr) value = std::min(value, high->integer[0]);
  }
  return {x};
}

// A cast between floating types keeps the double: a float16 graph is evaluated in double on the same weights.
Outputs cast(const Node& node, const Inputs& in) {
  const Tensor& x = required(in, 0);
  const I to = node.integer("to", 0);
  const bool to_real = to == 1 || to == 10 || to == 11 || to == 16;  // float, float16, double, bfloat16
  const bool to_boolean = to == 9;
  if (to_real && x.is_real) return {x};
  Tensor out = to_real ? real_tensor(x.shape) : integer_tensor(x.shape);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (to_real) {
      out.real[i] = static_cast<double>(x.integer[i]);
    } else if (x.is_real) {
      if (!(std::fabs(x.real[i]) < 9e18)) throw NodeError("a number too large for an integer");
      out.integer[i] = to_boolean ? x.real[i] != 0 : static_cast<I>(x.real[i]);
    } else {
      out.integer[i] = to_boolean ? x.integer[i] != 0 : x.integer[i];
    }
  }
  return {out};
}

// Integer codes (weights) become real numbers. Real inputs pass unchanged: activations stay as they were before
// rounding.
Outputs dequantize(const Node& node, const Inputs& in) {
  const Tensor &x = required(in, 0), &scale = required(in, 1);
  if (x.is_real) return {x};
  const Tensor* zero = in.size() > 2 ? in[2] : nullptr;
  const std::size_t count = scale.size();
  const bool one = count == 1;
  const std::size_t axis = one ? 0 : axis_of(node.integer("axis", 1), x.shape.size());
  const AxisSplit whole = one ? AxisSplit() : split_at(x.shape, axis);
  if (!scale.is_real || (!one && whole.count != count) || (zero != nullptr && (zero->is_real || zero->size() != count)))
    throw NodeError("a scale or zero point of another shape");
  Tensor out = real_tensor(x.shape);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = one ? 0 : i / whole.inner % whole.count;
    out.real[i] = static_cast<double>(x.integer[i] - (zero != nullptr ? zero->integer[k] : 0)) * scale.real[k];
  }
  return {out};
}

Outputs identity(const Node& /*node*/, const Inputs& in) {
  return {required(in, 0)};
}

using Function = Outputs (*)(const Node& node, const Inputs& in);
struct OperatorRow {
  const char* op;
  Function function;
  bool moves = false;  // moves elements, but computes none
};
constexpr OperatorRow kOperators[] = {
    {"Reshape", reshape, true},
    {"Flatten", flatten, true},
    {"Squeeze", squeeze, true},
    {"Unsqueeze", unsqueeze, true},
    {"Transpose", transpose, true},
    {"Split", split, true},
    {"Slice", slice, true},
    {"Gather", gather, true},
    {"Expand", expand, true},
    {"Tile", tile, true},
    {"Concat", concat},
    {"Pad", pad},
    {"ScatterND", scatter_nd},
    {"Shape", shape_of},
    {"Size", size_of},
    {"Constant", constant},
    {"ConstantOfShape", constant_of_shape},
    {"Range", range},
    {"Where", where},
    {"Not", logical_not},
    {"Clip", clip},
    {"Cast", cast},
    {"DequantizeLinear", dequantize},
    {"QuantizeLinear", identity},
    {"Identity", identity},
    {"Dropout", identity},
    {"MatMul", matmul},
    {"Gemm", gemm_operator},
    {"Conv", conv},
    {"Softmax", softmax_operator},
    {"LogSoftmax", softmax_operator},
    {"LayerNormalization", layer_normalization},
    {"BatchNormalization", batch_normalization},
    {"ReduceMean", reduce},
    {"ReduceSum", reduce},
    {"ReduceMax", reduce},
    {"ReduceMin", reduce},
    {"ReduceProd", reduce},
    {"ReduceSumSquare", reduce},
    {"GlobalAveragePool", global_average_pool},
    {"AveragePool", pool},
    {"MaxPool", pool},
    {"Einsum", einsum},
};

bool standard(const Node& node) {
  if (node.domain.empty()) return node.op != "FastGelu" && node.op != "QuickGelu";
  // Some of these operators add a bias first; they are not supported.
  return node.domain == "com.microsoft" && node.inputs.size() == 1 &&
         (node.op == "Gelu" || node.op == "FastGelu" || node.op == "QuickGelu");
}

const OperatorRow* find_operator(const Node& node) {
  for (const OperatorRow& row : kOperators)
    if (node.op == row.op) return &row;
  return nullptr;
}

}  // namespace

bool is_known_operator(const Node& node) {
  if (!standard(node)) return false;
  return find_operator(node) != nullptr || unary(node) != nullptr || binary(node) != nullptr ||
         comparison(node) != nullptr;
}

bool moves_elements(const Node& node) {
  const OperatorRow* row = standard(node) ? find_operator(node) : nullptr;
  return row != nullptr && row->moves;
}

bool is_elementwise_unary(const Node& node) {
  return standard(node) && (unary(node) != nullptr || node.op == "Clip");
}

bool is_elementwise_binary(const Node& node) {
  return standard(node) && binary(node) != nullptr && binary(node)->real != nullptr && node.inputs.size() == 2;
}

bool is_identity(const Node& node) {
  if (!node.domain.empty()) return false;
  if (node.op == "Cast") {
    const I to = node.integer("to", 0);
    return to == 1 || to == 10 || to == 11 || to == 16;
  }
  return node.op == "Identity" || node.op == "Dropout" || node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
}

Outputs evaluate(const Node& node, const Inputs& inputs, Budget& budget) {
  std::int64_t steps = 1;
  for (const Tensor* input : inputs)
    if (input != nullptr) steps += static_cast<std::int64_t>(input->size());
  budget.take(steps);
  Outputs out;
  if (!standard(node)) throw NodeError("is no operator that this program evaluates");
  if (node.op == "MatMul" || node.op == "Gemm" || node.op == "Conv" || node.op == "Einsum" ||
      node.op == "AveragePool" || node.op == "MaxPool")
    budget.take(product_steps(node, inputs));
  if (const OperatorRow* row = find_operator(node)) {
    out = row->function(node, inputs);
  } else if (unary(node) != nullptr) {
    out = apply_unary(node, inputs);
  } else if (binary(node) != nullptr) {
    out = apply_binary(node, inputs);
  } else if (comparison(node) != nullptr) {
    out = compare(node, inputs);
  } else {
    throw NodeError("is no operator that this program evaluates");
  }
  for (const Tensor& tensor : out) budget.take(static_cast<std::int64_t>(tensor.size()));
  return out;
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) throw NodeError("shapes " + to_string(a) + " and " + to_string(b) + " do not fit");
    shape[shape.size() - 1 - i] = x == 1 ? y : x;
  }
  element_count(shape);
  return shape;
}

std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto wide = static_cast<std::int64_t>(rank);
  if (axis < -wide || axis >= wide)
    throw NodeError("axis " + std::to_string(axis) + " of " + std::to_string(rank) + " dimensions");
  return static_cast<std::size_t>(axis < 0 ? axis + wide : axis);
}

}  // namespace vitality::importing
