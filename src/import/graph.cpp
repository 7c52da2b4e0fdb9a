#include "import/graph.h"

#include "base/error.h"
#include "base/json.h"

namespace vitality::importing {

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::int64_t element_count(const Shape& shape) {
  if (shape.size() > kMaxRank) throw NodeError("a tensor of more than " + std::to_string(kMaxRank) + " dimensions");
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || size > kMaxTensorElements || (size > 0 && count > kMaxTensorElements / size))
      throw NodeError("a tensor of shape " + to_string(shape) + ", expected sizes from 0 and at most 2^26 elements");
    count *= size;
  }
  return count;
}

Tensor real_tensor(Shape shape) {
  Tensor tensor;
  tensor.real.resize(static_cast<std::size_t>(element_count(shape)));
  tensor.shape = std::move(shape);
  return tensor;
}

Tensor integer_tensor(Shape shape) {
  Tensor tensor;
  tensor.is_real = false;
  tensor.integer.resize(static_cast<std::size_t>(element_count(shape)));
  tensor.shape = std::move(shape);
  return tensor;
}

Tensor integer_vector(const std::vector<std::int64_t>& values) {
  Tensor tensor;
  tensor.is_real = false;
  tensor.shape = {static_cast<std::int64_t>(values.size())};
  tensor.integer = values;
  return tensor;
}

double Node::number(const char* key, double fallback) const {
  const auto found = attributes.find(key);
  return found == attributes.end() ? fallback : found->second.number;
}

std::int64_t Node::integer(const char* key, std::int64_t fallback) const {
  const auto found = attributes.find(key);
  return found == attributes.end() ? fallback : found->second.integer;
}

std::vector<std::int64_t> Node::integers(const char* key) const {
  const auto found = attributes.find(key);
  return found == attributes.end() ? std::vector<std::int64_t>() : found->second.integers;
}

std::string Node::text(const char* key, const char* fallback) const {
  const auto found = attributes.find(key);
  return found == attributes.end() ? fallback : found->second.text;
}

std::string label_of(const Node& node) {
  const std::string part = node.within.empty() ? "" : node.within + ": ";
  return "node " + vitality::quoted(node.name) + " (" + part + (node.domain.empty() ? "" : node.domain + ".") +
         node.op + ")";
}

void fail_at(const Graph& graph, const Node& node, const std::string& message) {
  throw InputError(graph.file, label_of(node), message);
}

}  // namespace vitality::importing
