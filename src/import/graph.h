// An ONNX graph as the importer uses it: values have numbers, nodes are in order, tensors are doubles or integers.
//
// float16, bfloat16, float32 and float64 tensors are real; integers and booleans are 64-bit integers. A real tensor
// with one element becomes the well-known number that its type rounded, if there is one (constants.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace vitality::importing {

using Shape = std::vector<std::int64_t>;

struct Tensor {
  Shape shape;
  bool is_real = true;
  std::vector<double> real;           // where is_real
  std::vector<std::int64_t> integer;  // otherwise
  std::size_t size() const { return is_real ? real.size() : integer.size(); }
};
using TensorPtr = std::shared_ptr<const Tensor>;

constexpr std::int64_t kMaxTensorElements = std::int64_t{1} << 26;
constexpr std::int64_t kMaxGraphElements = std::int64_t{1} << 30;  // of all stored tensors together
constexpr std::size_t kMaxRank = 8, kMaxNodes = 100000;

std::string to_string(const Shape& shape);  // [1, 3, 224, 224]
// The product of the sizes. Throws NodeError if it exceeds kMaxTensorElements or a dimension is negative.
std::int64_t element_count(const Shape& shape);
Tensor real_tensor(Shape shape);     // zeros
Tensor integer_tensor(Shape shape);  // zeros
Tensor integer_vector(const std::vector<std::int64_t>& values);

struct Attribute {
  enum class Type { kNone, kFloat, kInteger, kText, kTensor, kFloats, kIntegers, kOther };
  Type type = Type::kNone;
  double number = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<double> numbers;
  std::vector<std::int64_t> integers;
  TensorPtr tensor;
};

constexpr int kNoValue = -1;  // an optional input or output that is not there

struct Node {
  std::string op, domain, name;
  std::string within;                // the fused operator of which this node is a part; "": none
  std::vector<int> inputs, outputs;  // values, or kNoValue
  std::map<std::string, Attribute> attributes;
  int opset = 0;

  double number(const char* key, double fallback) const;
  std::int64_t integer(const char* key, std::int64_t fallback) const;
  std::vector<std::int64_t> integers(const char* key) const;  // empty where it is not there
  std::string text(const char* key, const char* fallback) const;
  bool has(const char* key) const { return attributes.count(key) > 0; }
};

struct Graph {
  std::string file;
  int opset = 0;
  std::vector<std::string> values;     // names
  std::map<int, TensorPtr> constants;  // initializers, by value
  std::vector<Node> nodes;             // each reads what earlier ones made
  int input = kNoValue, output = kNoValue;
  Shape input_shape;                 // [1, channels, height, width] or [1, height, width, channels]
  bool channels_last = false;        // of the image
  bool quantised = false;            // has QuantizeLinear or DequantizeLinear
  std::vector<std::string> widened;  // types other than float32 and float64 that the weights have
};

// An error at a node, without the names of file and node: the caller that runs the node adds them.
class NodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// Throws an InputError that names the file, the node and its operator.
[[noreturn]] void fail_at(const Graph& graph, const Node& node, const std::string& message);
std::string label_of(const Node& node);  // node "NAME" (OPERATOR)

}  // namespace vitality::importing
