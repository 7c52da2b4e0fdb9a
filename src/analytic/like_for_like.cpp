#include "analytic/like_for_like.h"

#include <fmt/format.h>

#include "analytic/provenance.h"
#include "base/error.h"

namespace vitality {
namespace {

void add(std::string& how, const std::string& what) {
  how += (how.empty() || what.empty() ? "" : "; ") + what;
}

void take_memory(const HardwareConfig& reference, ComparableMachine& machine) {
  if (is_roofline(reference) || is_fixed(reference)) return;
  const double bandwidth = reference.dram.device.peak_gb_s_per_channel() * reference.dram.channels;
  if (is_roofline(machine.config)) machine.config.roofline.bandwidth_gb_s = bandwidth;
  machine.config.dram = reference.dram;
  add(machine.how, fmt::format("memory of {} ({:.1f} GB/s)", reference.name, bandwidth));
}

void take_clock(const HardwareConfig& reference, ComparableMachine& machine) {
  HardwareConfig& config = machine.config;
  if (is_roofline(reference) || is_fixed(reference) || is_roofline(config)) return;
  if (config.clock_mhz == reference.clock_mhz) return;
  add(machine.how, fmt::format("clock {:g} -> {:g} MHz", config.clock_mhz, reference.clock_mhz));
  config.clock_mhz = reference.clock_mhz;
}

}  // namespace

std::vector<ComparableMachine> like_for_like(const std::vector<HardwareConfig>& machines, const LikeForLike& wanted) {
  const HardwareConfig& reference = machines.front();
  const bool normalized = wanted.normalization != Normalization::kNone;
  if (normalized && is_fixed(reference))
    throw InputError("", "",
                     fmt::format("option --normalize: the first machine, {}, is {} and has no budget of {}; name one "
                                 "that is simulated first",
                                 reference.name, provenance(reference), to_string(wanted.normalization)));
  std::vector<ComparableMachine> out;
  for (std::size_t i = 0; i < machines.size(); ++i) {
    ComparableMachine machine{machines[i], "", "", false};
    if (i > 0 && !is_fixed(machines[i])) {
      if (wanted.same_memory) take_memory(reference, machine);
      if (wanted.same_clock) take_clock(reference, machine);
    }
    if (i > 0 && normalized) {
      try {
        NormalizedMachine sized = normalized_machine(machine.config, wanted.normalization, reference);
        machine.config = std::move(sized.config);
        add(machine.how, sized.how);
        machine.resized = true;
      } catch (const InfeasibleError& error) {
        machine.refusal = error.what();
      }
    }
    out.push_back(std::move(machine));
  }
  return out;
}

}  // namespace vitality
