#include "sim/analytic_machines.h"

#include <algorithm>
#include <chrono>

#include "analytic/host.h"
#include "analytic/published_models.h"
#include "analytic/roofline.h"
#include "base/error.h"
#include "reference/model.h"

namespace vitality {
namespace {

// The released models of Sanger and ViTCoD take masks; SALO's pattern is in its formula.
std::vector<std::vector<Mask>> masks_of(const HardwareConfig& config, const VitModel& model, std::uint64_t seed) {
  std::vector<std::vector<Mask>> masks(model.layers.size());
  if (config.machine == MachineKind::kSalo) return masks;
  if (config.sparsity.source != SparsitySource::kDensity)
    throw InfeasibleError("machine " + config.name + ": its released cost model with sparsity.source " +
                          to_string(config.sparsity.source) + " is not modelled; density is");
  std::uint64_t next = seed * 1000003;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto* a = std::get_if<Attention>(&model.layers[i].parameters);
    if (a == nullptr) continue;
    for (int head = 0; head < a->instances * a->heads; ++head)
      masks[i].push_back(random_mask(a->n_q, a->n_kv, config.sparsity.density, next++));
  }
  return masks;
}

void measure_approximation(const HardwareConfig& config, const VitModel& model, const SimulationOptions& options,
                           SimulationResult& result) {
  result.numerics.has_approximation = true;
  if (config.attention == AttentionKind::kSoftmax) return;  // exact
  const SeededParameters seeded(options.seed);
  reference::ForwardOptions forward;
  forward.measure_approximation = true;
  forward.score_bias_first_order = config.attention_bias == AttentionBias::kFirstOrder;
  forward.attention.assign(model.layers.size(), reference::AttentionMap::kTaylor);
  const ParameterSource& parameters = options.parameters != nullptr ? *options.parameters : seeded;
  for (const reference::ApproximationError& error : reference::forward(model, parameters, forward).approximation) {
    result.numerics.approximation_max_rel_error =
        std::max(result.numerics.approximation_max_rel_error, error.max_rel_error);
    result.numerics.approximation_cosine_similarity =
        std::min(result.numerics.approximation_cosine_similarity, error.cosine_similarity);
  }
}

}  // namespace

bool is_simulated(const HardwareConfig& config) {
  return config.machine != MachineKind::kRoofline && config.machine != MachineKind::kHost &&
         config.cost_model == CostModel::kSimulated;
}

SimulationResult evaluate_analytic(const HardwareConfig& config, const VitModel& model,
                                   const SimulationOptions& options) {
  if (!options.selected.empty())
    throw InfeasibleError("machine " + config.name + " is no simulation: it cannot run a part of a model (--layers)");
  const auto begin = std::chrono::steady_clock::now();
  const bool released = config.cost_model != CostModel::kSimulated;
  SimulationResult result = released ? published_model(config, model, masks_of(config, model, options.seed))
                            : config.machine == MachineKind::kRoofline ? roofline(config, model)
                                                                       : measure_host(config, model);
  if (options.numerics && !released) measure_approximation(config, model, options, result);
  result.images = model.images;
  result.simulation_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace vitality
