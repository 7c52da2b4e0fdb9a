// Parts of a graph that compute attention without a Softmax, such as Taylor attention written out.
#pragma once

#include <vector>

#include "import/graph.h"

namespace vitality::importing {

// For each node the number of its part, or kNoValue. A part is a set of nodes without weights that are connected by
// values of the image, with a product of two such values among them and no Softmax.
std::vector<int> softmax_free_parts(const Graph& graph);

}  // namespace vitality::importing
