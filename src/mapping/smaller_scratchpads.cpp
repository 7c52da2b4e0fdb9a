#include "mapping/smaller_scratchpads.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "mapping/mapper.h"

namespace vitality {
namespace {

// Sizes (KiB) that are the same for all scratchpads: of these, those below `capacity_kib`, the largest first. From one
// power of two to the next there are eight, and four below an eighth of it; or four everywhere; or, down to a half of
// it, sixteen.
enum class Steps { kSixteen, kEight, kFour };
std::vector<int> smaller_sizes(int capacity_kib, Steps steps) {
  constexpr std::array kSixteenths{16, 17, 19, 21, 23, 25, 27, 29, 32};  // 16 * 2^(i / 8)
  std::vector<int> sizes;
  for (int scale = 1; 16 * scale < capacity_kib; scale *= 2)
    for (std::size_t i = 0; i + 1 < kSixteenths.size(); ++i) {
      const int size = kSixteenths[i] * scale, between = (size + kSixteenths[i + 1] * scale) / 2;
      const bool every_second = steps == Steps::kFour || 8 * size < capacity_kib;
      if (size < capacity_kib && !(every_second && i % 2 == 1)) sizes.push_back(size);
      if (steps == Steps::kSixteen && between < capacity_kib && 2 * between >= capacity_kib && between > size)
        sizes.push_back(between);
    }
  return {sizes.rbegin(), sizes.rend()};
}

}  // namespace

std::vector<MappingChoice> choices_that_may_be_faster(const VitModel& model, const HardwareConfig& config,
                                                      const MappingOptions& options) {
  constexpr double kAsFast = 1.03;  // estimates are not exact
  constexpr double kShort = 1e5;    // cycles
  const auto estimate_of = [&](const MappingChoice& choice) {
    MappingOptions with = options;
    with.scratchpad_kib = choice.scratchpad_kib, with.heads_in_turn = choice.heads_in_turn;
    HardwareConfig machine = config;
    machine.mapping = choice.config;
    return PlannedModel(model, machine, with).estimate();
  };
  const MappingConfig& mapping = config.mapping;
  const std::optional<ModelEstimate> own = estimate_of({mapping});
  // The same estimate is that of the same mapping, but for attention on masks, which the estimate does not know. Of a
  // short run, where the buffers lie still matters.
  const bool masked = any_mask(model, config.attention), all_differ = !own || masked || own->cycles < kShort;
  std::vector<MappingChoice> choices;
  std::optional<ModelEstimate> before = own;
  const auto consider = [&](const MappingChoice& choice) {
    const std::optional<ModelEstimate> estimate = estimate_of(choice);
    if (own && (!estimate || estimate->cycles > kAsFast * own->cycles)) return false;
    if (all_differ || !(*estimate == *before)) choices.push_back(choice);
    before = estimate;
    return true;
  };
  std::vector<int> parts = smaller_sizes(config.scratchpad.capacity_kib, masked ? Steps::kFour : Steps::kSixteen);
  for (const int part : parts)
    if (!consider({mapping, part})) break;
  if (mapping.objective != MappingObjective::kLatency) return choices;
  parts.insert(parts.begin(), 0);  // the whole scratchpad
  before = own;
  MappingConfig edp = mapping;
  edp.objective = MappingObjective::kEdp;
  for (const int part : parts)
    if ((!masked && part > 0 && 2 * part < config.scratchpad.capacity_kib) || !consider({edp, part})) break;
  // Of other attention the estimate knows what heads in turn are worth.
  for (const int part : parts)
    if (!masked || !consider({mapping, part, true})) break;
  return choices;
}

double choose_byte_share(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  constexpr double kMostBytes = 1.02, kMostEnergy = 1.03;
  HardwareConfig machine = config;
  double fewest = std::numeric_limits<double>::infinity(), share = config.mapping.byte_share;
  std::vector<int> sizes = smaller_sizes(config.scratchpad.capacity_kib, Steps::kEight);
  sizes.insert(sizes.begin(), config.scratchpad.capacity_kib);
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    machine.scratchpad.capacity_kib = *size;
    std::optional<ModelEstimate> best, chosen;
    for (const double tried : {config.mapping.byte_share, 0.25, 0.5, 1.0, 2.0, 4.0}) {
      machine.mapping.byte_share = tried;
      const std::optional<ModelEstimate> estimate = PlannedModel(model, machine, options).estimate();
      if (!estimate) break;
      if (!best) best = estimate;
      if (estimate->energy_pj > kMostEnergy * best->energy_pj) break;
      if (!chosen || estimate->dram_bytes < chosen->dram_bytes) chosen = estimate, share = tried;
      if (chosen->dram_bytes <= kMostBytes * fewest) break;
    }
    if (chosen) fewest = std::min(fewest, chosen->dram_bytes);
  }
  return share;
}

}  // namespace vitality
