// An ONNX graph as a workload's layers, by data flow (draft.h, expression.h).
//
// InputError at the first node that no layer of a workload computes: the node, its operator, what would be needed.
#pragma once

#include <string>
#include <vector>

#include "import/draft.h"

namespace vitality::importing {

struct Recognised {
  std::vector<DraftLayer> layers;  // the last one gives the logits
  std::vector<std::string> notes;  // what was dropped, folded or read differently: a sentence each
  int output = kNoValue;           // the value of the graph that the logits are; before a final Softmax
  Node softmax;                    // the one that was dropped; without a name where there was none
};

Recognised recognise(const Graph& graph);

}  // namespace vitality::importing
