// The keys of a sweep spec: for its reader and its JSON Schema.
#pragma once

#include "base/json_keys.h"
#include "explore/sampler.h"

namespace vitality {

struct SweepKeys {
  JsonKeys top;
  JsonKeys range;  // of an axis that is not a list
};
const SweepKeys& sweep_keys();
const std::vector<std::string>& sampler_names();  // in the order of SamplerKind
// The keys of this kind of sampler, besides `kind`.
JsonKeys sampler_keys(SamplerKind kind);

}  // namespace vitality
