#include "tensor/npy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/output_file.h"

namespace vitality {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they lie in memory");

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 4096, kMaxDimensions = 4, kChunk = 1 << 16;

struct TypeInfo {
  NpyType type;
  const char* name;
  const char* descr;
  std::size_t size;
};
constexpr TypeInfo kTypes[] = {{NpyType::kFloat32, "float32", "<f4", 4}, {NpyType::kFloat64, "float64", "<f8", 8},
                               {NpyType::kInt32, "int32", "<i4", 4},     {NpyType::kInt8, "int8", "|i1", 1},
                               {NpyType::kUint8, "uint8", "|u1", 1},     {NpyType::kInt64, "int64", "<i8", 8}};

const TypeInfo& info(NpyType type) {
  return kTypes[static_cast<int>(type)];
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  NpyShape shape;
};

// The header is a Python dictionary literal with exactly three keys.
class HeaderParser {
 public:
  HeaderParser(const std::string& text, const std::string& file) : text_(text), file_(file) {}

  Header parse() {
    Header header;
    bool seen[3] = {};
    expect('{');
    while (!take('}')) {
      const std::string key = quoted_text();
      expect(':');
      const int index = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (index < 0 || seen[index]) fail();
      seen[index] = true;
      if (index == 0) header.descr = descr();
      if (index == 1) header.fortran_order = boolean();
      if (index == 2) header.shape = shape();
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (skip_space() != text_.size() || !seen[0] || !seen[1] || !seen[2]) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { throw InputError(file_, "", "malformed .npy header"); }

  std::size_t skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_;
  }
  bool take(char c) {
    if (skip_space() == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  std::string quoted_text() {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string::npos) fail();
    std::string result = text_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }
  std::string descr() {
    if (skip_space() < text_.size() && text_[at_] == '[')
      throw InputError(file_, "", "structured arrays are not supported");
    return quoted_text();
  }
  bool boolean() {
    skip_space();
    for (const char* word : {"True", "False"}) {
      if (text_.compare(at_, std::strlen(word), word) != 0) continue;
      at_ += std::strlen(word);
      return word[0] == 'T';
    }
    fail();
  }
  NpyShape shape() {
    NpyShape result;
    expect('(');
    while (!take(')')) {
      result.push_back(dimension());
      if (take(',')) continue;
      expect(')');
      break;
    }
    return result;
  }
  int dimension() {
    skip_space();
    std::int64_t value = 0;
    const std::size_t first = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = std::min<std::int64_t>(value * 10 + (text_[at_] - '0'), INT32_MAX);
    }
    if (at_ == first) fail();
    return static_cast<int>(value);
  }

  const std::string& text_;
  const std::string& file_;
  std::size_t at_ = 0;
};

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

void read_bytes(std::FILE* file, void* to, std::size_t size, const std::string& path) {
  if (std::fread(to, 1, size, file) == size) return;
  if (std::ferror(file)) throw_file_error(path, "can't be read", errno);
  throw InputError(path, "", "not a whole .npy file: it ends too early");
}

// Reads at a given place of the file, independently of what other threads read.
void read_bytes_at(std::FILE* file, char* to, std::size_t size, std::size_t at, const std::string& path) {
  while (size > 0) {
    const ssize_t got = pread(fileno(file), to, size, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_file_error(path, "can't be read", errno);
    if (got == 0) throw InputError(path, "", "not a whole .npy file: it ends too early");
    to += got, at += static_cast<std::size_t>(got), size -= static_cast<std::size_t>(got);
  }
}

// Leaves the file's position at the first element.
Header read_header(std::FILE* file, const std::string& path) {
  unsigned char start[8];
  if (std::fread(start, 1, 8, file) != 8 || std::memcmp(start, kMagic, 6) != 0)
    throw InputError(path, "", "not a .npy file (it does not start with \\x93NUMPY)");
  if ((start[6] != 1 && start[6] != 2) || start[7] != 0) {
    throw InputError(
        path, "",
        ".npy format version " + std::to_string(start[6]) + "." + std::to_string(start[7]) + ", expected 1.0 or 2.0");
  }
  unsigned char length[4] = {};
  read_bytes(file, length, start[6] == 1 ? 2 : 4, path);
  const std::size_t size = length[0] | length[1] << 8 | length[2] << 16 | std::size_t{length[3]} << 24;
  if (size > kMaxHeader) throw InputError(path, "", ".npy header of " + std::to_string(size) + " bytes is too long");
  std::string text(size, '\0');
  read_bytes(file, text.data(), size, path);
  return HeaderParser(text, path).parse();
}

const TypeInfo& check_type(const Header& header, const NpyRules& rules, const std::string& path) {
  std::string expected;
  for (const NpyType type : rules.types) expected += (expected.empty() ? "" : " or ") + std::string(to_string(type));
  for (const TypeInfo& known : kTypes) {
    const bool same = header.descr == known.descr ||
                      (known.size == 1 && header.descr.size() == 3 && header.descr.substr(1) == known.descr + 1);
    if (!same) continue;
    if (std::find(rules.types.begin(), rules.types.end(), known.type) != rules.types.end()) return known;
    throw InputError(path, "", std::string("array of ") + known.name + ", expected " + expected);
  }
  std::string found = header.descr.substr(0, 16);
  for (char& c : found) c = c < ' ' || c > '~' ? '?' : c;
  throw InputError(path, "",
                   "array of type \"" + found + "\", expected " + expected +
                       (!found.empty() && found[0] == '>' ? " in little-endian order" : ""));
}

void check_shape(const Header& header, const NpyRules& rules, const std::string& path) {
  if (header.fortran_order)
    throw InputError(path, "",
                     "array in Fortran order (column after column), expected C order (row after row: "
                     "numpy.ascontiguousarray)" +
                         (rules.layout.empty() ? "" : ", " + rules.layout));
  if (header.shape.empty() || header.shape.size() > kMaxDimensions) {
    throw InputError(path, "",
                     "array of " + std::to_string(header.shape.size()) + " dimensions, expected 1 to " +
                         std::to_string(kMaxDimensions));
  }
  std::size_t elements = 1;
  for (const int size : header.shape) {
    if (size == 0) throw InputError(path, "", "array of shape " + to_string(header.shape) + " is empty");
    const bool too_many = elements > rules.max_elements / static_cast<std::size_t>(size);
    elements *= static_cast<std::size_t>(size);
    if (too_many) {
      throw InputError(path, "",
                       "array of shape " + to_string(header.shape) + " is too large: at most " +
                           std::to_string(rules.max_elements) + " elements");
    }
  }
}

void check_file_size(std::FILE* file, std::size_t bytes, const std::string& path) {
  struct stat status {};
  if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) throw InputError(path, "", "not a regular file");
  const auto rest = static_cast<std::int64_t>(status.st_size) - static_cast<std::int64_t>(std::ftell(file));
  if (rest == static_cast<std::int64_t>(bytes)) return;
  throw InputError(path, "",
                   std::string(rest < static_cast<std::int64_t>(bytes) ? "truncated" : "too long") + ": " +
                       std::to_string(std::max<std::int64_t>(rest, 0)) + " bytes of data, its header says " +
                       std::to_string(bytes));
}

template <class T>
void decode(const std::vector<char>& bytes, std::size_t count, double* to) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    to[i] = static_cast<double>(value);
  }
}

void decode(NpyType type, const std::vector<char>& bytes, std::size_t count, double* to) {
  switch (type) {
    case NpyType::kFloat32:
      return decode<float>(bytes, count, to);
    case NpyType::kFloat64:
      return decode<double>(bytes, count, to);
    case NpyType::kInt32:
      return decode<std::int32_t>(bytes, count, to);
    case NpyType::kInt8:
      return decode<std::int8_t>(bytes, count, to);
    case NpyType::kUint8:
      return decode<std::uint8_t>(bytes, count, to);
    case NpyType::kInt64:
      return decode<std::int64_t>(bytes, count, to);
  }
}

template <class T>
void encode(const double* from, std::size_t count, std::vector<char>& bytes) {
  bytes.resize(count * sizeof(T));
  for (std::size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(from[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

void encode(NpyType type, const double* from, std::size_t count, std::vector<char>& bytes) {
  switch (type) {
    case NpyType::kFloat32:
      return encode<float>(from, count, bytes);
    case NpyType::kFloat64:
      return encode<double>(from, count, bytes);
    case NpyType::kInt32:
      return encode<std::int32_t>(from, count, bytes);
    case NpyType::kInt8:
      return encode<std::int8_t>(from, count, bytes);
    case NpyType::kUint8:
      return encode<std::uint8_t>(from, count, bytes);
    case NpyType::kInt64:
      return encode<std::int64_t>(from, count, bytes);
  }
}

std::string position(const NpyShape& shape, std::size_t index) {
  NpyShape at(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; index /= static_cast<std::size_t>(shape[i]))
    at[i] = static_cast<int>(index % static_cast<std::size_t>(shape[i]));
  return to_string(at);
}

}  // namespace

const char* to_string(NpyType type) {
  return info(type).name;
}

std::string to_string(const NpyShape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::size_t element_count(const NpyShape& shape) {
  std::size_t count = 1;
  for (const int size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

NpyReader::NpyReader(std::string path, const NpyRules& rules)
    : path_(std::move(path)), finite_(rules.finite), file_(std::fopen(path_.c_str(), "rb")) {
  if (file_ == nullptr) throw_file_error(path_, "can't be read", errno);
  File file(file_);  // closed where the header is wrong
  note_input(file_);
  Header header = read_header(file_, path_);
  const TypeInfo& type = check_type(header, rules, path_);
  check_shape(header, rules, path_);
  type_ = type.type, shape_ = std::move(header.shape);
  check_file_size(file_, element_count(shape_) * type.size, path_);
  begin_ = static_cast<std::size_t>(std::ftell(file_));
  static_cast<void>(file.release());
}

NpyReader::~NpyReader() {
  std::fclose(file_);
}

void NpyReader::read(std::size_t first, std::size_t count, double* to) const {
  const std::size_t size = info(type_).size;
  std::vector<char> bytes(std::min(kChunk, count) * size);
  for (std::size_t done = 0; done < count; done += kChunk) {
    const std::size_t now = std::min(kChunk, count - done);
    read_bytes_at(file_, bytes.data(), now * size, begin_ + (first + done) * size, path_);
    decode(type_, bytes, now, to + done);
    for (std::size_t i = done; finite_ && i < done + now; ++i) {
      if (std::isfinite(to[i])) continue;
      throw InputError(path_, "",
                       std::string(std::isnan(to[i]) ? "NaN" : "infinity") + " at " + position(shape_, first + i) +
                           ", expected finite numbers");
    }
  }
}

NpyArray read_npy(const std::string& path, const NpyRules& rules) {
  const NpyReader reader(path, rules);
  NpyArray array{reader.type(), reader.shape(), {}};
  array.values.resize(element_count(array.shape));
  reader.read(0, array.values.size(), array.values.data());
  return array;
}

MatrixD read_npy_matrix(const std::string& path, const NpyRules& rules) {
  const NpyArray array = read_npy(path, rules);
  if (array.shape.size() != 2)
    throw InputError(path, "", "array of shape " + to_string(array.shape) + ", expected two dimensions");
  MatrixD matrix(array.shape[0], array.shape[1]);
  std::copy(array.values.begin(), array.values.end(), matrix.data());
  return matrix;
}

void write_npy(std::FILE* stream, const NpyShape& shape, const std::vector<double>& values, NpyType type) {
  std::string header =
      std::string("{'descr': '") + info(type).descr + "', 'fortran_order': False, 'shape': " + to_string(shape) + ", }";
  // Magic, version, length and header together fill whole blocks of 64 bytes, the last byte a newline.
  header.append(63 - (10 + header.size()) % 64, ' ') += '\n';
  std::string start(kMagic, 6);
  start += {'\1', '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  start += header;
  std::fwrite(start.data(), 1, start.size(), stream);
  std::vector<char> bytes;
  for (std::size_t done = 0; done < values.size(); done += kChunk) {
    encode(type, values.data() + done, std::min(kChunk, values.size() - done), bytes);
    std::fwrite(bytes.data(), 1, bytes.size(), stream);
  }
}

void write_npy(std::FILE* stream, const MatrixD& matrix) {
  write_npy(stream, {matrix.rows(), matrix.cols()}, std::vector<double>(matrix.data(), matrix.data() + matrix.size()),
            NpyType::kFloat64);
}

}  // namespace vitality
