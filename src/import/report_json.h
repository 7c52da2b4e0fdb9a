// The files of an import: workload.json and import.json.
#pragma once

#include <string>
#include <vector>

#include "import/recognise.h"

namespace vitality::importing {

std::string workload_text(const Graph& graph, const Recognised& recognised);

struct ImportReport {
  std::string source, format;  // the file, "onnx" or "safetensors"
  int opset = 0;               // 0: none
  double difference = -1;      // of the logits, relative; below 0: not compared
  int images = 0;              // compared
  std::vector<std::string> notes;
  struct Entry {
    std::string name, kind, from;  // of a layer or tensor; what it was in the file
  };
  std::vector<Entry> entries;
};
std::string report_text(const ImportReport& report);

}  // namespace vitality::importing
