// SpAtten's pruning: shares, cascades and ties worked out by hand, and against an obvious loop.
#include "reference/cascade_pruning.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "reference/attention.h"
#include "reference/sparse_attention.h"
#include "tensor/top_k.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using test::random_matrix;

namespace {

MatrixD matrix(int rows, int cols, const std::vector<double>& values) {
  MatrixD out(rows, cols);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

std::vector<int> columns(const Mask& mask) {
  std::vector<int> out;
  for (int j = 0; j < mask.cols(); ++j)
    if (mask(0, j)) out.push_back(j);
  for (int i = 1; i < mask.rows(); ++i)
    for (int j = 0; j < mask.cols(); ++j) REQUIRE(mask(i, j) == mask(0, j));
  return out;
}

}  // namespace

TEST_CASE("top k: the largest, ties to the lower index") {
  const double values[] = {2, 5, 2, 7, 2};
  CHECK(top_k(values, 5, 3) == std::vector<std::uint8_t>{1, 1, 0, 1, 0});
  CHECK(top_k(values, 5, 0) == std::vector<std::uint8_t>{0, 0, 0, 0, 0});
  CHECK(top_k(values, 5, 9) == std::vector<std::uint8_t>{1, 1, 1, 1, 1});
  CHECK(kept_count(0.1, 30) == 3);
  CHECK(kept_count(0.1, 31) == 4);
  CHECK(kept_count(0.001, 30) == 1);
  CHECK(kept_count(1, 197) == 197);
}

TEST_CASE("cascade: the share falls in equal steps behind the front layers") {
  // 12 layers, the first 15 % = 2 (1.8 rounded up) whole, the last at 0.4: steps of 0.06.
  CHECK(cascade_share(0.4, 0.15, 0, 12) == 1);
  CHECK(cascade_share(0.4, 0.15, 1, 12) == 1);
  CHECK(cascade_share(0.4, 0.15, 2, 12) == Approx(0.94));
  CHECK(cascade_share(0.4, 0.15, 7, 12) == Approx(0.64));
  CHECK(cascade_share(0.4, 0.15, 11, 12) == Approx(0.4));
  CHECK(cascade_share(0.5, 1, 11, 12) == 1);
}

TEST_CASE("cascade: importance accumulates over heads and layers, what has left stays away") {
  // Four tokens, two heads, keeps 3, then 2, then 1 of 4: shares 1, 0.75, 0.5, 0.25 over four layers.
  CascadePruning pruning({0.25, 1, 0.25, 0}, 4);
  const CascadePruning::Shape square{2, 1, 4, 4, false};
  pruning.begin_layer(square);
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{0, 1, 2, 3});
  // Columns of P summed over queries: head 0: 1.0 0.4 1.6 1.0, head 1: 1.0 2.2 0.6 0.2; together 2.0 2.6 2.2 1.2.
  const MatrixD p0 = matrix(4, 4, {1, 0, 0, 0, 0, .4, .6, 0, 0, 0, .5, .5, 0, 0, .5, .5}),
                p1 = matrix(4, 4, {1, 0, 0, 0, 0, 1, 0, 0, 0, .6, .4, 0, 0, .6, .2, .2}), z(4, 1);
  pruning.observe(0, 0, p0, z);
  pruning.observe(0, 1, p1, z);
  pruning.begin_layer(square);
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{0, 1, 2});
  CHECK(columns(pruning.mask(0, 1)) == std::vector<int>{0, 1, 2});
  // Adds 3 to token 0, 1 to token 2 and (wrongly large, to see that it stays away) 9 to token 3: 5.0 2.6 3.2 10.2.
  pruning.observe(0, 0, matrix(4, 4, {3, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), z);
  pruning.begin_layer(square);
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{0, 2});
  pruning.begin_layer(square);
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{0});
}

TEST_CASE("cascade: the class token is never pruned") {
  CascadePruning pruning({0.25, 1, 0, 0}, 2);
  const CascadePruning::Shape shape{1, 1, 4, 4, true};
  pruning.begin_layer(shape);
  MatrixD p(4, 4);
  for (int i = 0; i < 4; ++i) p(i, 2) = 1;
  pruning.observe(0, 0, p, MatrixD(4, 1));
  pruning.begin_layer(shape);  // one token of four, and token 2 has all the probability
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{0});
}

TEST_CASE("cascade: heads leave by the magnitude of their output and keep nothing") {
  CascadePruning pruning({1, 0.5, 0, 0}, 2);
  const CascadePruning::Shape shape{4, 1, 2, 2, false};
  pruning.begin_layer(shape);
  const MatrixD p = matrix(2, 2, {.5, .5, .5, .5});
  const double magnitude[] = {3, -7, 1, 4};  // by |Z|: heads 1 and 3 stay
  for (int head = 0; head < 4; ++head) pruning.observe(0, head, p, MatrixD(2, 1, magnitude[head]));
  pruning.begin_layer(shape);
  for (int head = 0; head < 4; ++head) {
    CHECK(pruning.keeps_head(head) == (head == 1 || head == 3));
    CHECK(kept_entries(pruning.mask(0, head)) == (head == 1 || head == 3 ? 4 : 0));
  }
}

TEST_CASE("cascade: another grid of tokens begins another cascade, instances prune on their own") {
  CascadePruning pruning({0.5, 1, 0, 0}, 4);
  pruning.begin_layer({1, 2, 2, 2, false});
  pruning.observe(0, 0, matrix(2, 2, {0, 1, 0, 1}), MatrixD(2, 1));
  pruning.observe(1, 0, matrix(2, 2, {1, 0, 1, 0}), MatrixD(2, 1));
  pruning.begin_layer({1, 2, 2, 2, false});  // share 0.75 of 2 tokens: both
  CHECK(columns(pruning.mask(0, 0)).size() == 2);
  pruning.begin_layer({1, 2, 2, 2, false});  // 0.625: both
  pruning.begin_layer({1, 2, 2, 2, false});  // 0.5: one
  CHECK(columns(pruning.mask(0, 0)) == std::vector<int>{1});
  CHECK(columns(pruning.mask(1, 0)) == std::vector<int>{0});

  // LeViT's way: a downsampling layer has the keys of its stage, what follows has new tokens.
  CascadePruning levit({0.25, 1, 0, 0}, 3);
  levit.begin_layer({1, 1, 4, 4, false});
  levit.observe(0, 0, matrix(4, 4, {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0}), MatrixD(4, 1));
  levit.begin_layer({1, 1, 1, 4, false});  // share 0.5
  CHECK(columns(levit.mask(0, 0)) == std::vector<int>{2, 3});
  levit.begin_layer({1, 1, 4, 4, false});  // as many tokens, but new ones
  CHECK(columns(levit.mask(0, 0)).size() == 4);
}

TEST_CASE("cascade: local values") {
  const MatrixD p = matrix(2, 4, {.1, .5, 0, .4, .25, .25, .25, .25});
  Mask mask(2, 4, 1);
  mask(0, 2) = 0;
  const Mask half = strongest_values(p, mask, 0.5);  // row 0: 2 of 3 (rounded up), row 1: 2 of 4, ties to the left
  CHECK(std::vector<int>(half.data(), half.data() + 8) == std::vector<int>{0, 1, 0, 1, 1, 1, 0, 0});
  CHECK(kept_entries(strongest_values(p, mask, 1)) == 7);
  CHECK(kept_entries(strongest_values(p, Mask(2, 4), 0.5)) == 0);
}

TEST_CASE("cascade: a model's cascade against the obvious loop") {
  constexpr int kLayers = 5, kTokens = 23, kHeads = 3, kFeatures = 8;
  const CascadeOptions options{0.3, 0.5, 0.2, 0.3};
  CascadePruning pruning(options, kLayers);
  std::vector<double> importance(kTokens), weight(kHeads);
  std::vector<int> tokens(kTokens), heads(kHeads);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::iota(heads.begin(), heads.end(), 0);
  const auto drop_to = [](std::vector<int>& left, const std::vector<double>& by, std::size_t count, int safe) {
    while (left.size() > count) {  // the least important leaves, one after the other; of equals the last
      std::size_t worst = left.size();
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] == safe) continue;
        if (worst == left.size() || by[static_cast<std::size_t>(left[i])] <= by[static_cast<std::size_t>(left[worst])])
          worst = i;
      }
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(worst));
    }
  };
  const std::size_t token_counts[] = {23, 19, 15, 11, 7};  // ceil of 23 x (1, .825, .65, .475, .3)
  const std::size_t head_counts[] = {3, 3, 3, 2, 2};       // ceil of 3 x (1, 1, 5/6, 2/3, 1/2)
  for (int layer = 0; layer < kLayers; ++layer) {
    pruning.begin_layer({kHeads, 1, kTokens, kTokens, true});
    drop_to(tokens, importance, token_counts[layer], 0);
    drop_to(heads, weight, head_counts[layer], -1);
    for (int head = 0; head < kHeads; ++head) {
      const auto seed = static_cast<std::uint64_t>(10 * layer + head);
      const MatrixD q = random_matrix(kTokens, kFeatures, seed), k = random_matrix(kTokens, kFeatures, 100 + seed),
                    v = random_matrix(kTokens, kFeatures, 200 + seed);
      const Mask mask = pruning.mask(0, head);
      const bool kept = std::find(heads.begin(), heads.end(), head) != heads.end();
      CHECK(pruning.keeps_head(head) == kept);
      if (!kept) {
        CHECK(kept_entries(mask) == 0);
        continue;
      }
      CHECK(columns(mask) == tokens);
      const SparseAttention a = sparse_attention(q, k, v, mask);
      pruning.observe(0, head, a.p, a.z);
      for (int i = 0; i < kTokens; ++i) {
        for (const int j : tokens) importance[static_cast<std::size_t>(j)] += a.p(i, j);
        for (int c = 0; c < kFeatures; ++c) weight[static_cast<std::size_t>(head)] += std::fabs(a.z(i, c));
      }
    }
  }
}
