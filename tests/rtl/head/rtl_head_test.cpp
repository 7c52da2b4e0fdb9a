// A whole Taylor head in SystemVerilog against the simulator: the cycles in
// which every job of every step of Algorithm 1 starts, has read its operands,
// leaves its unit and has its result, and every bit of Z.
#include "Vhead_16.h"
#include "Vhead_4.h"
#include "Vhead_64.h"
#include "reference/fixed_point.h"
#include "tests/rtl/head/compared_head.h"

using namespace vitality;
using namespace vitality::test;

double sc_time_stamp() {
  return 0;
}  // verilated.cpp asks for it

namespace {

// Columns of one head, as codes.
reference::Codes head_of(const std::vector<double>& all, int rows, int heads, int head, int cols) {
  reference::Codes codes(rows, cols);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c)
      codes(r, c) = static_cast<std::int64_t>(all[static_cast<std::size_t>((r * heads + head) * cols + c)]);
  return codes;
}

// Codes of Z that are not those of the whole-matrix reference, which knows no
// tiles.
int wrong_against_reference(const HeadShape& s, int limit, const HeadValues& values, const std::vector<double>& z) {
  const AttentionScales& a = values.scales;
  reference::FixedAttentionScales scales;
  scales.q = a.q, scales.k = a.k, scales.v = a.v, scales.context = a.context, scales.numerator = a.numerator;
  scales.result = a.result;
  int wrong = 0;
  for (int h = 0; h < s.heads; ++h) {
    reference::FixedRange range;
    const auto want = reference::fixed_taylor(
        head_of(values.q, s.queries, s.heads, h, s.depth), head_of(values.k, s.keys, s.heads, h, s.depth),
        head_of(values.v, s.keys, s.heads, h, s.value_depth), scales, limit, false, range);
    const reference::Codes got = head_of(z, s.queries, s.heads, h, s.value_depth);
    for (std::size_t i = 0; i < got.size(); ++i) wrong += got.data()[i] != want.z.data()[i];
  }
  return wrong;
}

template <class Model>
void check(HeadMachine m, const HeadShape& s, const std::vector<std::string>& more = {},
           const std::optional<AttentionMapping>& chunks = {}) {
  for (const bool pipelined : {true, false}) {
    m.pipelined = pipelined;
    compare_heads(m, s, machine_of(m, more), chunks, [&](const AttentionMapping& mapping, const HeadValues& values) {
      RtlHead rtl = run_taylor<Model>(m, s, mapping, values);
      CHECK(wrong_against_reference(s, m.limit, values, rtl.z) == 0);
      return rtl;
    });
  }
}

// Shapes, lanes, formats, and either sizes of the scratchpad (in KiB: less than
// everything makes chunks) or chunks and buffers at random.
template <class Model>
void check_random(const HeadMachine& physical, int shapes, int most_tokens, int most_depth,
                  const std::vector<int>& sizes) {
  for (unsigned seed = 1; seed <= static_cast<unsigned>(shapes); ++seed) {
    INFO("seed " << seed);
    Dice dice(seed);
    HeadMachine m = physical;
    m.accumulators = dice.between(1, m.lanes), m.dividers = dice.between(1, m.lanes),
    m.adders = dice.between(1, m.lanes);
    m.limit = dice.one_of<int>({127, 32767});
    const HeadShape s{dice.between(1, 4), dice.between(1, most_tokens), dice.between(1, most_tokens),
                      dice.between(1, most_depth), dice.between(1, most_depth)};
    if (seed % 2 == 0)
      check<Model>(m, s, {"scratchpad.capacity_kib=" + std::to_string(dice.one_of(sizes))});
    else
      check<Model>(m, s, {}, random_chunks(dice, s));
  }
}

constexpr HeadMachine kSmall{4, 5, 3, 8, 8, 8, 8, 32767, true};
constexpr HeadMachine kMiddle{16, 16, 16, 16, 16, 16, 16, 32767, true};
constexpr HeadMachine kPublished{64, 64, 64, 64, 64, 64, 64, 32767, true};

}  // namespace

TEST_CASE("rtl head: 4 x 5 PEs, 3 of SA-Diag") {
  check<Vhead_4>(kSmall, {1, 1, 1, 1, 1});
  check<Vhead_4>(kSmall, {2, 197, 197, 64, 64});
  check_random<Vhead_4>(kSmall, 20, 60, 24, {5, 7, 10, 200});
}

TEST_CASE("rtl head: 16 x 16 PEs") {
  check<Vhead_16>(kMiddle, {3, 197, 197, 64, 64});
  check<Vhead_16>(kMiddle, {2, 197, 197, 64, 64}, {"scratchpad.capacity_kib=80"});
  check<Vhead_16>(kMiddle, {2, 100, 100, 16, 16}, {"scratchpad.capacity_kib=9"});
  check<Vhead_16>(kMiddle, {4, 16, 16, 16, 32});
  check_random<Vhead_16>(kMiddle, 16, 70, 40, {12, 16, 24, 200});
}

TEST_CASE("rtl head: the published 64 x 64 PEs") {
  check<Vhead_64>(kPublished, {3, 197, 197, 64, 64});
  check<Vhead_64>(kPublished, {2, 196, 196, 32, 64});
  check<Vhead_64>(kPublished, {2, 196, 49, 16, 64});
  check<Vhead_64>(kPublished, {4, 49, 49, 32, 64});
  check<Vhead_64>(kPublished, {2, 256, 256, 36, 36});
  check<Vhead_64>(kPublished, {2, 197, 197, 64, 64}, {"scratchpad.capacity_kib=100"});
}

// The simulator shares the ports by rate, a job's bytes spread evenly over its stream; in the RTL every row waits for
// its own bytes, with room for one row more in the FIFO of its unit.
TEST_CASE("rtl head: narrow ports by rate and row by row") {
  Cycles simulated_all = 0, rtl_all = 0;
  int slowed = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Dice dice(seed);
    const int port_bytes = dice.one_of<int>({32, 64, 96, 128, 192});
    HeadMachine m = kMiddle;
    m.accumulators = dice.between(1, 16), m.dividers = dice.between(1, 16), m.adders = dice.between(1, 16);
    m.limit = dice.one_of<int>({127, 32767}), m.pipelined = dice.coin();
    const HeadShape s{dice.between(1, 4), dice.between(1, 70), dice.between(1, 70), dice.between(1, 40),
                      dice.between(1, 40)};
    const HardwareConfig config = machine_of(
        m, {"scratchpad.banks=1", "scratchpad.port_bytes=" + std::to_string(port_bytes), "noc.link_bytes=65536"});
    m.port_bits = 8 * port_bytes;
    const SimulatedHead simulated = simulated_head(s, config, nullptr);
    const HeadValues values = head_values(s, config, nullptr);
    const RtlHead rtl = run_taylor<Vhead_16>(m, s, simulated.mapping, values);
    CHECK(wrong_codes(rtl.z, values.z) == 0);
    CHECK(std::abs(rtl.cycles - simulated.cycles) <= simulated.cycles / 10);
    simulated_all += simulated.cycles, rtl_all += rtl.cycles;
    m.port_bits = 0;
    slowed += rtl.cycles > run_taylor<Vhead_16>(m, s, simulated.mapping, values).cycles;
  }
  CHECK(std::abs(rtl_all - simulated_all) * 50 <= simulated_all);
  CHECK(slowed >= 15);
}
