#include "import/recognise.h"

#include <algorithm>

#include "base/json.h"
#include "import/attention_parts.h"
#include "import/recogniser.h"

namespace vitality::importing {

std::string Recogniser::name_for(const std::string& owner, const char* kind) const {
  const std::string scope = scope_of(node().name);
  return layer_name(!scope.empty() ? scope : owner, kind);
}

int Recogniser::add_layer(const std::string& name, std::vector<int> inputs, LayerParameters parameters,
                          std::map<std::string, MatrixD> tensors) {
  return draft_.add({name, std::move(inputs), std::move(parameters)}, std::move(tensors));
}

// A view of the layer's output. `value` is the value of the graph that it computes, kept for the search after a
// difference.
View Recogniser::output_view(int layer, TensorPtr places, int value) {
  View view = draft_.view(layer, std::move(places));
  draft_.at(layer).value = value;
  draft_.at(layer).places = view.places;
  return view;
}

void Recogniser::set_view(int value, const View& view) {
  symbol(value) = Symbol();
  symbol(value).kind = Kind::kView;
  symbol(value).view = view;
}

void Recogniser::set_constant(int value, Tensor tensor) {
  symbol(value) = Symbol();
  symbol(value).kind = Kind::kConstant;
  symbol(value).constant = std::make_shared<const Tensor>(std::move(tensor));
}

View Recogniser::checked(const View& view) const {
  if (!draft_.current(view)) refuse("reads a value both before and after a scale or shift that its layer took up");
  return view;
}

Inputs Recogniser::constant_inputs() {
  Inputs inputs;
  for (const int value : node().inputs) inputs.push_back(value == kNoValue ? nullptr : symbol(value).constant.get());
  return inputs;
}

void Recogniser::fold_constants() {
  Outputs results = evaluate(node(), constant_inputs(), budget_);
  for (const Tensor& result : results) folded_ += static_cast<std::int64_t>(result.size());
  if (folded_ > most_folded_) refuse("makes constants much larger than all weights together");
  for (std::size_t i = 0; i < node().outputs.size() && i < results.size(); ++i)
    if (node().outputs[i] != kNoValue) set_constant(node().outputs[i], std::move(results[i]));
}

View Recogniser::view_of(int value) {
  if (value == kNoValue) refuse("lacks an input");
  const Symbol in = symbol(value);
  switch (in.kind) {
    case Kind::kView:
      return checked(in.view);
    case Kind::kExpression: {
      // Errors name the operator that ends the group, not the operator that reads its result.
      const int reader = index_;
      index_ = in.expression->nodes.back();
      const View view = materialise(*in.expression, value);
      index_ = reader;
      set_view(value, view);
      return view;
    }
    case Kind::kScores:
      refuse("on attention scores: a scale, a bias, Softmax and the product with V are known");
    case Kind::kProbe:
      while (index_ > 0 && std::count(node().outputs.begin(), node().outputs.end(), resolved(value)) == 0) --index_;
      refuse(
          "ends a group of operators with products of two values of the image and no Softmax that is neither Taylor "
          "nor ReLU-linear attention: no layer computes it");
    case Kind::kLogits:
      refuse("behind a Softmax that is not part of attention");
    case Kind::kConstant:
      refuse("on a constant where a value of the image is expected");
    case Kind::kNone:
      break;
  }
  refuse("reads a value that is not known");
}

void Recogniser::visit() {
  const Node& n = node();
  if (n.inputs.empty() ||
      std::all_of(n.inputs.begin(), n.inputs.end(), [&](int v) { return v == kNoValue || is(v, Kind::kConstant); })) {
    if (!is_known_operator(n)) refuse("is no operator that this program knows");
    return fold_constants();
  }
  if (n.outputs.empty()) return;
  if (!is_known_operator(n)) {
    refuse(n.domain.empty() ? "is no operator that this program knows"
                            : "is no operator that this program knows: export the graph without fused operators");
  }
  const bool probes = std::any_of(n.inputs.begin(), n.inputs.end(), [&](int v) { return is(v, Kind::kProbe); });
  const bool scores = std::any_of(n.inputs.begin(), n.inputs.end(), [&](int v) { return is(v, Kind::kScores); });
  if (n.op == "Shape" || n.op == "Size") return shape();
  const bool in_part = parts_[static_cast<std::size_t>(index_)] != kNoValue;
  if (n.op == "MatMul" && !in_part && (scores || (!is_constant(0) && !is_constant(1)))) return product();
  if (scores) return scores_step();
  if (is_identity(n)) {
    const int value = resolved(n.inputs[0]), alias = n.outputs[0];
    if (value == graph_.output || alias == kNoValue) return;
    aliases_[static_cast<std::size_t>(alias)] = value;
    int& last = last_use_[static_cast<std::size_t>(value)];
    last = std::max(last, last_use_[static_cast<std::size_t>(alias)]);
    return;
  }
  if (in_part && (probes || !moves_elements(n))) return step_of_part();
  if (moves_elements(n)) return move_elements();
  if (n.op == "Concat") return concatenate();
  if (n.op == "Pad") return pad_nothing();
  if (n.op == "MatMul" || n.op == "Gemm") return linear();
  if (n.op == "Conv") return convolution();
  if (n.op == "Softmax" || n.op == "LogSoftmax") return softmax();
  if (n.op == "LayerNormalization") return layer_norm();
  if (n.op == "BatchNormalization") return batch_norm();
  if (n.op == "ReduceMean" || n.op == "ReduceSum" || n.op == "ReduceSumSquare" || n.op == "GlobalAveragePool" ||
      n.op == "AveragePool")
    return reduce();
  if (is_elementwise_unary(n) || is_elementwise_binary(n)) return elementwise();
  refuse("is known on constants alone: no layer of a workload computes it");
}

// Half a sum is a mean; other scales go into the weights of the layers in front.
bool Recogniser::take_up_scale(View& view) {
  if (view.scale == 1) return true;
  auto* add = is_model_input(view.source) ? nullptr : std::get_if<Add>(&draft_.at(view.source).layer.parameters);
  if (view.scale == 0.5 && add != nullptr && !add->mean && draft_.at(view.source).readers == 0) {
    add->mean = true;
    ++draft_.at(view.source).version, draft_.at(view.source).value = kNoValue;
  } else {
    const std::vector<double> factor(static_cast<std::size_t>(draft_.cols(view.source)), view.scale);
    if (!draft_.absorb(view.source, factor, std::vector<double>(factor.size(), 0.0))) return false;
  }
  view = draft_.view(view.source, view.places);
  return true;
}

void Recogniser::finish() {
  View logits = is(graph_.output, Kind::kLogits) ? checked(symbol(graph_.output).view) : view_of(graph_.output);
  if (is(graph_.output, Kind::kLogits)) {
    note("the final " + out_.softmax.op + " " + vitality::quoted(out_.softmax.name) +
         " is dropped: the workload gives the logits before it");
  } else {
    out_.output = graph_.output;
    out_.softmax = Node();
  }
  if (is_model_input(logits.source)) refuse("gives the image itself");
  if (!take_up_scale(logits)) refuse("gives scaled logits whose scale no weights can take up");
  const std::size_t classes = logits.places->size();
  DraftLayer& last = draft_.at(logits.source);
  auto* linear = std::get_if<Linear>(&last.layer.parameters);
  std::int64_t first = 0;  // the logits' place in the last layer
  if (linear != nullptr && last.rows > 1 && last.readers == 0 && classes == static_cast<std::size_t>(last.cols)) {
    const auto row = static_cast<int>(logits.places->integer[0] / last.cols);
    first = std::int64_t{row} * last.cols;
    linear->first_row += row;
    linear->rows = last.rows = 1;
    last.value = kNoValue;
  }
  bool whole = classes == static_cast<std::size_t>(last.rows) * static_cast<std::size_t>(last.cols) && last.rows == 1;
  for (std::size_t i = 0; i < classes && whole; ++i)
    whole = logits.places->integer[i] == first + static_cast<std::int64_t>(i);
  if (!whole) refuse("gives " + to_string(logits.shape()) + ", expected the logits of one token");
  out_.layers = draft_.needed(logits.source);
}

Recognised Recogniser::run() {
  for (const auto& [value, tensor] : graph_.constants) {
    symbol(value).kind = Kind::kConstant;
    symbol(value).constant = tensor;
    most_folded_ += 4 * static_cast<std::int64_t>(tensor->size());
  }
  last_use_.assign(graph_.values.size(), -1);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    for (const int value : graph_.nodes[i].inputs)
      if (value != kNoValue) last_use_[static_cast<std::size_t>(value)] = static_cast<int>(i);
  last_use_[static_cast<std::size_t>(graph_.output)] = static_cast<int>(graph_.nodes.size());
  set_view(graph_.input, draft_.image());
  parts_ = softmax_free_parts(graph_);
  try {
    for (; index_ < static_cast<int>(graph_.nodes.size()); ++index_) {
      visit();
      // Views are large, so they are deleted after their last reader. Constants stay for the expressions that read
      // them.
      for (const int value : node().inputs)
        if (value != kNoValue && last_use_[static_cast<std::size_t>(resolved(value))] == index_ &&
            is(value, Kind::kView))
          symbol(value) = Symbol();
    }
    index_ = static_cast<int>(graph_.nodes.size()) - 1;
    finish();
  } catch (const NodeError& error) {
    fail_at(graph_, node(), error.what());
  }
  if (graph_.quantised)
    note(
        "int8 weights are dequantised; QuantizeLinear and DequantizeLinear of activations are left out: the workload "
        "is not quantised");
  for (const std::string& type : graph_.widened) note(type + " tensors are computed with in double");
  return std::move(out_);
}

Recognised recognise(const Graph& graph) {
  return Recogniser(graph).run();
}

}  // namespace vitality::importing
