// The instruction set of the kernels, and loops over arrays that are compiled once for each of them.
//
// The set is chosen at first use: the widest that this CPU has, or the one that the environment variable VITALITY_ISA
// names (sse2, avx2, avx512) if that is narrower. All sets give the same bits: the project is compiled without fused
// multiply-adds, and every loop adds its terms in the order that it states.
//
//   vectorised([=]() VITALITY_LOOP { for (std::size_t i = 0; i < count; ++i) y[i] = f(x[i]); });
//
// Small helpers that such a loop calls must be inlined into it (VITALITY_INLINE), else they run in the version for
// every CPU.
#pragma once

#include "base/instruction_sets.h"

namespace vitality {

enum class InstructionSet { kSse2, kAvx2, kAvx512 };  // from narrow to wide
constexpr InstructionSet kInstructionSets[] = {InstructionSet::kSse2, InstructionSet::kAvx2, InstructionSet::kAvx512};

const char* to_string(InstructionSet set);  // as in VITALITY_ISA
bool cpu_has(InstructionSet set);
// The set that the kernels use. A VITALITY_ISA that is wider than the CPU's, empty or unknown has no effect.
InstructionSet instruction_set();
// Throws InputError when VITALITY_ISA names no instruction set: asked once, when the program starts.
void check_instruction_set();

#define VITALITY_LOOP __attribute__((always_inline))

// The loop is passed by value, so that the variables it has captured cannot alias what it writes.
template <class Loop>
[[gnu::target("arch=x86-64-v4")]] auto loop_avx512(Loop loop) {
  return loop();
}
template <class Loop>
[[gnu::target("avx2")]] auto loop_avx2(Loop loop) {
  return loop();
}

template <class Loop>
auto vectorised(const Loop& loop) {
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return loop_avx512(loop);
    case InstructionSet::kAvx2:
      return loop_avx2(loop);
    case InstructionSet::kSse2:
      break;
  }
  return loop();
}

}  // namespace vitality
