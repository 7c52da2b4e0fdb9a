#include "explore/search.h"

#include <algorithm>
#include <stdexcept>

#include "explore/nsga2.h"
#include "explore/sms_ego.h"

namespace vitality {

bool is_search(SamplerKind kind) {
  switch (kind) {
    case SamplerKind::kNsga2:
    case SamplerKind::kSmsEgo:
      return true;
    case SamplerKind::kGrid:
    case SamplerKind::kRandom:
    case SamplerKind::kLatinHypercube:
    case SamplerKind::kGiven:
      break;
  }
  return false;
}

SearchSpace search_space(const std::vector<Axis>& axes) {
  SearchSpace space;
  for (const Axis& axis : axes) {
    space.axis_sizes.push_back(static_cast<std::uint32_t>(axis.values.size()));
    space.ordered.push_back(std::all_of(axis.values.begin(), axis.values.end(), [](const AxisValue& value) {
      return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
    }));
  }
  return space;
}

std::unique_ptr<Search> make_search(const SearchSpace& space, const SamplerSpec& spec) {
  switch (spec.kind) {
    case SamplerKind::kNsga2:
      return std::make_unique<Nsga2>(space.axis_sizes, spec);
    case SamplerKind::kSmsEgo:
      return std::make_unique<SmsEgo>(space, spec);
    case SamplerKind::kGrid:
    case SamplerKind::kRandom:
    case SamplerKind::kLatinHypercube:
    case SamplerKind::kGiven:
      break;
  }
  throw std::logic_error("this sampler is no search");
}

}  // namespace vitality
