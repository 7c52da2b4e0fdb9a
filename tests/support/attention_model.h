// A model of one attention layer whose Q, K and V are given.
#pragma once

#include "workload/model.h"

namespace vitality::test {

inline VitModel attention_model(int queries, int keys, int heads, int depth) {
  VitModel model;
  model.name = "attention";
  model.layers = {
      {"q", {}, GivenTensor{queries, heads * depth}},
      {"k", {}, GivenTensor{keys, heads * depth}},
      {"v", {}, GivenTensor{keys, heads * depth}},
      {"attention",
       {0, 1, 2},
       Attention{heads, 1, queries, keys, depth, depth, {0, 0, depth}, {1, 0, depth}, {2, 0, depth}, 0, 0, 1}}};
  return model;
}

}  // namespace vitality::test
