// A checkpoint as a workload and its weights. What comes out was compared with what went in before it is returned.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "import/draft.h"
#include "import/graph.h"
#include "tensor/matrix.h"

namespace vitality::importing {

struct Imported {
  std::string workload;                    // the text of workload.json
  std::map<std::string, MatrixD> weights;  // by tensor name
  bool float32 = true;                     // every weight is a float32 number
  std::string report;                      // the text of import.json
};

// An ONNX model. InputError: what onnx_file.h, recognise.h refuse; and where the workload's logits on random images
// differ from the graph's by more than kTolerance of the largest: the first node whose value differs.
constexpr double kTolerance = 1e-9;
Imported import_onnx(const std::string& path);
Imported import_graph(const Graph& graph);

// A .safetensors file for a workload whose form is known: by the names that timm, torchvision and Hugging Face give.
Imported import_safetensors(const std::string& path, const std::string& workload);

// The graph on one image (pixels x channels, as workloads have it), in double. Values to keep by number.
std::map<int, Tensor> evaluate_graph(const Graph& graph, const MatrixD& image, const std::vector<int>& keep);

}  // namespace vitality::importing
