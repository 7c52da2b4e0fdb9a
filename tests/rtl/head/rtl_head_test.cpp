// A whole Taylor head in SystemVerilog against the simulator: the cycles in which every job of every step of Algorithm
// 1 starts, has read its operands, leaves its unit and has its result, and every bit of Z.
#include <catch2/catch.hpp>

#include "Vhead_16.h"
#include "Vhead_4.h"
#include "Vhead_64.h"
#include "tests/rtl/head/head_bench.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

double sc_time_stamp() {
  return 0;
}  // verilated.cpp asks for it

namespace {

HardwareConfig machine_of(const HeadMachine& m, const std::vector<std::string>& more = {}) {
  const auto number = [](int x) { return std::to_string(x); };
  std::vector<std::string> overrides = {"matrix_engine.rows=" + number(m.rows),
                                        "matrix_engine.cols=" + number(m.cols),
                                        "diagonal_engine.rows=" + number(m.diagonal),
                                        "accumulators.lanes=" + number(m.accumulators),
                                        "dividers.lanes=" + number(m.dividers),
                                        "adders.lanes=" + number(m.adders),
                                        std::string("precision=") + (m.limit == 127 ? "int8" : "int16"),
                                        std::string("pipeline.intra_layer=") + (m.pipelined ? "true" : "false")};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return machine(overrides);
}

std::string text(const StepTimes& t) {
  return std::to_string(t.start) + " " + std::to_string(t.released) + " " + std::to_string(t.free) + " " +
         std::to_string(t.done);
}

// "" or the first jobs whose times differ.
std::string differences(const SimulatedHead& simulated, const RtlHead& rtl) {
  std::string out;
  int listed = 0;
  std::size_t seen[kSteps] = {};
  for (const TimedStep& job : simulated.steps) {
    const auto step = static_cast<std::size_t>(job.step);
    const std::size_t i = seen[step]++;
    const bool there = i < rtl.steps[step].size();
    if (there && rtl.steps[step][i] == job.times) continue;
    if (++listed <= 12)
      out += std::string(kStepNames[step]) + " " + std::to_string(i) + ": simulator " + text(job.times) + ", RTL " +
             (there ? text(rtl.steps[step][i]) : std::string("none")) + "\n";
  }
  for (std::size_t s = 0; s < kSteps; ++s)
    if (seen[s] != rtl.steps[s].size()) out += std::string("other jobs of ") + kStepNames[s] + "\n";
  return out;
}

// Codes that are not what was expected.
std::size_t wrong_codes(const std::vector<double>& got, const std::vector<double>& expected) {
  std::size_t wrong = got.size() == expected.size() ? 0 : expected.size();
  for (std::size_t i = 0; wrong != expected.size() && i < got.size(); ++i) wrong += got[i] != expected[i];
  return wrong;
}

template <class Model>
void check(HeadMachine m, const HeadShape& s, const std::vector<std::string>& more = {}) {
  for (const bool pipelined : {true, false}) {
    m.pipelined = pipelined;
    const HardwareConfig config = machine_of(m, more);
    const SimulatedHead simulated = simulated_head(s, config);
    const HeadValues values = head_values(s, config);
    HeadBench<Model> bench(m, s, simulated.mapping);
    bench.load(values);
    const RtlHead rtl = bench.run();
    INFO(s.heads << " heads, " << s.keys << " keys, " << s.queries << " queries, d " << s.depth << ", e "
                 << s.value_depth << ", array " << m.rows << "x" << m.cols << ", lanes " << m.accumulators << " "
                 << m.dividers << " " << m.adders << (pipelined ? ", pipelined" : ", serial") << ", chunks "
                 << simulated.mapping.token_chunk << " " << simulated.mapping.query_chunk);
    CHECK(differences(simulated, rtl) == "");
    CHECK(rtl.cycles == simulated.cycles);
    CHECK(wrong_codes(rtl.z, values.z) == 0);
  }
}

// Shapes, lanes, formats and sizes of the scratchpad (in KiB: less than everything makes chunks) at random.
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
    check<Model>(m, s, {"scratchpad.capacity_kib=" + std::to_string(dice.one_of(sizes))});
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
