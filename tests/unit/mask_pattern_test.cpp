// Masks that a machine's design fixes: ViTCoD's polarised pattern, SALO's window; and polarising a given mask.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "tensor/mask.h"

using namespace vitality;

namespace {

std::string picture(const Mask& mask) {
  std::string text;
  for (int r = 0; r < mask.rows(); ++r, text += "/")
    for (int c = 0; c < mask.cols(); ++c) text += mask(r, c) != 0 ? 'x' : '.';
  return text;
}

}  // namespace

TEST_CASE("window mask: window, dilation and global tokens, drawn by hand") {
  CHECK(picture(window_mask(5, 5, {3, 1, 0})) == "xx.../xxx../.xxx./..xxx/...xx/");
  // An even window reaches one key further back than forth.
  CHECK(picture(window_mask(4, 4, {2, 1, 0})) == "x.../xx../.xx./..xx/");
  CHECK(picture(window_mask(6, 6, {3, 2, 0})) == "x.x.../.x.x../x.x.x./.x.x.x/..x.x./...x.x/");
  CHECK(picture(window_mask(4, 4, {1, 1, 1})) == "xxxx/xx../x.x./x..x/");
  // Half as many queries as keys: query i stands at key 2 i.
  CHECK(picture(window_mask(2, 4, {1, 1, 0})) == "x.../..x./");
  CHECK(density(window_mask(3, 3, {100, 1, 0})) == 1);
}

TEST_CASE("polarised mask: global columns, then the diagonals, exactly as many entries as stated") {
  // 36 entries, 18 kept: one global column of 6, then 5 on the main diagonal (its first is global), 4 below, 3 above.
  CHECK(picture(polarised_mask(6, 6, 1, 0.5)) == "xx..../xxx.../xxxx../x.xx../x..xx./x...xx/");
  for (const double d : {0.0, 0.05, 0.3, 1.0})
    CHECK(kept_entries(polarised_mask(20, 20, 0, d)) == std::llround(d * 400));
  CHECK(kept_entries(polarised_mask(7, 20, 2, 0.4)) == 56);
  CHECK_THROWS_AS(polarised_mask(10, 10, 2, 0.1), InputError);
  CHECK(density(polarised_mask(4, 4, 9, 1)) == 1);  // more global tokens than tokens
}

TEST_CASE("polarising: columns of more than 50 of 197 rows are global, the rest is sparse") {
  const Mask mask = polarised_mask(197, 197, 3, 0.05);
  const Polarised columns = polarise(mask);
  CHECK(columns.tokens == 3);
  CHECK(columns.sparse == kept_entries(mask) - 3 * 197);
  CHECK(columns.global[0]);
  CHECK_FALSE(columns.global[3]);
}
