// An ONNX graph as a workload's layers, by data flow (draft.h, expression.h).
//
// Throws InputError at the first node that no layer of a workload computes: with the node, its operator, and what would
// be needed.
#pragma once

#include <string>
#include <vector>

#include "import/draft.h"

namespace vitality::importing {

struct Recognised {
  std::vector<DraftLayer> layers;  // the last one gives the logits
  std::vector<std::string> notes;  // what was dropped, folded or read differently: one sentence each
  int output = kNoValue;           // the value of the graph that equals the logits, before a final Softmax
  Node softmax;                    // the Softmax that was dropped; without a name if there was none
};

Recognised recognise(const Graph& graph);

}  // namespace vitality::importing
