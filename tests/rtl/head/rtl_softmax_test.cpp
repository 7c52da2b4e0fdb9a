// Softmax attention on the same array, in SystemVerilog against the simulator:
// the cycles of every job, and every bit of Z. The exponential is the
// simulator's own: what is compared is where it is computed and when.
#include "Vsoftmax_16.h"
#include "Vsoftmax_4.h"
#include "Vsoftmax_64.h"
#include "tensor/functions.h"
#include "tests/rtl/head/compared_head.h"

using namespace vitality;
using namespace vitality::test;

extern "C" double head_exponential(double x) {
  return exponential(x);
}

namespace {

// Whole rows of scores: the keys in one chunk.
template <class Model>
void check(HeadMachine m, const HeadShape& s, AttentionMapping chunks) {
  chunks.token_chunk = s.keys;
  for (const bool pipelined : {true, false}) {
    m.pipelined = pipelined;
    compare_heads(m, s, machine_of(m, {"attention=softmax", "scratchpad.capacity_kib=4000"}), chunks,
                  [&](const AttentionMapping& mapping, const HeadValues& values) {
                    return run_softmax<Model>(m, s, mapping, values);
                  });
  }
}

template <class Model>
void check_random(const HeadMachine& physical, int shapes, int most_tokens, int most_depth) {
  for (unsigned seed = 1; seed <= static_cast<unsigned>(shapes); ++seed) {
    INFO("seed " << seed);
    Dice dice(seed);
    HeadMachine m = physical;
    m.adders = dice.between(1, m.lanes);
    m.limit = dice.one_of<int>({127, 32767});
    const HeadShape s{dice.between(1, 4), dice.between(1, most_tokens), dice.between(1, most_tokens),
                      dice.between(1, most_depth), dice.between(1, most_depth)};
    check<Model>(m, s, random_chunks(dice, s));
  }
}

}  // namespace

TEST_CASE("rtl head: softmax on 4 x 5 PEs") {
  const HeadMachine m{4, 5, 3, 8, 8, 8, 8, 32767, true};
  check<Vsoftmax_4>(m, {2, 60, 60, 20, 24}, {60, 60, {2, 2, 2, 2}});
  check_random<Vsoftmax_4>(m, 10, 50, 24);
}

TEST_CASE("rtl head: softmax on 16 x 16 PEs") {
  const HeadMachine m{16, 16, 16, 16, 16, 16, 16, 32767, true};
  check<Vsoftmax_16>(m, {2, 197, 197, 64, 64}, {197, 197, {2, 2, 2, 2}});
  check_random<Vsoftmax_16>(m, 10, 70, 40);
}

TEST_CASE("rtl head: softmax on the published 64 x 64 PEs") {
  const HeadMachine m{64, 64, 64, 64, 64, 64, 64, 32767, true};
  check<Vsoftmax_64>(m, {3, 197, 197, 64, 64}, {197, 197, {2, 2, 2, 2}});
  check<Vsoftmax_64>(m, {2, 196, 49, 16, 64}, {196, 20, {2, 1, 2, 1}});
}
