#include "tensor/idx.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "tests/support/program.h"

using namespace vitality;
using vitality::test::ScratchFolder;

namespace {

// Bytes of a header, written out as the format says: two zeros, the type, the dimensions, then each as four bytes.
std::string idx(const std::vector<unsigned>& shape, const std::string& values, char type = 8) {
  std::string bytes{'\0', '\0', type, static_cast<char>(shape.size())};
  for (const unsigned size : shape)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xFF);
  return bytes + values;
}

std::string compressed(const ScratchFolder& folder, const std::string& bytes) {
  const std::string path = folder.path("compressed.gz");
  const gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  gzclose(file);
  return test::read_text(path);
}

std::string refusal(const ScratchFolder& folder, const std::string& bytes) {
  const std::string path = folder.write("x", bytes);
  try {
    read_idx(path);
  } catch (const InputError& error) {
    CHECK(error.file() == path);
    return error.message();
  }
  return "accepted";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an IDX file is read plain and gzipped") {
  const ScratchFolder folder;
  const std::string bytes = idx({2, 1, 3}, {0, 1, 2, 3, 4, static_cast<char>(255)});
  for (const std::string& file : {bytes, compressed(folder, bytes)}) {
    const IdxArray array = read_idx(folder.write("x", file));
    CHECK(array.shape == NpyShape{2, 1, 3});
    CHECK(array.values == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 255});
    CHECK(looks_like_idx(folder.path("x")));
  }
  CHECK_FALSE(looks_like_idx(folder.write("y", "\x93NUMPY")));
}

TEST_CASE("an IDX file that lies about its size is refused with what it says") {
  const ScratchFolder folder;
  CHECK(has(refusal(folder, idx({2, 3}, "12345")), "truncated: 5 elements, its header says 6 (2, 3)"));
  CHECK(has(refusal(folder, idx({2, 3}, "1234567")), "too long: more than the 6 elements"));
  CHECK(has(refusal(folder, idx({60000, 28, 28}, "")), "truncated: 0 elements, its header says 47040000"));
  CHECK(has(refusal(folder, idx({0xFFFFFFFF}, "1")), "too large"));
  CHECK(has(refusal(folder, idx({65536, 65536, 65536, 65536}, "1")), "too large"));
  CHECK(has(refusal(folder, idx({3, 0}, "")), "a dimension of 0"));
}

TEST_CASE("what is no IDX file of bytes is refused") {
  const ScratchFolder folder;
  CHECK(has(refusal(folder, ""), "not an IDX file"));
  CHECK(has(refusal(folder, "\x01\x02\x08\x01"), "not an IDX file"));
  CHECK(has(refusal(folder, idx({1}, "1234", 13)), "type 13, expected unsigned bytes (8)"));
  CHECK(has(refusal(folder, idx({}, "1")), "0 dimensions"));
  CHECK(has(refusal(folder, idx({1, 1, 1, 1, 1}, "1")), "5 dimensions"));
  CHECK(has(refusal(folder, std::string("\0\0\x08\x03\0\0", 6)), "its header ends too early"));
}

TEST_CASE("broken gzip is refused") {
  const ScratchFolder folder;
  std::string values;
  for (int i = 0; i < 1000; ++i) values += static_cast<char>(i * i % 251);
  const std::string whole = compressed(folder, idx({1000}, values));
  CHECK(has(refusal(folder, whole.substr(0, whole.size() / 2)), "truncated"));
  CHECK(has(refusal(folder, whole.substr(0, whole.size() - 3)), "truncated"));
  std::string wrong_sum = whole;
  wrong_sum[wrong_sum.size() - 6] = static_cast<char>(~wrong_sum[wrong_sum.size() - 6]);
  CHECK(has(refusal(folder, wrong_sum), "compression"));
}

TEST_CASE("a folder is no IDX file") {
  const ScratchFolder folder;
  CHECK_THROWS_AS(read_idx(folder.path()), InputError);
  CHECK_THROWS_AS(read_idx(folder.path("nothing")), InputError);
}
