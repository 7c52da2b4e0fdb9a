// NumPy's .npy files (format versions 1.0 and 2.0), read strictly.
//
// Accepted: little-endian float32, float64, int64, int32, int8 and uint8 arrays in C order with 1 to 4 dimensions, none
// of them 0, and at most as many elements as the rules allow. Refused with an InputError that names the file:
// everything else, a file shorter or longer than its header says, and (if the rules say so) NaN and infinities. Files
// are written completely or not at all.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "tensor/matrix.h"

namespace vitality {

enum class NpyType { kFloat32, kFloat64, kInt32, kInt8, kUint8, kInt64 };
const char* to_string(NpyType type);  // "float32", ...

constexpr std::size_t kMaxNpyElements = std::size_t{1} << 27;

using NpyShape = std::vector<int>;
std::string to_string(const NpyShape& shape);  // "(3, 4)"
std::size_t element_count(const NpyShape& shape);

struct NpyArray {
  NpyType type = NpyType::kFloat64;
  NpyShape shape;
  std::vector<double> values;  // C order; int64 beyond 2^53 is rounded, every other type is exact in double
};

struct NpyRules {
  std::vector<NpyType> types = {NpyType::kFloat32, NpyType::kFloat64};
  bool finite = true;       // refuse NaN and infinities
  std::string layout = "";  // what rows and columns stand for; added to the error when the array's shape is wrong
  std::size_t max_elements = kMaxNpyElements;
};

// An array that stays in its file and is read in parts, from several threads if need be.
class NpyReader {
 public:
  NpyReader(std::string path, const NpyRules& rules);  // checks the header and the file's size
  ~NpyReader();
  NpyReader(const NpyReader&) = delete;
  NpyReader& operator=(const NpyReader&) = delete;
  NpyType type() const { return type_; }
  const NpyShape& shape() const { return shape_; }
  // Elements [first, first + count) in C order.
  void read(std::size_t first, std::size_t count, double* to) const;

 private:
  std::string path_;
  bool finite_;
  std::FILE* file_;
  NpyType type_ = NpyType::kFloat64;
  NpyShape shape_;
  std::size_t begin_ = 0;  // where the elements begin, in bytes
};

NpyArray read_npy(const std::string& path, const NpyRules& rules = {});
// A two-dimensional array as a matrix.
MatrixD read_npy_matrix(const std::string& path, const NpyRules& rules = {});

// Values are converted to `type` (the caller vouches that they fit). element_count(shape) == values.size(). The stream
// is one of an OutputSet (base/output_file.h), which knows whether everything was written.
void write_npy(std::FILE* stream, const NpyShape& shape, const std::vector<double>& values, NpyType type);
void write_npy(std::FILE* stream, const MatrixD& matrix);

}  // namespace vitality
