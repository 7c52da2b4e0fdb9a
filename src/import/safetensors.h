// A .safetensors file: a JSON header (8 bytes of its length before it), then the tensors' bytes.
//
// F64, F32, F16 and BF16 tensors are read as doubles; integer tensors are listed without values. InputError: a header
// that is cut off or no JSON, a tensor whose bytes are not of its shape's size, lie outside the file or overlap
// another's, a value that is not finite. Format: https://github.com/huggingface/safetensors
#pragma once

#include <map>
#include <string>

#include "import/graph.h"

namespace vitality::importing {

struct StoredTensors {
  std::map<std::string, Tensor> tensors;
  bool float32 = true;  // every value is a float32 number
};

StoredTensors read_safetensors(const std::string& path);
StoredTensors parse_safetensors(const std::string& bytes, const std::string& path);

}  // namespace vitality::importing
