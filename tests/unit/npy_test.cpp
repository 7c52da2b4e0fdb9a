// .npy files: what NumPy wrote is read, what is written NumPy's rules read back, and everything else is refused.
#include "tensor/npy.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "tests/support/golden_attention.h"
#include "tests/support/npy_files.h"

using namespace vitality;
namespace fs = std::filesystem;

namespace {

struct TemporaryDirectory {
  fs::path path = fs::temp_directory_path() / ("vitality_npy_" + std::to_string(::getpid()));
  TemporaryDirectory() { fs::create_directories(path); }
  ~TemporaryDirectory() { fs::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

// A file of version `major` with this header text and `data` bytes.
std::string npy(const std::string& header, std::size_t data, char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {major, '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  if (major != 1) bytes += std::string(2, '\0');
  return bytes + header + std::string(data, '\0');
}

std::string header(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

std::string error_of(const std::string& bytes, const NpyRules& rules = {}) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("x.npy");
  std::ofstream(path, std::ios::binary) << bytes;
  try {
    read_npy(path, rules);
  } catch (const InputError& error) {
    CHECK(error.file() == path);
    return error.message();
  }
  return "no error";
}

}  // namespace

TEST_CASE("npy: reads what NumPy wrote") {
  const NpyArray q = read_npy(golden::path("n3_d5_grid", "Q"));
  CHECK(q.type == NpyType::kFloat32);
  CHECK(q.shape == NpyShape{3, 5});
  // The case's inputs are multiples of 1/32 in [-4, 127/32].
  for (const double x : q.values) CHECK((x * 32 == std::floor(x * 32) && x >= -4 && x <= 127.0 / 32));
  CHECK(read_npy(golden::path("n16_d16_normal", "row_nnz_norm_T0.02"), {{NpyType::kInt32}, true}).shape ==
        NpyShape{16});
  CHECK(read_npy(golden::path("n16_d16_normal", "sanger_codes_Q"), {{NpyType::kInt8}, true}).type == NpyType::kInt8);
}

TEST_CASE("npy: what is written is read back, in every type and dimension") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.npy");
  for (const NpyType type : {NpyType::kFloat32, NpyType::kFloat64, NpyType::kInt32, NpyType::kInt8, NpyType::kUint8}) {
    for (const NpyShape& shape : {NpyShape{6}, NpyShape{2, 3}, NpyShape{1, 3, 2}, NpyShape{3, 1, 2, 1}}) {
      const std::vector<double> values = {0, 1, 2, 100, 3, 127};
      write_npy(path, shape, values, type);
      const NpyArray back = read_npy(path, {{type}, true});
      CHECK(back.type == type);
      CHECK(back.shape == shape);
      CHECK(back.values == values);
      CHECK(fs::file_size(path) % 64 == 6 * (type == NpyType::kFloat64 ? 8 : type <= NpyType::kInt32 ? 4 : 1));
    }
  }
  const MatrixD big = golden::random_matrix(300, 700, 1);  // several chunks
  write_npy(path, big);
  CHECK(golden::relative_error(read_npy_matrix(path), big) == 0);
  CHECK(std::distance(fs::directory_iterator(directory.path), fs::directory_iterator()) == 1);
}

TEST_CASE("npy: headers with other spacing and version 2.0 are read") {
  CHECK(error_of(npy(header("<f8", "(2, 3)"), 48, 2)) == "no error");
  CHECK(error_of(npy("{\"shape\":(2,),'fortran_order':False,'descr':'<f4'}", 8)) == "no error");
  CHECK(error_of(npy(header("<u1", "(2,)"), 2), {{NpyType::kUint8}, true}) == "no error");
}

TEST_CASE("npy: everything else is refused with the reason") {
  using Catch::Contains;
  CHECK_THAT(error_of(""), Contains("not a .npy file"));
  CHECK_THAT(error_of("PK\x03\x04 an .npz file"), Contains("not a .npy file"));
  CHECK_THAT(error_of(npy(header("<f8", "(2,)"), 16, 3)), Contains("version 3.0"));
  CHECK_THAT(error_of(npy(header("<f8", "(2, 3)", "True"), 48)), Contains("Fortran order"));
  CHECK_THAT(error_of(npy(header(">f8", "(2, 3)"), 48)), Contains(">f8") && Contains("little-endian"));
  CHECK_THAT(error_of(npy(header("<c16", "(2, 3)"), 96)), Contains("expected float32 or float64"));
  CHECK_THAT(error_of(npy(header("<i4", "(2, 3)"), 24)), Contains("array of int32, expected float32 or float64"));
  CHECK_THAT(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4)),
             Contains("structured"));
  CHECK_THAT(error_of(npy(header("<f8", "()"), 8)), Contains("0 dimensions"));
  CHECK_THAT(error_of(npy(header("<f8", "(1, 1, 1, 1, 1)"), 8)), Contains("5 dimensions"));
  CHECK_THAT(error_of(npy(header("<f8", "(0, 3)"), 0)), Contains("empty"));
  CHECK_THAT(error_of(npy(header("<f8", "(99999999999, 99999999999)"), 8)), Contains("too large"));
  CHECK_THAT(error_of(npy(header("<f8", "(2, 3)"), 47)), Contains("truncated: 47 bytes of data, its header says 48"));
  CHECK_THAT(error_of(npy(header("<f8", "(2, 3)"), 49)), Contains("too long"));
  CHECK_THAT(error_of(npy(header("<f8", "(2, 3)"), 48).substr(0, 30)), Contains("ends too early"));
  CHECK_THAT(error_of(npy(std::string(5000, ' '), 0)), Contains("header of 5000 bytes"));
  for (const char* text : {"{}", "{'descr': '<f8'}", "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
                           "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (1,", "{'descr: <f8"})
    CHECK(error_of(npy(text, 8)) == "malformed .npy header");
  CHECK_THROWS_AS(read_npy("/nonexistent/x.npy"), InputError);
  CHECK_THROWS_AS(read_npy("/tmp"), InputError);
  CHECK_THROWS_AS(read_npy_matrix(golden::path("n16_d16_normal", "row_nnz_norm_T0.02"), {{NpyType::kInt32}, true}),
                  InputError);
}

TEST_CASE("npy: NaN and infinity are refused where asked, with their place") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.npy");
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    write_npy(path, {2, 2}, {0, 1, bad, 3});
    CHECK_THROWS_WITH(read_npy(path), Catch::Contains("at (1, 0)"));
    CHECK(read_npy(path, {{NpyType::kFloat64}, false}).values[3] == 3);
  }
}

TEST_CASE("npy: a failed write leaves nothing behind") {}
