// What a group of operators computes from one view, found by its values: GELU is known by being GELU, however an
// exporter writes it. A group is run on numbers that tell the candidates apart, then checked on others.
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
  // kAffine: y = x scale + shift, an element each of the view.
  Tensor scale, shift;
  // kLayerNorm, over the last axis: `scale` and `shift` have its size.
  double epsilon = 0;
};

// Nothing where the function is none of them.
std::optional<Identified> identify(const TensorFunction& function, const Shape& shape);

}  // namespace vitality::importing
