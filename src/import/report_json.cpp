#include "import/report_json.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "import/layer_names.h"
#include "workload/layer_json.h"

namespace vitality::importing {
namespace {

using Json = nlohmann::ordered_json;

const char* activation_name(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kGelu:
      return "gelu";
    case ActivationKind::kHardswish:
      return "hardswish";
    case ActivationKind::kSilu:
      return "silu";
    case ActivationKind::kRelu:
      return "relu";
    case ActivationKind::kGeluTanh:
      return "gelu_tanh";
    case ActivationKind::kQuickGelu:
      return "quick_gelu";
    case ActivationKind::kRelu6:
      return "relu6";
  }
  return "";
}

// The keys of a layer besides those of every layer, by its kind (workload/layer_json.cpp).
struct Keys {
  Json& out;
  const DraftLayer& layer;
  int source_rows;
  void operator()(const Conv2d& p) const {
    out["out_channels"] = p.out_channels, out["kernel"] = p.kernel;
    if (p.stride != 1) out["stride"] = p.stride;
    if (p.pad != 0) out["pad"] = p.pad;
    if (p.groups != 1) out["groups"] = p.groups;
    if (!p.bias) out["bias"] = false;
  }
  void operator()(const Linear& p) const {
    out["out_features"] = p.out_features;
    if (p.rows != source_rows - p.first_row) out["rows"] = p.rows;
    if (p.first_row != 0) out["first_row"] = p.first_row;
    if (!p.bias) out["bias"] = false;
  }
  void operator()(const Attention& p) const {
    out["heads"] = p.heads, out["d_qk"] = p.d_qk;
    if (p.d_v != p.d_qk) out["d_v"] = p.d_v;
    out["layout"] = layer.layout;
    if (p.kind) out["attention"] = to_string(*p.kind);
    if (p.epsilon != 0) out["epsilon"] = p.epsilon;
    if (p.mask == ScoreMask::kCausal) out["mask"] = "causal";
    if (p.mask == ScoreMask::kShiftedWindows) out["mask"] = "shifted_windows";
    if (p.bias_params == 0) return;
    out[p.signed_bias ? "relative_bias" : "position_bias"] = true;
    if (p.query_stride != 1) out["query_stride"] = p.query_stride;
  }
  void operator()(const LayerNorm& p) const {
    if (p.epsilon != kLayerNormEpsilon) out["epsilon"] = p.epsilon;
  }
  void operator()(const BatchNorm& p) const {
    if (p.epsilon != kBatchNormEpsilon) out["epsilon"] = p.epsilon;
  }
  void operator()(const Activation& p) const { out["function"] = activation_name(p.function); }
  void operator()(const Subsample& p) const { out["stride"] = p.stride; }
  void operator()(const PatchMerge& p) const { out["patch"] = p.patch; }
  void operator()(const Unfold& p) const {
    out["patch"] = p.patch;
    if (p.windows) out["windows"] = true;
    if (p.shift > 0) out["shift"] = p.shift;
  }
  void operator()(const Add& p) const {
    if (p.mean) out["mean"] = true;
  }
  void operator()(const PositionEmbedding&) const {}
  void operator()(const ConcatToken& p) const {
    if (p.learned != 1) out["rows"] = p.learned;
  }
  void operator()(const LayerScale&) const {}
  void operator()(const Multiply&) const {}
  void operator()(const AveragePool& p) const {
    out["kernel"] = p.kernel;
    if (p.stride != p.kernel) out["stride"] = p.stride;
  }
  void operator()(const Slice& p) const {
    if (p.first_row != 0) out["first_row"] = p.first_row;
    out["rows"] = p.rows;
    if (p.first_channel != 0) out["first_channel"] = p.first_channel;
    out["channels"] = p.channels;
  }
  void operator()(const ConcatChannels&) const {}
  void operator()(const MeanPool&) const {}
  void operator()(const Fold&) const {}
  void operator()(const GivenTensor&) const {}
};

// The linear layer behind a batch norm which absorbs it, because no layer in front of it can; "" if there is none.
std::string absorber(const std::vector<DraftLayer>& layers, std::size_t i) {
  if (!std::holds_alternative<BatchNorm>(layers[i].layer.parameters)) return "";
  const int source = layers[i].layer.inputs[0];
  if (!is_model_input(source)) {
    const LayerParameters& before = layers[static_cast<std::size_t>(source)].layer.parameters;
    if (std::holds_alternative<Linear>(before) || std::holds_alternative<Conv2d>(before)) return "";
  }
  for (const DraftLayer& layer : layers)
    if (std::holds_alternative<Linear>(layer.layer.parameters) && layer.layer.inputs[0] == static_cast<int>(i))
      return layer.layer.name;
  return "";
}

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// Writes one item per line, because items are short.
std::string with_lines(const Json& head, const char* key, const std::vector<Json>& items) {
  std::string text = head.dump(2, ' ', false, Json::error_handler_t::replace);
  text.erase(text.size() - 2);  // "\n}"
  text += std::string(",\n  \"") + key + "\": [";
  for (std::size_t i = 0; i < items.size(); ++i)
    text += (i > 0 ? ",\n    " : "\n    ") + items[i].dump(-1, ' ', false, Json::error_handler_t::replace);
  return text + "\n  ]\n}\n";
}

}  // namespace

std::string workload_text(const Graph& graph, const Recognised& recognised) {
  const std::vector<DraftLayer>& layers = recognised.layers;
  const bool last = graph.channels_last;
  Json head;
  head["name"] = layer_name(std::filesystem::path(graph.file).stem().string(), "imported");
  head["description"] = "imported from an ONNX graph";
  head["source"] = file_name(graph.file);
  const int height = static_cast<int>(graph.input_shape[last ? 1 : 2]),
            width = static_cast<int>(graph.input_shape[last ? 2 : 3]);
  head["image"] = {{"height", height}, {"width", width}, {"channels", graph.input_shape[last ? 3 : 1]}};
  std::vector<Json> items;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Json item;
    item["name"] = layers[i].layer.name;
    item["kind"] = kind_name(layers[i].layer);
    const std::vector<int>& inputs = layers[i].layer.inputs;
    const int source_rows =
        is_model_input(inputs[0]) ? height * width : layers[static_cast<std::size_t>(inputs[0])].rows;
    std::visit(Keys{item, layers[i], source_rows}, layers[i].layer.parameters);
    const std::string folds_into = absorber(layers, i);
    if (!folds_into.empty()) item["folds_into"] = folds_into;
    const bool follows = inputs.size() == 1 && inputs[0] == static_cast<int>(i) - 1;
    if (!follows || i == 0) {
      item["inputs"] = Json::array();
      for (const int input : inputs)
        item["inputs"].push_back(is_model_input(input) ? "image" : layers[static_cast<std::size_t>(input)].layer.name);
    }
    items.push_back(std::move(item));
  }
  return with_lines(head, "layers", items);
}

std::string report_text(const ImportReport& report) {
  Json head;
  head["source"] = file_name(report.source);
  head["format"] = report.format;
  if (report.opset > 0) head["opset"] = report.opset;
  if (report.difference >= 0) head["verified"] = {{"images", report.images}, {"max_rel_difference", report.difference}};
  head["notes"] = report.notes;
  std::vector<Json> items;
  for (const ImportReport::Entry& entry : report.entries) {
    Json item;
    item["name"] = entry.name;
    if (!entry.kind.empty()) item["kind"] = entry.kind;
    item["from"] = entry.from;
    items.push_back(std::move(item));
  }
  return with_lines(head, report.format == "onnx" ? "layers" : "tensors", items);
}

}  // namespace vitality::importing
