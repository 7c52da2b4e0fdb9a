// The instruction set of the kernels, and loops over arrays that are compiled once for each of them.
//
// The set is chosen at first use: the widest that this CPU has, or the one that the environment's VITALITY_ISA names
// (sse2, avx2, avx512) where that is narrower. All sets give the same bits: the project is compiled without fused
// multiply-adds, and what a loop adds up it adds in the stated order.
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
// What the kernels use. A VITALITY_ISA above what the CPU has, an empty one and an unknown one change nothing.
InstructionSet instruction_set();
// Throws InputError when VITALITY_ISA names no instruction set: asked once, when the program starts.
void check_instruction_set();

#define VITALITY_LOOP __attribute__((always_inline))

// A copy of the loop's own: what it has captured then aliases nothing that it writes.
template <class Loop>
[[gnu::target("arch=x86-64-v4")]] auto loop_avx512(const Loop& loop) {
  const Loop own = loop;
  return own();
}
template <class Loop>
[[gnu::target("avx2")]] auto loop_avx2(const Loop& loop) {
  const Loop own = loop;
  return own();
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
