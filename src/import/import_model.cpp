#include "import/import_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "import/onnx_file.h"
#include "import/operators.h"
#include "import/recognise.h"
#include "import/report_json.h"
#include "reference/model.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

namespace vitality::importing {
namespace {

constexpr int kImages = 2;

double largest(const Tensor& tensor) {
  double most = 0;
  for (const double value : tensor.real) most = std::max(most, std::fabs(value));
  return most;
}

bool fits_float(double value) {
  return static_cast<double>(static_cast<float>(value)) == value;
}

// Softmax, but in layers that say another kind.
reference::ForwardOptions kinds_of(const VitModel& model) {
  reference::ForwardOptions options;
  options.attention.assign(model.layers.size(), AttentionKind::kSoftmax);
  return options;
}

// Largest difference of a layer's output from the value of the graph that it stands for, relative to the largest value.
double difference(const MatrixD& layer, const Tensor& places, const Tensor& value) {
  double most = 0;
  for (std::size_t i = 0; i < value.size(); ++i)
    most = std::max(most, std::fabs(layer.data()[places.integer[i]] - value.real[i]));
  return most / std::max(1e-300, largest(value));
}

// The workload reads the same image as the graph; its logits are the last layer's only row.
class Judge {
 public:
  Judge(const Graph& graph, const Recognised& recognised, const VitModel& model, const StoredParameters& parameters)
      : graph_(graph), recognised_(recognised), model_(model), parameters_(parameters) {}

  double compare(int image) {
    StoredParameters given(parameters_);
    const ParameterInfo input = parameters_of(model_)[0];
    const MatrixD pixels = SeededParameters(static_cast<std::uint64_t>(image) + 1).tensor(input);
    given.tensors()["input"] = pixels;
    const reference::ForwardResult result = reference::forward(model_, given, kinds_of(model_));
    const Tensor logits = evaluate_graph(graph_, pixels, {recognised_.output})[recognised_.output];
    const MatrixD& own = result.outputs.back();
    double most = own.size() == logits.size() ? 0 : HUGE_VAL;
    for (std::size_t i = 0; i < logits.size() && i < own.size(); ++i) {
      const double off = std::fabs(own.data()[i] - logits.real[i]) / std::max(1e-300, largest(logits));
      most = off <= most ? most : off;  // written so that NaN is kept
    }
    if (!(most <= kTolerance)) name_first_difference(pixels, result, most);
    return most;
  }

 private:
  [[noreturn]] void name_first_difference(const MatrixD& pixels, const reference::ForwardResult& result,
                                          double logits) const {
    std::vector<int> keep;
    for (const DraftLayer& layer : recognised_.layers)
      if (layer.value != kNoValue) keep.push_back(layer.value);
    const std::map<int, Tensor> values = evaluate_graph(graph_, pixels, keep);
    for (std::size_t i = 0; i < recognised_.layers.size(); ++i) {
      const DraftLayer& layer = recognised_.layers[i];
      if (layer.value == kNoValue) continue;
      const double off = difference(result.outputs[i], *layer.places, values.at(layer.value));
      if (off <= kTolerance) continue;
      for (const Node& node : graph_.nodes)
        if (std::find(node.outputs.begin(), node.outputs.end(), layer.value) != node.outputs.end())
          fail_at(graph_, node,
                  "layer " + layer.layer.name + " computes something else: off by " + std::to_string(off) +
                      " of the largest value");
    }
    throw InputError(graph_.file, "",
                     "the logits of the workload are off by " + std::to_string(logits) + " of the largest");
  }

  const Graph& graph_;
  const Recognised& recognised_;
  const VitModel& model_;
  const StoredParameters& parameters_;
};

ImportReport report_of(const Graph& graph, const Recognised& recognised) {
  ImportReport report;
  report.source = graph.file, report.format = "onnx", report.opset = graph.opset;
  report.images = kImages, report.difference = 0;
  report.notes = recognised.notes;
  for (const DraftLayer& layer : recognised.layers) {
    std::string from = "weights or shape of other nodes changed";
    for (const Node& node : graph.nodes)
      if (layer.value != kNoValue &&
          std::find(node.outputs.begin(), node.outputs.end(), layer.value) != node.outputs.end())
        from = label_of(node);
    if (layer.value == kNoValue && layer.layer.inputs.size() == 1 && layer.tensors.empty()) from = "an order of rows";
    report.entries.push_back({layer.layer.name, kind_name(layer.layer), from});
  }
  return report;
}

}  // namespace

std::map<int, Tensor> evaluate_graph(const Graph& graph, const MatrixD& image, const std::vector<int>& keep) {
  std::vector<int> last(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int value : graph.nodes[i].inputs)
      if (value != kNoValue) last[static_cast<std::size_t>(value)] = static_cast<int>(i);
  for (const int value : keep) last[static_cast<std::size_t>(value)] = static_cast<int>(graph.nodes.size());
  std::map<int, Tensor> values;
  Tensor& pixels = values[graph.input] = real_tensor(graph.input_shape);
  for (int r = 0; r < image.rows(); ++r)
    for (int c = 0; c < image.cols(); ++c)
      pixels.real[static_cast<std::size_t>(graph.channels_last ? r * image.cols() + c : c * image.rows() + r)] =
          image(r, c);
  Budget budget;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Inputs inputs;
    for (const int value : node.inputs) {
      const auto found = graph.constants.find(value);
      const auto computed = values.find(value);
      inputs.push_back(found != graph.constants.end() ? found->second.get()
                       : computed != values.end()     ? &computed->second
                                                      : nullptr);
    }
    Outputs results;
    try {
      // Only nodes that lead to the wanted values matter; a final Softmax does not, for example.
      results = evaluate(node, inputs, budget);
    } catch (const NodeError& error) {
      fail_at(graph, node, error.what());
    }
    for (std::size_t k = 0; k < node.outputs.size() && k < results.size(); ++k)
      if (node.outputs[k] != kNoValue && last[static_cast<std::size_t>(node.outputs[k])] > static_cast<int>(i))
        values[node.outputs[k]] = std::move(results[k]);
    for (const int value : node.inputs)
      if (value != kNoValue && last[static_cast<std::size_t>(value)] == static_cast<int>(i)) values.erase(value);
  }
  return values;
}

Imported import_graph(const Graph& graph) {
  return import_recognised(graph, recognise(graph));
}

Imported import_recognised(const Graph& graph, const Recognised& recognised) {
  Imported out;
  out.workload = workload_text(graph, recognised);
  const VitModel model = parse_workload(out.workload, graph.file);
  const SeededParameters seeded(1);
  StoredParameters parameters(seeded);
  for (const DraftLayer& layer : recognised.layers) {
    for (const auto& [key, tensor] : layer.tensors) {
      for (std::size_t i = 0; i < tensor.size(); ++i) {
        const double value = tensor.data()[i];
        if (!std::isfinite(value))
          throw InputError(graph.file, "", "layer " + layer.layer.name + ": a weight that is not finite");
        out.float32 = out.float32 && fits_float(value);
      }
      parameters.tensors()[layer.layer.name + "." + key] = tensor;
    }
  }
  for (const ParameterInfo& info : parameters_of(model)) {
    if (info.role == ParameterRole::kImage) continue;
    const auto found = parameters.tensors().find(info.name);
    if (found == parameters.tensors().end() || found->second.rows() != info.rows || found->second.cols() != info.cols)
      throw InputError(graph.file, "",
                       "the graph gives no tensor " + info.name + " of " + std::to_string(info.rows) + " x " +
                           std::to_string(info.cols));
  }
  ImportReport report = report_of(graph, recognised);
  Judge judge(graph, recognised, model, parameters);
  for (int image = 0; image < kImages; ++image) report.difference = std::max(report.difference, judge.compare(image));
  out.report = report_text(report);
  out.weights = std::move(parameters.tensors());
  return out;
}

Imported import_onnx(const std::string& path) {
  return import_graph(read_onnx(path));
}

}  // namespace vitality::importing
