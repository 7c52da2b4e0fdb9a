#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "base/checkpoint.h"
#include "base/error.h"
#include "base/parallel.h"
#include "evaluate/images.h"
#include "evaluate/statistics.h"
#include "reference/attention.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using vitality::test::ScratchFolder;

TEST_CASE("Wilson's interval has the published values") {
  // Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
  const Proportion a{81, 263}, b{15, 148}, c{0, 20}, d{1, 29};
  CHECK(a.low() == Approx(0.2553).margin(5e-5));
  CHECK(a.high() == Approx(0.3662).margin(5e-5));
  CHECK(b.low() == Approx(0.0624).margin(5e-5));
  CHECK(b.high() == Approx(0.1605).margin(5e-5));
  CHECK(c.low() == 0);
  CHECK(c.high() == Approx(0.1611).margin(5e-5));
  CHECK(d.low() == Approx(0.0061).margin(5e-5));
  CHECK(d.high() == Approx(0.1718).margin(5e-5));
  CHECK(Proportion{20, 20}.high() == 1);
}

TEST_CASE("quantiles lie between ranks as numpy's do") {
  CHECK(quantile({3}, 0.95) == 3);
  CHECK(quantile({5, 1, 2, 4, 3}, 0.5) == 3);
  CHECK(quantile({1, 2, 3, 4}, 0.05) == Approx(1.15));  // rank 0.15
  CHECK(quantile({1, 2, 3, 4}, 0.95) == Approx(3.85));
}

TEST_CASE("of equal logits the first is ahead") {
  CHECK(best_class({1, 3, 3, 2}) == 1);
  CHECK(is_among({1, 3, 3, 2}, 2, 2));
  CHECK_FALSE(is_among({1, 3, 3, 2}, 2, 1));
  CHECK_FALSE(is_among({1, 3, 3, 2}, 0, 3));
  CHECK(is_among({1, 3, 3, 2}, 0, 4));
}

TEST_CASE("scores below -1 are the negative entries of the Taylor map") {
  const MatrixD q = test::random_matrix(7, 4, 1, -3, 3), k = test::random_matrix(9, 4, 2, -3, 3),
                v = test::random_matrix(9, 5, 3);
  const TaylorSteps steps = taylor_attention(q, k, v);
  const MatrixD map = taylor_map(q, steps);
  Count negative = 0;
  for (std::size_t i = 0; i < map.size(); ++i) negative += map.data()[i] < 0;
  REQUIRE(negative > 5);
  AttentionStatistics statistics;
  measure({0, 0, 0, q, k, v, steps.z, nullptr}, false, statistics);
  CHECK(statistics.negative == negative);
  CHECK(statistics.scores == 63);
  Difference expected;
  expected.add(steps.z, 1, softmax_attention(q, k, v));
  CHECK(statistics.z.relative() == Approx(expected.relative()).epsilon(1e-12));
  CHECK(statistics.z.cosine() == Approx(expected.cosine()).epsilon(1e-12));
}

TEST_CASE("every index is worked on once, whatever the number of threads") {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> seen(100);
    for_each_index(threads, seen.size(), [&](std::size_t i) { ++seen[i]; });
    for (const auto& count : seen) CHECK(count == 1);
  }
  CHECK_THROWS_AS(for_each_index(2, 10,
                                 [](std::size_t i) {
                                   if (i == 3) throw InputError("", "", "x");
                                 }),
                  InputError);
}

TEST_CASE("a checkpoint goes on behind its last whole record") {
  const ScratchFolder folder;
  const std::string path = folder.path("c");
  {
    Checkpoint checkpoint(path, "evaluation", "identity");
    checkpoint.add(0, 0, "first");
    checkpoint.add(-1, 7, "second");
    CHECK_THROWS_AS(Checkpoint(path, "evaluation", "identity"), InputError);  // in use
  }
  std::string bytes = test::read_text(path);
  const auto expect = [&](const std::string& content, bool first, bool second) {
    INFO(content.size());
    folder.write("c", content);
    Checkpoint checkpoint(path, "evaluation", "identity");
    CHECK(checkpoint.has(0, 0) == first);
    CHECK(checkpoint.has(-1, 7) == second);
    if (first) CHECK(checkpoint.read(0, 0) == "first");
    checkpoint.add(2, 2, "third");
    CHECK(checkpoint.read(2, 2) == "third");
  };
  expect(bytes, true, true);
  for (std::size_t cut = 1; cut < 40; cut += 6) expect(bytes.substr(0, bytes.size() - cut), true, false);
  std::string flipped = bytes;
  flipped.back() = static_cast<char>(~flipped.back());
  expect(flipped, true, false);
  expect("", false, false);

  folder.write("c", bytes);
  CHECK_THROWS_WITH(Checkpoint(path, "evaluation", "other"), Catch::Contains("belongs to another evaluation"));
  folder.write("c", "some text that somebody needs");
  CHECK_THROWS_WITH(Checkpoint(path, "evaluation", "identity"), Catch::Contains("not a checkpoint"));
  CHECK(test::read_text(path) == "some text that somebody needs");
}

TEST_CASE("bytes of images count as value over 255, numbers as they are, then mean and deviation") {
  const ScratchFolder folder;
  VitModel model;
  model.image_height = 1, model.image_width = 2, model.image_channels = 2;
  const Normalisation normal{{0.5, 0}, {0.25, 2}};
  const auto write = [&](const std::string& name, const NpyShape& shape, const std::vector<double>& values,
                         NpyType type) {
    std::FILE* file = std::fopen(folder.path(name).c_str(), "wb");
    write_npy(file, shape, values, type);
    std::fclose(file);
    return folder.path(name);
  };
  const ImageFile bytes(write("b.npy", {2, 1, 2, 2}, {0, 0, 0, 0, 0, 51, 255, 102}, NpyType::kUint8), model, normal);
  REQUIRE(bytes.count() == 2);
  const MatrixD image = bytes.image(1);
  CHECK(image(0, 0) == -2);
  CHECK(image(0, 1) == Approx(0.1));
  CHECK(image(1, 0) == 2);
  CHECK(image(1, 1) == Approx(0.2));
  const ImageFile numbers(write("n.npy", {1, 1, 2, 2}, {0, 51, 255, 102}, NpyType::kFloat32), model, normal);
  CHECK(numbers.image(0)(1, 0) == (255 - 0.5) / 0.25);
  const std::string turned = write("t.npy", {1, 2, 1, 2}, {0, 51, 255, 102}, NpyType::kFloat32);
  CHECK_THROWS_WITH(ImageFile(turned, model, normal), Catch::Contains("expected (n, 1, 2, 2)"));
  CHECK_THROWS_WITH(ImageFile(write("g.npy", {1, 1, 2}, {0, 51}, NpyType::kUint8), model, normal),
                    Catch::Contains("shape (1, 1, 2)"));
}

TEST_CASE("labels are one class an image") {
  const ScratchFolder folder;
  const auto write = [&](const std::vector<double>& values, NpyType type) {
    std::FILE* file = std::fopen(folder.path("l.npy").c_str(), "wb");
    write_npy(file, {static_cast<int>(values.size())}, values, type);
    std::fclose(file);
    return folder.path("l.npy");
  };
  for (const NpyType type : {NpyType::kUint8, NpyType::kInt8, NpyType::kInt32, NpyType::kInt64})
    CHECK(read_labels(write({0, 9, 3}, type), 3, 10) == std::vector<int>{0, 9, 3});
  CHECK_THROWS_WITH(read_labels(write({0, 10, 3}, NpyType::kUint8), 3, 10),
                    Catch::Contains("label 10 of image 1, expected 0 to 9"));
  CHECK_THROWS_WITH(read_labels(write({0, -1, 3}, NpyType::kInt64), 3, 10), Catch::Contains("label -1 of image 1"));
  CHECK_THROWS_WITH(read_labels(write({0, 1}, NpyType::kUint8), 3, 10), Catch::Contains("shape (2,), expected (3,)"));
  CHECK_THROWS_AS(read_labels(write({0, 1, 2}, NpyType::kFloat64), 3, 10), InputError);
}
