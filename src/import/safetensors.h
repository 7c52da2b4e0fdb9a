// A .safetensors file: 8 bytes with the length of the header, a JSON header, then the bytes of the tensors.
//
// F64, F32, F16 and BF16 tensors are read as doubles; integer tensors are listed without values. Throws InputError if
// the header is cut off or not JSON; if the bytes of a tensor do not match the size of its shape, lie outside the file,
// or overlap those of another tensor; or if a value is not finite. Format: https://github.com/huggingface/safetensors
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
