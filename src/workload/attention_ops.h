// Exact operation counts of one attention layer (docs/algorithm.md section 6): the operations that the arithmetic needs
// on any machine. An add may be a subtraction. Counts all heads and instances of the layer, without the learned score
// bias.
#pragma once

#include "base/units.h"
#include "workload/model.h"

namespace vitality {

struct OperationCounts {
  Count mul = 0, add = 0, div = 0, exp = 0, cmp = 0;
  OperationCounts& operator+=(const OperationCounts& other);
  friend bool operator==(const OperationCounts& a, const OperationCounts& b) {
    return a.mul == b.mul && a.add == b.add && a.div == b.div && a.exp == b.exp && a.cmp == b.cmp;
  }
};

OperationCounts vanilla_attention_operations(const Attention& attention);        // softmax(Q K^T / sqrt(d)) V
OperationCounts taylor_attention_operations(const Attention& attention);         // Algorithm 1, all six steps
OperationCounts taylor_elided_attention_operations(const Attention& attention);  // without what is constant (2.2)
OperationCounts relu_linear_attention_operations(const Attention& attention);    // with the comparisons of ReLU

}  // namespace vitality
