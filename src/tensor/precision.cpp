#include "tensor/precision.h"

namespace vitality {

Bytes storage_bytes(Precision p) {
  switch (p) {
    case Precision::kFp64:
      return 8;
    case Precision::kFp32:
      return 4;
    case Precision::kFp16:
    case Precision::kInt16:
      return 2;
    case Precision::kInt8:
      return 1;
  }
  return 0;
}

Bytes accumulator_bytes(Precision p) {
  switch (p) {
    case Precision::kFp64:
      return 8;
    case Precision::kInt16:
      return 6;
    default:
      return 4;
  }
}

bool is_integer(Precision p) {
  return p == Precision::kInt16 || p == Precision::kInt8;
}
int max_code(Precision p) {
  return p == Precision::kInt16 ? 32767 : p == Precision::kInt8 ? 127 : 0;
}

const std::vector<std::string>& precision_names() {
  static const std::vector<std::string> names = {"fp64", "fp32", "fp16", "int16", "int8"};
  return names;
}

const char* to_string(Precision p) {
  return precision_names()[static_cast<std::size_t>(p)].c_str();
}

bool parse_precision(const std::string& name, Precision& out) {
  for (std::size_t i = 0; i < precision_names().size(); ++i) {
    if (precision_names()[i] == name) {
      out = static_cast<Precision>(i);
      return true;
    }
  }
  return false;
}

}  // namespace vitality
