// Reads an ONNX model (protobuf; opsets 11 to 20) as a Graph. The batch is bound to 1.
//
// The file is hostile. InputError names it and what is wrong: not an ONNX model, an unknown operator set, a value that
// is read before it is computed, two values with one name, a weight that is not finite, data whose size does not match
// the shape. External data is read only from files inside the model's folder: no path may leave it, by name or by link.
#pragma once

#include <string>

#include "import/graph.h"

namespace vitality::importing {

constexpr int kMinOpset = 11, kMaxOpset = 20;

Graph read_onnx(const std::string& path);
// The same from bytes; external data is searched beside `path`.
Graph parse_onnx(const std::string& bytes, const std::string& path);

}  // namespace vitality::importing
