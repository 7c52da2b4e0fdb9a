// The files of an import: workload.json and import.json.
#pragma once

#include <string>
#include <vector>

#include "import/recognise.h"

namespace vitality::importing {

std::string workload_text(const Graph& graph, const Recognised& recognised);

struct ImportReport {
  std::string source, format;  // the file, "onnx" or "safetensors"
  int opset = 0;               // 0: not an ONNX file
  double difference = -1;      // of the logits, relative; negative: not compared
  int images = 0;              // number of images compared
  std::vector<std::string> notes;
  struct Entry {
    std::string name, kind, from;  // of a layer or tensor; `from`: its name in the file
  };
  std::vector<Entry> entries;
};
std::string report_text(const ImportReport& report);

}  // namespace vitality::importing
