// Sanger's predictor, masks, sparse and unified attention: against golden arrays (masks bit for bit), obvious loops and
// numbers worked out by hand.
#include "reference/sparse_attention.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.h"
#include "reference/quantizer.h"
#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"
#include "tests/support/npy_files.h"

using namespace vitality;
using golden::load;
using golden::random_matrix;
using golden::relative_error;

namespace {

Mask unpack(const MatrixD& packed, int cols) {
  Mask mask(packed.rows(), cols);
  for (int i = 0; i < mask.rows(); ++i)
    for (int j = 0; j < cols; ++j) mask(i, j) = static_cast<int>(packed(i, j / 8)) >> j % 8 & 1;
  return mask;
}

int differences(const Mask& a, const Mask& b) {
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.cols() == b.cols());
  int count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i];
  return count;
}

Mask mask_of(int rows, int cols, const std::vector<int>& bits) {
  Mask mask(rows, cols);
  std::copy(bits.begin(), bits.end(), mask.data());
  return mask;
}

const std::vector<std::pair<std::string, double>> kThresholds = {{"T0.5", 0.5}, {"T0.02", 0.02}, {"T0.002", 0.002}};

}  // namespace

TEST_CASE("sparse: codes and masks equal the golden ones bit for bit") {
  int masks = 0, codes = 0;
  for (const auto& name : golden::kCases) {
    const MatrixD q = load(name, "Q"), k = load(name, "K");
    for (const auto& [suffix, threshold] : kThresholds) {
      for (const bool normalize : {true, false}) {
        const std::string array = std::string(normalize ? "mask_norm_" : "mask_plain_") + suffix;
        if (!golden::has(name, array)) continue;
        INFO(name << " " << array);
        CHECK(differences(predict_mask(q, k, {4, normalize, threshold}), unpack(load(name, array), k.rows())) == 0);
        ++masks;
      }
    }
    for (const std::string tensor : {"Q", "K"}) {
      if (!golden::has(name, "sanger_codes_" + tensor)) continue;
      MatrixD x = load(name, tensor);
      for (int i = 0; i < x.rows(); ++i) {
        double norm = 0;
        for (int c = 0; c < x.cols(); ++c) norm += x(i, c) * x(i, c);
        for (int c = 0; c < x.cols(); ++c) x(i, c) /= std::sqrt(norm);
      }
      const MatrixD want = load(name, "sanger_codes_" + tensor);
      const auto got = quantize_symmetric(x, 4);
      CHECK(std::equal(want.data(), want.data() + want.size(), got.codes.data()));
      ++codes;
    }
  }
  CHECK(masks >= 8);
  CHECK(codes >= 4);
}

TEST_CASE("sparse: outputs equal the golden ones") {
  int checked = 0;
  for (const auto& name : golden::kCases) {
    const MatrixD q = load(name, "Q"), k = load(name, "K"), v = load(name, "V");
    const auto check = [&](const std::string& array, const MatrixD& z) {
      INFO(name << " " << array);
      if (!golden::has(name, array)) return;
      CHECK(relative_error(z, load(name, array)) < 1e-12);
      ++checked;
    };
    for (const auto& [suffix, threshold] : kThresholds) {
      const Mask mask = predict_mask(q, k, {4, true, threshold}), plain = predict_mask(q, k, {4, false, threshold});
      check("Z_sanger_" + suffix, sparse_attention(q, k, v, mask).z);
      check("Z_sangerplain_" + suffix, sparse_attention(q, k, v, plain).z);
      check("Z_unified_" + suffix, unified_attention(q, k, v, mask).z);
      check("Z_unifiedadd_" + suffix, unified_attention(q, k, v, mask, AttentionKind::kUnifiedAdditive).z);
    }
  }
  CHECK(checked >= 12);
}

TEST_CASE("sparse: the symmetric quantiser by hand") {
  MatrixD x(1, 6);
  const double values[] = {7, -7, 2.5, 3.5, -0.5, 0.51};
  std::copy(values, values + 6, x.data());
  const SymmetricCodes q = quantize_symmetric(x, 4);  // scale 1: halves go to even
  CHECK(q.scale == 1);
  CHECK(std::vector<int>(q.codes.data(), q.codes.data() + 6) == std::vector<int>{7, -7, 2, 4, 0, 1});
  CHECK(dequantize(q)(0, 3) == 4);
  const SymmetricCodes zeros = quantize_symmetric(MatrixD(2, 2), 4);
  CHECK(max_abs(dequantize(zeros)) == 0);
  // The smallest numbers there are: the scale overflows, the result is still a number.
  CHECK(max_abs(dequantize(quantize_symmetric(MatrixD(2, 2, 5e-324), 4))) == 0);
}

TEST_CASE("sparse: the threshold is strict") {
  // Equal keys: every predicted probability is exactly 1/4.
  const MatrixD q(2, 3, 1.0), k(4, 3, 1.0);
  CHECK(kept_entries(predict_mask(q, k, {4, true, 0.25})) == 0);
  CHECK(kept_entries(predict_mask(q, k, {4, true, 0.2499999})) == 8);
  CHECK(kept_entries(predict_mask(q, k, {4, true, 0})) == 8);
  CHECK(kept_entries(predict_mask(q, MatrixD(4, 3), {4, true, 0.2})) == 8);  // rows of zeros: scores 0, not NaN
  CHECK(kept_entries(predict_mask(q, MatrixD(1, 3, 2.0), {4, false, 1})) == 0);
}

TEST_CASE("sparse: softmax over the kept entries, dense where none is kept") {
  const MatrixD q = random_matrix(4, 5, 1), k = random_matrix(6, 5, 2), v = random_matrix(6, 3, 3),
                bias = random_matrix(4, 6, 4);
  const Mask mask =
      mask_of(4, 6, {1, 0, 1, 0, 0, 1, /**/ 0, 0, 0, 0, 0, 0, /**/ 0, 0, 0, 1, 0, 0, /**/ 1, 1, 1, 1, 1, 1});
  for (const MatrixD* b : {static_cast<const MatrixD*>(nullptr), &bias}) {
    const SparseAttention result = sparse_attention(q, k, v, mask, b);
    CHECK(result.fallback_rows == 1);
    const MatrixD dense = softmax_map(q, k, b);
    for (int i = 0; i < 4; ++i) {
      double sum = 0;
      for (int j = 0; j < 6; ++j) sum += i == 1 || mask(i, j) ? dense(i, j) : 0;
      for (int c = 0; c < 3; ++c) {
        double z = 0;
        for (int j = 0; j < 6; ++j) z += i == 1 || mask(i, j) ? dense(i, j) / sum * v(j, c) : 0;
        CHECK(result.z(i, c) == Approx(z).epsilon(1e-12));
      }
      for (int j = 0; j < 6; ++j) CHECK((result.p(i, j) != 0) == (i == 1 || mask(i, j)));
    }
    CHECK(result.z(2, 0) == Approx(v(3, 0)).epsilon(1e-15));
  }
}

TEST_CASE("unified: the residual form is softmax on the full mask and Taylor on the empty one") {
  const MatrixD q = random_matrix(5, 8, 1), k = random_matrix(7, 8, 2), v = random_matrix(7, 6, 3);
  const Mask all(5, 7, 1), none(5, 7);
  const MatrixD softmax = softmax_attention(q, k, v), taylor = taylor_attention(q, k, v).z;
  CHECK(relative_error(unified_attention(q, k, v, all).z, softmax) < 1e-14);
  CHECK(relative_error(unified_attention(q, k, v, none).z, taylor) < 1e-14);
  CHECK(relative_error(unified_attention(q, k, v, none, AttentionKind::kUnifiedAdditive).z, taylor) < 1e-14);
  MatrixD sum = softmax;
  add_to(sum, taylor);
  CHECK(relative_error(unified_attention(q, k, v, all, AttentionKind::kUnifiedAdditive).z, sum) < 1e-14);
  CHECK_THROWS_AS(unified_attention(q, k, v, Mask(7, 5)), std::invalid_argument);
  CHECK_THROWS_AS(sparse_attention(q, k, v, Mask(5, 6)), std::invalid_argument);
}

TEST_CASE("unified: a mask in between, entry by entry") {
  const MatrixD q = random_matrix(9, 4, 5), k = random_matrix(11, 4, 6), v = random_matrix(11, 3, 7);
  const Mask mask = random_mask(9, 11, 0.3, 1);
  const UnifiedAttention u = unified_attention(q, k, v, mask);
  for (int i = 0; i < 9; ++i) {
    for (int c = 0; c < 3; ++c) {
      double z = 0;
      for (int j = 0; j < 11; ++j) z += (u.t(i, j) + mask(i, j) * (u.p(i, j) - u.t(i, j))) * v(j, c);
      CHECK(u.z(i, c) == Approx(z).epsilon(1e-12).margin(1e-14));
    }
  }
}

TEST_CASE("mask: pack and split by hand") {
  // 70 columns: a vector of 64 and one of 6. Row 0: 17 ones and 1; row 1: none; row 2: 64 and 0.
  Mask mask(3, 70);
  for (int j = 0; j < 17; ++j) mask(0, 3 * j) = 1;
  mask(0, 69) = 1;
  for (int j = 0; j < 64; ++j) mask(2, j) = 1;
  const PackSplit packed = pack_and_split(mask);
  CHECK(packed.vectors == 6);
  CHECK(packed.skipped_vectors == 3);
  CHECK(packed.ones == 82);
  CHECK(packed.sub_rows == 2 + 1 + 4);
  CHECK(packed.utilization == Approx(82.0 / (7 * 16)));
  CHECK(pack_and_split(mask, 32).sub_rows == 1 + 1 + 2);
  CHECK(pack_and_split(Mask(2, 3)).utilization == 1);
  CHECK(empty_rows(mask) == 1);
  CHECK(density(mask) == Approx(82.0 / 210));
}

TEST_CASE("mask: random masks have exactly their density and follow their seed") {
  for (const double wanted : {0.0, 0.1, 0.5, 1.0})
    CHECK(kept_entries(random_mask(50, 40, wanted, 7)) == static_cast<Count>(2000 * wanted));
  CHECK(differences(random_mask(50, 40, 0.3, 1), random_mask(50, 40, 0.3, 1)) == 0);
  CHECK(differences(random_mask(50, 40, 0.3, 1), random_mask(50, 40, 0.3, 2)) > 500);
}

TEST_CASE("mask: files of another shape, type or with other values are refused") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("vitality_mask_" + std::to_string(::getpid()) + ".npy")).string();
  write_npy(path, {2, 3}, {0, 1, 1, 0, 0, 1}, NpyType::kUint8);
  CHECK(kept_entries(read_mask(path, 2, 3)) == 3);
  CHECK_THROWS_WITH(read_mask(path, 3, 2), Catch::Contains("mask of shape (2, 3), expected (3, 2)"));
  write_npy(path, {2, 3}, {0, 1, 1, 0, 2, 1}, NpyType::kUint8);
  CHECK_THROWS_WITH(read_mask(path, 2, 3), Catch::Contains("value 2"));
  write_npy(path, {2, 3}, {0, 1, 1, 0, 0, 1}, NpyType::kFloat64);
  CHECK_THROWS_AS(read_mask(path, 2, 3), InputError);
  std::filesystem::remove(path);
}
