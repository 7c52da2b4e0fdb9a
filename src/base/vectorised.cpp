#include "base/vectorised.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"

namespace vitality {
namespace {

std::string_view wanted() {
  const char* const name = std::getenv("VITALITY_ISA");
  return name == nullptr ? "" : name;
}

InstructionSet chosen() {
  InstructionSet best = InstructionSet::kSse2;
  for (const InstructionSet set : kInstructionSets) {
    if (cpu_has(set)) best = set;
    if (wanted() == to_string(set)) break;
  }
  return best;
}

}  // namespace

const char* to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kSse2:
      return "sse2";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
  }
  return "";
}

bool cpu_has(InstructionSet set) {
  __builtin_cpu_init();
  switch (set) {
    case InstructionSet::kSse2:
      return true;  // part of every x86-64
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2");
    case InstructionSet::kAvx512:  // x86-64-v4
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512cd");
  }
  return false;
}

InstructionSet instruction_set() {
  static const InstructionSet set = chosen();
  return set;
}

void check_instruction_set() {
  const std::string_view name = wanted();
  const bool known = std::any_of(std::begin(kInstructionSets), std::end(kInstructionSets),
                                 [name](InstructionSet set) { return name == to_string(set); });
  if (!name.empty() && !known)
    throw InputError("", "",
                     "environment variable VITALITY_ISA: unknown instruction set \"" + std::string(name) +
                         "\", expected sse2, avx2 or avx512");
}

}  // namespace vitality
