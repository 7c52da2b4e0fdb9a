// Reads an ONNX model (protobuf; opsets 11 to 20) as a Graph. The batch is bound to 1.
//
// The file is hostile: InputError names it and what is wrong (no ONNX model, an operator set that is not known, a value
// that is read before it is made, two values of one name, a weight that is not finite, data of another size than its
// shape). External data is read from files inside the model's folder alone: no path that leaves it, by name or by link.
#pragma once

#include <string>

#include "import/graph.h"

namespace vitality::importing {

constexpr int kMinOpset = 11, kMaxOpset = 20;

Graph read_onnx(const std::string& path);
// The same from bytes; external data is looked for beside `path`.
Graph parse_onnx(const std::string& bytes, const std::string& path);

}  // namespace vitality::importing
