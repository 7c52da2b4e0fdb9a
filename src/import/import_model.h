// Turns a checkpoint into a workload and its weights. The result is compared with the checkpoint before it is returned.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "import/draft.h"
#include "import/graph.h"
#include "import/recognise.h"
#include "tensor/matrix.h"

namespace vitality::importing {

struct Imported {
  std::string workload;                    // the text of workload.json
  std::map<std::string, MatrixD> weights;  // by tensor name
  bool float32 = true;                     // every weight is a float32 number
  std::string report;                      // the text of import.json
};

// Imports an ONNX model. Throws InputError for what onnx_file.h or recognise.h refuse; also if, on random images, the
// workload's logits differ from the graph's by more than kTolerance of the largest: it then names the first node whose
// value differs.
constexpr double kTolerance = 1e-9;
Imported import_onnx(const std::string& path);
Imported import_graph(const Graph& graph);
// The same from what was recognised in the graph.
Imported import_recognised(const Graph& graph, const Recognised& recognised);

// Imports a .safetensors file for a workload whose form is known, by the tensor names of timm, torchvision and Hugging
// Face. resize_positions: position embeddings of another grid are resized (resize_positions.h), else refused.
Imported import_safetensors(const std::string& path, const std::string& workload, bool resize_positions = false);

// Runs the graph on one image (pixels x channels, as in workloads), in double. keep: numbers of the values to return.
std::map<int, Tensor> evaluate_graph(const Graph& graph, const MatrixD& image, const std::vector<int>& keep);

}  // namespace vitality::importing
