#include "import/fused_operators.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"

namespace vitality::importing {
namespace {

// Writes out one node at a time: the new nodes go to the end of `nodes`.
class Writer {
 public:
  Writer(Graph& graph, std::vector<Node>& nodes) : graph_(graph), nodes_(nodes) {}

  // False: not a fused operator of this list; the node stays as it is.
  bool write(const Node& node);

 private:
  using Ints = std::vector<std::int64_t>;
  using Values = std::vector<int>;
  [[noreturn]] void refuse(const std::string& why) const { fail_at(graph_, *fused_, why); }
  bool has(std::size_t i) const { return i < fused_->inputs.size() && fused_->inputs[i] != kNoValue; }
  int in(std::size_t i) const {
    if (!has(i)) refuse("lacks input " + std::to_string(i));
    return fused_->inputs[i];
  }
  int out(std::size_t i = 0) const { return fused_->outputs[i]; }
  void needs_none(std::size_t i, const char* what) const {
    if (has(i)) refuse(std::string("with ") + what + ": only the form without it is known");
  }

  int value(const std::string& what) {
    graph_.values.push_back(fused_->name + "::" + what);
    return static_cast<int>(graph_.values.size()) - 1;
  }
  int constant(Tensor tensor, const std::string& what) {
    const int made = value(what);
    graph_.constants[made] = std::make_shared<const Tensor>(std::move(tensor));
    return made;
  }
  int number(double x) {
    Tensor tensor = real_tensor({});
    tensor.real[0] = x;
    return constant(std::move(tensor), "number");
  }
  Node& add(const std::string& op, Values inputs, int output) {
    Node node;
    node.op = op, node.name = fused_->name, node.within = fused_->domain + "." + fused_->op;
    node.opset = std::max(graph_.opset, 13);  // axes of Squeeze, Unsqueeze and ReduceSum are inputs
    node.inputs = std::move(inputs);
    node.outputs = {output};
    nodes_.push_back(std::move(node));
    return nodes_.back();
  }
  int made(const std::string& op, Values inputs) {
    const int output = value(op);
    add(op, std::move(inputs), output);
    return output;
  }
  int reshaped(int x, const Ints& shape, int output = kNoValue) {
    if (output == kNoValue) output = value("Reshape");
    add("Reshape", {x, constant(integer_vector(shape), "shape")}, output);
    return output;
  }
  int turned(int x, const Ints& order) {
    const int output = value("Transpose");
    add("Transpose", {x}, output).attributes["perm"].integers = order;
    return output;
  }

  void attention();
  void multi_head_attention();
  void attend(int q, int k, int v, int bias);  // [batch, heads, tokens, features] each
  int heads_of(int x);
  int biased_part(int x, std::size_t part);
  void skip_layer_normalization();
  void matrix_product();
  void gemm();
  void convolution();
  void activate(int x);

  Graph& graph_;
  std::vector<Node>& nodes_;
  const Node* fused_ = nullptr;
};

// [batch, tokens, heads x features] as [batch, heads, tokens, features].
int Writer::heads_of(int x) {
  return turned(reshaped(x, {0, 0, fused_->integer("num_heads", 0), -1}), {0, 2, 1, 3});
}

void Writer::attend(int q, int k, int v, int bias) {
  int scale = kNoValue;
  if (fused_->number("scale", 0) != 0) {
    scale = number(fused_->number("scale", 0));
  } else {  // 1 / sqrt(features)
    Tensor last = integer_tensor({});
    last.integer[0] = -1;
    const int features = made("Gather", {made("Shape", {q}), constant(std::move(last), "axis")});
    nodes_.back().attributes["axis"].integer = 0;
    const int real = made("Cast", {features});
    nodes_.back().attributes["to"].integer = 11;  // float64
    scale = made("Reciprocal", {made("Sqrt", {real})});
  }
  int scores = made("Mul", {made("MatMul", {q, turned(k, {0, 1, 3, 2})}), scale});
  if (bias != kNoValue) scores = made("Add", {scores, bias});
  const int weights = made("Softmax", {scores});
  nodes_.back().attributes["axis"].integer = -1;
  reshaped(turned(made("MatMul", {weights, v}), {0, 2, 1, 3}), {0, 0, -1}, out());
}

void Writer::attention() {
  needs_none(3, "a mask of keys");
  needs_none(4, "keys and values of before");
  needs_none(6, "a length of the keys of before");
  if (fused_->integer("unidirectional", 0) != 0) refuse("is causal: attention to all tokens is known");
  if (fused_->integer("do_rotary", 0) != 0) refuse("with rotary embeddings");
  const Ints sizes = fused_->integers("qkv_hidden_sizes");
  const std::int64_t heads = fused_->integer("num_heads", 0);
  if (heads < 1) refuse("without num_heads");
  int packed = made("MatMul", {in(0), in(1)});
  if (has(2)) packed = made("Add", {packed, in(2)});
  Values parts{value("q"), value("k"), value("v")};
  if (sizes.empty()) {  // thirds
    const int by_part = turned(reshaped(packed, {0, 0, 3, heads, -1}), {2, 0, 3, 1, 4});
    for (std::int64_t part = 0; part < 3; ++part) {
      Tensor index = integer_tensor({});
      index.integer[0] = part;
      add("Gather", {by_part, constant(std::move(index), "part")}, parts[static_cast<std::size_t>(part)])
          .attributes["axis"]
          .integer = 0;
    }
  } else {
    if (sizes.size() != 3) refuse("with " + std::to_string(sizes.size()) + " qkv_hidden_sizes, expected 3");
    Node& split = add("Split", {packed, constant(integer_vector(sizes), "sizes")}, kNoValue);
    split.attributes["axis"].integer = -1;
    split.outputs = parts;
    for (int& part : parts) part = heads_of(part);
  }
  attend(parts[0], parts[1], parts[2], has(5) ? in(5) : kNoValue);
}

// A part of the bias, which is that of Q, K and V one after the other; their sizes are taken to be equal.
int Writer::biased_part(int x, std::size_t part) {
  if (!has(3)) return x;
  const auto bias = graph_.constants.find(in(3));
  if (bias == graph_.constants.end() || bias->second->shape.size() != 1 || !bias->second->is_real ||
      bias->second->size() % 3 != 0)
    refuse("with a bias that is no constant vector of three equal parts");
  const std::size_t size = bias->second->size() / 3;
  Tensor own = real_tensor({static_cast<std::int64_t>(size)});
  std::copy_n(bias->second->real.begin() + static_cast<std::ptrdiff_t>(part * size), size, own.real.begin());
  return made("Add", {x, constant(std::move(own), "bias")});
}

void Writer::multi_head_attention() {
  if (!has(1) || !has(2)) refuse("with packed queries, keys and values: three inputs are known");
  needs_none(4, "a mask of keys");
  needs_none(6, "keys of before");
  needs_none(7, "values of before");
  if (fused_->integer("unidirectional", 0) != 0) refuse("is causal: attention to all tokens is known");
  if (fused_->integer("num_heads", 0) < 1) refuse("without num_heads");
  const int q = heads_of(biased_part(in(0), 0)), k = heads_of(biased_part(in(1), 1)),
            v = heads_of(biased_part(in(2), 2));
  attend(q, k, v, has(5) ? in(5) : kNoValue);
}

// The norm of input + bias + skip; output 3 is the sum.
void Writer::skip_layer_normalization() {
  const int biased = has(4) ? made("Add", {in(0), in(4)}) : in(0);
  const int sum = fused_->outputs.size() > 3 && out(3) != kNoValue ? out(3) : value("sum");
  add("Add", {biased, in(1)}, sum);
  Values inputs{sum, in(2)};
  if (has(3)) inputs.push_back(in(3));
  Node& norm = add("LayerNormalization", inputs, out());
  norm.attributes["epsilon"].number = fused_->number("epsilon", 1e-12);
  norm.attributes["axis"].integer = -1;
}

void Writer::matrix_product() {
  std::array<int, 2> operands{in(0), in(1)};
  for (std::size_t i = 0; i < 2; ++i) {
    // The first axis behind those of the batch, then the last two exchanged.
    const std::int64_t batch = fused_->integer(i == 0 ? "transBatchA" : "transBatchB", 0),
                       last_two = fused_->integer(i == 0 ? "transA" : "transB", 0);
    if (batch == 0 && last_two == 0) continue;
    operands[i] = made("Transpose", {operands[i]});
    nodes_.back().attributes["batch"].integer = batch;
    nodes_.back().attributes["last_two"].integer = last_two;
  }
  const double alpha = fused_->number("alpha", 1);
  if (alpha == 1) {
    add("MatMul", {operands[0], operands[1]}, out());
  } else {
    add("Mul", {made("MatMul", {operands[0], operands[1]}), number(alpha)}, out());
  }
}

void Writer::gemm() {
  const int result = value("Gemm");
  Values inputs{in(0), in(1)};
  if (has(2)) inputs.push_back(in(2));
  add("Gemm", inputs, result).attributes = fused_->attributes;
  activate(result);
}

void Writer::convolution() {
  int result = value("Conv");
  Values inputs{in(0), in(1)};
  if (has(2)) inputs.push_back(in(2));
  add("Conv", inputs, result).attributes = fused_->attributes;
  if (has(3)) result = made("Add", {result, in(3)});
  activate(result);
}

// The activation of FusedConv and FusedGemm, from x to the fused node's output.
void Writer::activate(int x) {
  const std::string name = fused_->text("activation", "");
  std::vector<double> numbers;
  if (fused_->has("activation_params")) numbers = fused_->attributes.at("activation_params").numbers;
  for (const char* key : {"activation_alpha", "activation_beta"})
    if (fused_->has(key)) numbers.push_back(fused_->number(key, 0));
  if (name.empty()) {
    add("Identity", {x}, out());
  } else if (name == "Relu" || name == "Sigmoid" || name == "Tanh") {
    add(name, {x}, out());
  } else if (name == "Clip" && numbers.size() == 2) {
    add("Clip", {x, number(numbers[0]), number(numbers[1])}, out());
  } else if (name == "LeakyRelu" && numbers.size() == 1) {
    add(name, {x}, out()).attributes["alpha"].number = numbers[0];
  } else if (name == "HardSigmoid" && numbers.size() == 2) {
    Node& node = add(name, {x}, out());
    node.attributes["alpha"].number = numbers[0], node.attributes["beta"].number = numbers[1];
  } else {
    refuse("with the activation " + vitality::quoted(name));
  }
}

bool Writer::write(const Node& node) {
  if (node.domain != "com.microsoft" || node.outputs.empty()) return false;
  fused_ = &node;
  if (node.op == "Attention") {
    attention();
  } else if (node.op == "MultiHeadAttention") {
    multi_head_attention();
  } else if (node.op == "SkipLayerNormalization") {
    skip_layer_normalization();
  } else if (node.op == "BiasGelu" || (node.op == "FastGelu" && has(1))) {
    add("Gelu", {made("Add", {in(0), in(1)})}, out()).attributes["approximate"].text =
        node.op == "FastGelu" ? "tanh" : "none";
  } else if (node.op == "LayerNormalization") {
    add(node.op, node.inputs, out()).attributes = node.attributes;
  } else if (node.op == "BiasAdd") {
    add("Add", {made("Add", {in(0), in(1)}), in(2)}, out());
  } else if (node.op == "BiasSoftmax") {
    add("Softmax", {made("Add", {in(0), in(1)})}, out()).attributes["axis"].integer = node.integer("axis", -1);
  } else if (node.op == "FusedMatMul" || node.op == "TransposeMatMul") {
    matrix_product();
  } else if (node.op == "FusedGemm") {
    gemm();
  } else if (node.op == "FusedConv") {
    convolution();
  } else {
    return false;
  }
  return true;
}

}  // namespace

void write_out_fused_operators(Graph& graph) {
  std::vector<Node> nodes;
  Writer writer(graph, nodes);
  for (const Node& node : graph.nodes)
    if (!writer.write(node)) nodes.push_back(node);
  graph.nodes = std::move(nodes);
}

}  // namespace vitality::importing
