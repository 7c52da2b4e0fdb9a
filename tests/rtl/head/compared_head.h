// An attention layer on the simulator and in SystemVerilog: the same machine
// for both, and what differs.
#pragma once

#include <catch2/catch.hpp>
#include <optional>

#include "tests/rtl/head/head_bench.h"
#include "tests/support/random_machine.h"

namespace vitality::test {

inline HardwareConfig machine_of(const HeadMachine& m, const std::vector<std::string>& more = {}) {
  const auto number = [](int x) { return std::to_string(x); };
  std::vector<std::string> overrides = {"matrix_engine.rows=" + number(m.rows),
                                        "matrix_engine.cols=" + number(m.cols),
                                        "diagonal_engine.rows=" + number(m.diagonal),
                                        "accumulators.lanes=" + number(m.accumulators),
                                        "dividers.lanes=" + number(m.dividers),
                                        "adders.lanes=" + number(m.adders),
                                        "special_functions.lanes=" + number(m.adders),
                                        std::string("precision=") + (m.limit == 127 ? "int8" : "int16"),
                                        std::string("pipeline.intra_layer=") + (m.pipelined ? "true" : "false")};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return machine(overrides);
}

inline std::string text(const StepTimes& t) {
  return std::to_string(t.start) + " " + std::to_string(t.released) + " " + std::to_string(t.free) + " " +
         std::to_string(t.done);
}

// "" or the first jobs whose times differ.
inline std::string differences(const SimulatedHead& simulated, const RtlHead& rtl) {
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
inline std::size_t wrong_codes(const std::vector<double>& got, const std::vector<double>& expected) {
  std::size_t wrong = got.size() == expected.size() ? 0 : expected.size();
  for (std::size_t i = 0; wrong != expected.size() && i < got.size(); ++i) wrong += got[i] != expected[i];
  return wrong;
}

// Chunks and buffers at random.
inline AttentionMapping random_chunks(Dice& dice, const HeadShape& s) {
  AttentionMapping chunks;
  chunks.token_chunk = dice.between((s.keys + 3) / 4, s.keys);
  chunks.query_chunk = dice.between((s.queries + 3) / 4, s.queries);
  for (int& set : chunks.sets) set = dice.between(1, 2);
  return chunks;
}

// chunks: none, the mapper chooses. run: the RTL, as head_bench.h has it.
template <class Run>
void compare_heads(const HeadMachine& m, const HeadShape& s, const HardwareConfig& config,
                   const std::optional<AttentionMapping>& chunks, Run run) {
  GivenMapping mapping;
  if (chunks) mapping.layers.emplace("attention", *chunks);
  const GivenMapping* const given = chunks ? &mapping : nullptr;
  const SimulatedHead simulated = simulated_head(s, config, given);
  const HeadValues values = head_values(s, config, given);
  const RtlHead rtl = run(simulated.mapping, values);
  INFO(s.heads << " heads, " << s.keys << " keys, " << s.queries << " queries, d " << s.depth << ", e " << s.value_depth
               << ", array " << m.rows << "x" << m.cols << ", lanes " << m.accumulators << " " << m.dividers << " "
               << m.adders << (m.pipelined ? ", pipelined" : ", serial") << ", chunks " << simulated.mapping.token_chunk
               << " " << simulated.mapping.query_chunk << ", buffers " << simulated.mapping.sets[0]
               << simulated.mapping.sets[1] << simulated.mapping.sets[2] << simulated.mapping.sets[3]);
  CHECK(differences(simulated, rtl) == "");
  CHECK(rtl.cycles == simulated.cycles);
  CHECK(wrong_codes(rtl.z, values.z) == 0);
}

}  // namespace vitality::test
