#include "sim/analytic_machines.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "analytic/host.h"
#include "analytic/published_models.h"
#include "analytic/roofline.h"
#include "base/error.h"
#include "cost/sparse_machine.h"
#include "reference/model.h"
#include "sim/attention_masks.h"

namespace vitality {
namespace {

// The approximation error of the attention kind, over all layers.
void take_approximation(const reference::ForwardResult& forward, NumericsResult& numerics) {
  numerics.has_approximation = true;
  for (const reference::ApproximationError& error : forward.approximation) {
    numerics.approximation_max_rel_error = std::max(numerics.approximation_max_rel_error, error.max_rel_error);
    numerics.approximation_cosine_similarity =
        std::min(numerics.approximation_cosine_similarity, error.cosine_similarity);
  }
}

}  // namespace

bool is_simulated(const HardwareConfig& config) {
  return traits(config.machine).evaluation == MachineEvaluation::kSimulated &&
         config.cost_model == CostModel::kSimulated;
}

SimulationResult evaluate_analytic(const HardwareConfig& config, const VitModel& model,
                                   const SimulationOptions& options) {
  if (!options.selected.empty())
    throw InfeasibleError("machine " + config.name + " is no simulation: it cannot run a part of a model (--layers)");
  const auto begin = std::chrono::steady_clock::now();
  const bool released = config.cost_model != CostModel::kSimulated;
  // The released cost models use the masks that the machine would run.
  std::unique_ptr<MaskSource> masks;
  if (released) {
    check_mask_source(config);
    masks = std::make_unique<MaskSource>(model, config, options.seed);
  }
  reference::ForwardResult forward;
  if ((options.numerics &&
       any_attention(model, config.attention, [](AttentionKind kind) { return kind != AttentionKind::kSoftmax; })) ||
      (masks && masks->predicted())) {
    const SeededParameters seeded(options.seed);
    reference::ForwardOptions asked = reference_options(model, config);
    asked.measure_approximation = options.numerics;
    if (masks) asked.mask = masks->chooser();
    forward = reference::forward(model, options.parameters != nullptr ? *options.parameters : seeded, asked);
  }
  SimulationResult result = released              ? published_model(config, model, masks->masks().of_layer)
                            : is_roofline(config) ? roofline(config, model)
                                                  : measure_host(config, model);
  if (options.numerics) take_approximation(forward, result.numerics);
  if (masks) result.mask_source = to_string(config.sparsity.source);
  result.images = model.images;
  result.is_device = !released;
  result.simulation_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace vitality
