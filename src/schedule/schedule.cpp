#include "schedule/schedule.h"

namespace vitality {

const char* operand_name(int operand) {
  static const char* const names[kTrafficOperands] = {"input",     "weights",         "activations", "masks",
                                                      "gradients", "optimizer_state", "results",     "descriptors"};
  return names[operand];
}

}  // namespace vitality
