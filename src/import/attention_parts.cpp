#include "import/attention_parts.h"

#include <algorithm>
#include <numeric>

#include "import/operators.h"

namespace vitality::importing {
namespace {

// Number of a set's representative, with the sets of a union-find structure.
int root_of(std::vector<int>& parent, int node) {
  while (parent[static_cast<std::size_t>(node)] != node) {
    int& up = parent[static_cast<std::size_t>(node)];
    up = parent[static_cast<std::size_t>(up)];
    node = up;
  }
  return node;
}

class Parts {
 public:
  explicit Parts(const Graph& graph)
      : graph_(graph), of_image_(graph.values.size(), false), weight_(graph.values.size(), false) {}

  std::vector<int> find() {
    const std::size_t count = graph_.nodes.size();
    std::vector<int> parent(count), maker(graph_.values.size(), kNoValue);
    std::iota(parent.begin(), parent.end(), 0);
    std::vector<bool> soft(count, false), product(count, false), softmax(count, false);
    follow_image();
    for (std::size_t i = 0; i < count; ++i) {
      const Node& node = graph_.nodes[i];
      soft[i] = is_soft(node);
      if (!soft[i]) continue;
      for (const int input : node.inputs)
        if (input != kNoValue && maker[static_cast<std::size_t>(input)] != kNoValue)
          parent[static_cast<std::size_t>(root_of(parent, static_cast<int>(i)))] =
              root_of(parent, maker[static_cast<std::size_t>(input)]);
      for (const int output : node.outputs)
        if (output != kNoValue && of_image_[static_cast<std::size_t>(output)])
          maker[static_cast<std::size_t>(output)] = static_cast<int>(i);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto root = static_cast<std::size_t>(root_of(parent, static_cast<int>(i)));
      product[root] = product[root] || (soft[i] && is_product(graph_.nodes[i]));
      softmax[root] = softmax[root] || graph_.nodes[i].op == "Softmax";
    }
    std::vector<int> parts(count, kNoValue);
    for (std::size_t i = 0; i < count; ++i) {
      const int root = root_of(parent, static_cast<int>(i));
      if (soft[i] && product[static_cast<std::size_t>(root)] && !softmax[static_cast<std::size_t>(root)])
        parts[i] = root;
    }
    return parts;
  }

 private:
  bool of_image(int value) const { return value != kNoValue && of_image_[static_cast<std::size_t>(value)]; }
  bool is_weight(int value) const { return value != kNoValue && weight_[static_cast<std::size_t>(value)]; }

  // Which values depend on the image, other than on its size, and which on weights alone.
  void follow_image() {
    of_image_[static_cast<std::size_t>(graph_.input)] = true;
    for (const auto& [value, tensor] : graph_.constants)
      weight_[static_cast<std::size_t>(value)] = tensor->is_real && tensor->size() > 1;
    for (const Node& node : graph_.nodes) {
      const auto any = [&](auto test) { return std::any_of(node.inputs.begin(), node.inputs.end(), test); };
      const bool depends =
          node.op != "Shape" && node.op != "Size" && any([this](int value) { return of_image(value); });
      bool weight = !depends && any([this](int value) { return is_weight(value); });
      const auto constant = node.attributes.find("value");
      if (node.op == "Constant" && constant != node.attributes.end() && constant->second.tensor != nullptr)
        weight = constant->second.tensor->is_real && constant->second.tensor->size() > 1;
      for (const int output : node.outputs) {
        if (output == kNoValue) continue;
        of_image_[static_cast<std::size_t>(output)] = depends;
        weight_[static_cast<std::size_t>(output)] = weight;
      }
    }
  }

  bool is_product(const Node& node) const {
    return (node.op == "MatMul" || node.op == "Einsum" || node.op == "FusedMatMul") && node.inputs.size() == 2 &&
           of_image(node.inputs[0]) && of_image(node.inputs[1]);
  }

  bool is_soft(const Node& node) const {
    if (node.inputs.empty() || node.outputs.empty() || !of_image(node.outputs[0])) return false;
    if (std::any_of(node.inputs.begin(), node.inputs.end(), [this](int value) { return is_weight(value); }))
      return false;
    return is_product(node) || is_elementwise_unary(node) || is_elementwise_binary(node) || moves_elements(node) ||
           is_identity(node) || node.op == "Pad" || node.op == "ReduceMean" || node.op == "ReduceSum" ||
           node.op == "Softmax";
  }

  const Graph& graph_;
  std::vector<bool> of_image_, weight_;
};

}  // namespace

std::vector<int> softmax_free_parts(const Graph& graph) {
  return Parts(graph).find();
}

}  // namespace vitality::importing
