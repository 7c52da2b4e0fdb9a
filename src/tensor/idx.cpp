#include "tensor/idx.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/output_file.h"

namespace vitality {
namespace {

constexpr std::size_t kMaxDimensions = 4, kChunk = 1 << 20;
constexpr int kUnsignedBytes = 8;

// zlib also reads files that are not compressed, unchanged.
class Source {
 public:
  explicit Source(const std::string& path) : path_(path), file_(nullptr, gzclose_r) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) throw_file_error(path, "can't be read", errno);
    if (!S_ISREG(status.st_mode)) throw InputError(path, "", "not a regular file");
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) throw_file_error(path, "can't be read", errno != 0 ? errno : ENOMEM);
    note_input(path);
  }

  // Reads fewer than `count` bytes only at the end of the file.
  std::size_t read(std::uint8_t* to, std::size_t count) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(count));
    int code = Z_OK;
    const std::string text = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) throw_file_error(path_, "can't be read", errno);
    if (code == Z_MEM_ERROR) throw EnvironmentError(path_ + ": no memory to decompress it");
    if (got < 0 || code != Z_OK)
      throw InputError(path_, "",
                       code == Z_BUF_ERROR ? "truncated: its compressed data ends too early"
                                           : "broken compression: " + text + ", expected gzip");
    return static_cast<std::size_t>(got);
  }

 private:
  const std::string& path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

NpyShape read_header(Source& source, const std::string& path) {
  std::uint8_t bytes[4 * kMaxDimensions];
  if (source.read(bytes, 4) != 4 || bytes[0] != 0 || bytes[1] != 0)
    throw InputError(path, "", "not an IDX file (it does not start with two zero bytes, a type and a count)");
  if (bytes[2] != kUnsignedBytes)
    throw InputError(path, "", "IDX elements of type " + std::to_string(bytes[2]) + ", expected unsigned bytes (8)");
  const std::size_t dimensions = bytes[3];
  if (dimensions == 0 || dimensions > kMaxDimensions)
    throw InputError(
        path, "",
        "IDX array of " + std::to_string(dimensions) + " dimensions, expected 1 to " + std::to_string(kMaxDimensions));
  if (source.read(bytes, 4 * dimensions) != 4 * dimensions)
    throw InputError(path, "", "truncated: its header ends too early");
  NpyShape shape;
  std::size_t elements = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t size = std::size_t{bytes[4 * i]} << 24 | std::size_t{bytes[4 * i + 1]} << 16 |
                             std::size_t{bytes[4 * i + 2]} << 8 | bytes[4 * i + 3];
    if (size == 0) throw InputError(path, "", "IDX array with a dimension of 0");
    if (elements > kMaxIdxElements / size)
      throw InputError(path, "", "IDX array is too large: at most " + std::to_string(kMaxIdxElements) + " elements");
    elements *= size;
    shape.push_back(static_cast<int>(size));
  }
  return shape;
}

}  // namespace

IdxArray read_idx(const std::string& path) {
  Source source(path);
  IdxArray array;
  array.shape = read_header(source, path);
  const std::size_t count = element_count(array.shape);
  for (std::size_t done = 0; done < count;) {
    array.values.resize(std::min(count, done + kChunk));
    const std::size_t got = source.read(array.values.data() + done, array.values.size() - done);
    done += got;
    if (got == 0)
      throw InputError(path, "",
                       "truncated: " + std::to_string(done) + " elements, its header says " + std::to_string(count) +
                           " " + to_string(array.shape));
  }
  std::uint8_t behind;
  if (source.read(&behind, 1) != 0)
    throw InputError(
        path, "",
        "too long: more than the " + std::to_string(count) + " elements of its header " + to_string(array.shape));
  return array;
}

bool looks_like_idx(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  unsigned char start[2] = {1, 1};
  if (!file || std::fread(start, 1, 2, file.get()) != 2) return false;
  return (start[0] == 0 && start[1] == 0) || (start[0] == 0x1F && start[1] == 0x8B);
}

}  // namespace vitality
