// Finds out by values what a group of operators computes from one view: GELU is recognised because the values are those
// of GELU, however an exporter writes it. A group is run on numbers that distinguish the candidates, then checked on
// others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "import/draft.h"

namespace vitality::importing {

using TensorFunction = std::function<Tensor(const Tensor&)>;  // of the view's shape, to the same shape

struct Identified {
  enum class Kind { kActivation, kAffine, kLayerNorm };
  Kind kind;
  ActivationKind activation = ActivationKind::kGelu;
  // kAffine: y = x scale + shift, with one element of each per element of the view.
  Tensor scale, shift;
  // kLayerNorm, over the last axis: `scale` and `shift` have the size of this axis.
  double epsilon = 0;
};

// Nothing if the function is none of these.
std::optional<Identified> identify(const TensorFunction& function, const Shape& shape);

}  // namespace vitality::importing
