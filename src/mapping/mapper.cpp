#include "mapping/mapper.h"

#include <algorithm>
#include <variant>

#include "base/error.h"
#include "cost/machine_units.h"
#include "cost/sparse_machine.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"
#include "mapping/forward/residency_plan.h"
#include "mapping/mapping_json.h"
#include "mapping/row_streams.h"
#include "mapping/training/training_mapper.h"
#include "workload/training_step.h"

namespace vitality {

// What is known before a model is mapped, and which plans were found on the way.
struct ModelPlans {
  ResidencyPlan residency;
  GemmPlans gemms;
};

namespace {

std::vector<int> layer_users(const VitModel& model) {
  std::vector<int> users(model.layers.size());
  for (const Layer& layer : model.layers) {
    std::vector<int> inputs = layer.inputs;  // a layer that reads one output twice counts once
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    for (const int input : inputs)
      if (!is_model_input(input)) ++users[static_cast<std::size_t>(input)];
  }
  return users;
}

std::vector<bool> layers_with_norm(const VitModel& model, const HardwareConfig& config) {
  std::vector<bool> with_norm(model.layers.size());
  for (const Layer& layer : model.layers)
    if (const auto* norm = std::get_if<BatchNorm>(&layer.parameters);
        norm != nullptr && is_folded(layer, config) && norm->folded_into >= 0)
      with_norm[static_cast<std::size_t>(norm->folded_into)] = true;
  return with_norm;
}

// Whether a layer of all images of a batch can come before the next layer. Attention takes no part: each image has its
// own, with chunks as its masks leave room for.
bool may_go_layer_by_layer(const MappingContext& context) {
  const int layers = static_cast<int>(context.model.layers.size()), each = context.layers_of_image();
  if (layers == each || context.options->training ||
      context.config.matrix_engine.dataflow != Dataflow::kInputStationary)
    return false;
  const auto given_text = [&](int layer) {
    const LayerMapping* given = given_mapping(context, layer);
    return given == nullptr || std::holds_alternative<AttentionMapping>(*given) ? "" : write_json(*given);
  };
  for (int layer = each; layer < layers; ++layer)
    if (context.selected(layer) != context.selected(layer % each) || given_text(layer) != given_text(layer % each))
      return false;
  return true;
}

// 0: all of it.
int part_of_scratchpad(const MappingOptions& options) {
  if (options.given != nullptr && options.given->scratchpad_kib > 0) return options.given->scratchpad_kib;
  return options.scratchpad_kib;
}

Bytes usable_scratchpad(const HardwareConfig& config, const MappingOptions& options) {
  const int kib = part_of_scratchpad(options);
  if (kib > config.scratchpad.capacity_kib)
    throw InputError(options.given->file, "/scratchpad_kib",
                     "expected at most " + std::to_string(config.scratchpad.capacity_kib) +
                         " (scratchpad.capacity_kib), found " + std::to_string(kib));
  return Bytes{kib > 0 ? kib : config.scratchpad.capacity_kib} * 1024;
}

// What all mappings of the model begin with.
MappingContext context_of(const VitModel& model, const HardwareConfig& config, const MappingOptions& options,
                          ScheduleBuilder& builder) {
  MappingContext context{model, config, builder, std::vector<TensorId>(model.layers.size(), kNone)};
  context.users = layer_users(model);
  context.takes_norm = layers_with_norm(model, config);
  context.options = &options;
  context.may_go_layer_by_layer = may_go_layer_by_layer(context);
  return context;
}

void check_attention(const Layer& layer, const HardwareConfig& config, const MappingOptions& options,
                     std::size_t index) {
  const auto* attention = std::get_if<Attention>(&layer.parameters);
  if (attention == nullptr) return;
  const AttentionKind kind =
      attention_kind(layer, options.attention.empty() ? config.attention : options.attention[index]);
  if (kind == AttentionKind::kReluLinear && attention->bias_params > 0 &&
      config.attention_bias == AttentionBias::kFirstOrder)
    throw InfeasibleError("layer " + layer.name +
                          ": relu_linear attention has no scores for a bias; attention_bias drop leaves it out");
  if (is_mapped(config.machine, kind)) return;
  const std::string where =
      "machine " + config.name + ": " + (attention->kind ? "layer " + layer.name + ": " : std::string());
  const auto advice = [&](const char* set) { return attention->kind ? "" : std::string(" (") + set + ")"; };
  if (!traits(kind).mapped)
    throw InfeasibleError(where + "attention " + to_string(kind) + " is not simulated in this version" +
                          advice("taylor is: --set attention=taylor"));
  throw InfeasibleError(where + to_string(config.machine) + " runs sparse attention only, not " + to_string(kind) +
                        advice("--set attention=sparse"));
}

// Refuses requests that would otherwise be simulated as something else.
void check_supported(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  if (!is_mapped(config.machine))
    throw InfeasibleError("machine " + config.name + ": no mapper for machines of kind " + to_string(config.machine) +
                          " in this version");
  for (std::size_t i = 0; i < model.layers.size(); ++i) check_attention(model.layers[i], config, options, i);
  if (traits(config.machine).sparse_baseline) check_mask_source(config);
  if (config.cost_model != CostModel::kSimulated)
    throw InfeasibleError("machine " + config.name + ": cost_model " + to_string(config.cost_model) +
                          " belongs to machines with a released cost model");
}

}  // namespace

bool is_mapped(MachineKind machine) {
  return traits(machine).evaluation == MachineEvaluation::kSimulated;
}
bool is_mapped(MachineKind machine, AttentionKind attention) {
  if (!is_mapped(machine) || !traits(attention).mapped) return false;
  return !traits(machine).sparse_baseline || attention == AttentionKind::kSparse;
}

bool needs_sparse_unit(MachineKind machine, AttentionKind attention) {
  return traits(attention).uses_mask && !traits(machine).sparse_baseline;
}

namespace {

// The layers of the forward pass, one after the other. There is one overload per kind of layer, so a new kind of layer
// does not compile until it has a mapper.
class ForwardMapper {
 public:
  ForwardMapper(MappingContext& context, const MappingOptions& options, const std::vector<bool>& selected)
      : context_(context), options_(options), selected_(selected) {}

  void map(int layers) {
    if (context_.batch_order == BatchOrder::kLayerByLayer)
      map_images_together(layers / context_.model.images);
    else
      for (layer_ = 0; layer_ < layers; ++layer_) map_layer();
    for (const int alias : aliases_) context_.output[static_cast<std::size_t>(alias)] = kNone;
  }

 private:
  void map_layer() {
    if (selected_[static_cast<std::size_t>(layer_)])
      std::visit([&](const auto& parameters) { apply(parameters); }, context_.layer(layer_).parameters);
    if (context_.batch_order == BatchOrder::kImageByImage) release_resident(context_, layer_);
  }

  void map_images_together(int layers) {
    const auto is_gemm = [](const Layer& layer) {
      return std::holds_alternative<Linear>(layer.parameters) || std::holds_alternative<Conv2d>(layer.parameters);
    };
    for (int layer = 0; layer < layers; ++layer) {
      const bool together = is_gemm(context_.layer(layer)) && selected_[static_cast<std::size_t>(layer)];
      // Before the first image is mapped: each of them then has the same room.
      if (std::holds_alternative<Attention>(context_.layer(layer).parameters))
        for (int image = 0; image < context_.model.images; ++image) make_resident(context_, layer + image * layers);
      std::vector<GemmLayer> images;
      for (int image = 0; image < context_.model.images; ++image) {
        layer_ = layer + image * layers;
        if (together)
          images.push_back(take_gemm());
        else
          map_layer();
      }
      if (together) map_gemm_layer(context_, images);
      layer = layer_ % layers;  // of layers that were mapped with it the last one
      for (int image = 0; image < context_.model.images; ++image) release_resident(context_, layer + image * layers);
    }
  }

  // The layer and its epilogue, with which layer_ moves on.
  GemmLayer take_gemm() {
    const int first = layer_;
    std::vector<EpilogueStage> epilogue = take_epilogue(context_, layer_);
    if (!epilogue.empty()) layer_ = epilogue.back().layer;
    return {first, std::move(epilogue), context_.add_activation(layer_)};
  }
  void gemm() {
    const GemmLayer first = take_gemm();
    if (context_.residence(layer_).place != ResultPlace::kParts) return map_gemm_layer(context_, {first});
    ++layer_;
    if (std::holds_alternative<Attention>(context_.layer(layer_).parameters))
      map_gemm_in_parts(context_, first, layer_, context_.add_activation(layer_));
    else
      map_gemm_in_parts(context_, first, take_gemm());
  }
  void elementwise() { map_elementwise_layer(context_, layer_, context_.add_activation(layer_)); }
  void rearrange() { map_rearrange_layer(context_, layer_, context_.add_activation(layer_)); }

  void apply(const Conv2d&) { gemm(); }
  void apply(const Linear&) { gemm(); }
  void apply(const Attention&) {
    map_attention_layer(context_, layer_, context_.attention_kind(layer_), options_.masks,
                        context_.add_activation(layer_));
  }
  void apply(const LayerNorm&) { elementwise(); }
  void apply(const BatchNorm& norm) {
    if (!is_folded(context_.layer(layer_), context_.config)) return elementwise();
    // Nothing is done here, the layer's output is its input: with the norm in it, if a layer before absorbed it.
    context_.output[static_cast<std::size_t>(layer_)] = context_.input_tensor(layer_, 0);
    take_form<FoldedMapping>(context_, layer_);
    aliases_.push_back(std::min(layer_, norm.folded_into));
  }
  void apply(const Activation&) { elementwise(); }
  void apply(const Add&) { elementwise(); }
  void apply(const PositionEmbedding&) { elementwise(); }
  void apply(const ConcatToken&) { rearrange(); }
  void apply(const ConcatChannels&) { rearrange(); }
  void apply(const Subsample&) { rearrange(); }
  void apply(const MeanPool&) { map_pool_layer(context_, layer_, context_.add_activation(layer_)); }
  void apply(const PatchMerge&) { rearrange(); }
  void apply(const Unfold&) { rearrange(); }
  void apply(const Fold&) { rearrange(); }
  void apply(const LayerScale&) { elementwise(); }
  void apply(const Multiply&) { elementwise(); }
  void apply(const AveragePool&) { map_average_pool_layer(context_, layer_, context_.add_activation(layer_)); }
  void apply(const Slice&) { rearrange(); }
  void apply(const GivenTensor&) {}  // never selected

  MappingContext& context_;
  const MappingOptions& options_;
  const std::vector<bool>& selected_;
  int layer_ = 0;
  std::vector<int> aliases_;  // of folded batch norms: the layer whose own output is nowhere, in front of the other
};

enum class Extent { kWhole, kPlanOnly };

// plans: null: nothing is known.
Schedule map_layers(const VitModel& model, const HardwareConfig& config, const MappingOptions& options, Extent extent,
                    ModelPlans* plans = nullptr) {
  check_supported(model, config, options);
  const MatrixEngineConfig& engine = config.matrix_engine;
  ScheduleBuilder builder(usable_scratchpad(config, options), engine.dataflow == Dataflow::kOutputStationary ||
                                                                  engine.accumulation == Accumulation::kGStationary);
  for (const UnitKind kind : all_of_enum<UnitKind>())
    if (unit_count(config, kind) > 1) builder.expect_several(kind);
  if (!config.pipeline.intra_layer) builder.run_layers_serially();
  MappingContext context = context_of(model, config, options, builder);
  context.plan_only = extent == Extent::kPlanOnly;
  builder.schedule().mappings.resize(model.layers.size());
  builder.schedule().layer_mapping.resize(model.layers.size());
  const int layers = options.training ? forward_layers(model) : static_cast<int>(model.layers.size());
  SavedForward saved;
  if (options.training) {
    check_trainable(model, config);
    saved.attention.resize(static_cast<std::size_t>(layers));
    saved.weight.assign(static_cast<std::size_t>(layers), kNone);
    context.saved = &saved;
  }
  std::vector<bool> selected = options.selected;
  if (selected.empty()) selected.assign(model.layers.size(), true);

  const Bytes element = context.element_bytes();
  const int pixels = model.image_height * model.image_width;
  for (int i = 0; i < model.images; ++i) {
    context.images.push_back(builder.add_tensor(i == 0 ? "input" : "input." + std::to_string(i), TensorRole::kInput,
                                                kModelInput - i, pixels, model.image_channels,
                                                element * pixels * model.image_channels));
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {  // the outputs of layers that are left out are given
    if (std::holds_alternative<GivenTensor>(model.layers[i].parameters)) selected[i] = false;
    if (selected[i]) continue;
    const auto tensor = context.add_activation(static_cast<int>(i));
    builder.schedule().tensors[tensor].role = TensorRole::kInput;
  }
  if (plans != nullptr) std::swap(context.gemm_plans, plans->gemms);
  ResidencyPlan plan = plans != nullptr ? plans->residency : plan_residences(context);
  context.residences = std::move(plan.residences);
  builder.schedule().batch_order = context.batch_order = plan.batch_order;
  builder.schedule().scratchpad_kib = part_of_scratchpad(options);
  ForwardMapper(context, options, selected).map(layers);
  if (plans != nullptr) std::swap(context.gemm_plans, plans->gemms);
  builder.schedule().layer_output = context.output;
  if (options.training && !context.plan_only) {
    map_backward(context, options);
    map_update(context);
    builder.schedule().saved_activation_bytes = saved_bytes(builder.schedule(), layers);
  }
  // Steps that do not overlap stream nothing.
  if (config.pipeline.row_streaming && config.pipeline.intra_layer && !context.plan_only)
    stream_rows(builder.schedule(), config);
  return std::move(builder.schedule());
}

}  // namespace

Schedule map_model(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  return map_layers(model, config, options, Extent::kWhole);
}

PlannedModel::PlannedModel(const VitModel& model, const HardwareConfig& config, const MappingOptions& options)
    : model_(model), config_(config), options_(options), plans_(std::make_unique<ModelPlans>()) {
  check_supported(model, config, options);
  ScheduleBuilder builder(usable_scratchpad(config, options), false);
  MappingContext context = context_of(model, config, options, builder);
  plans_->residency = plan_residences(context);
  if (plans_->residency.residences.empty()) plans_->residency.estimate = estimate_in_memory(context);
  plans_->gemms = std::move(context.gemm_plans);
}
PlannedModel::~PlannedModel() = default;

std::optional<ModelEstimate> PlannedModel::estimate() const {
  return plans_->residency.estimate;
}

bool PlannedModel::alike(int layer, int other, int count) const {
  const auto first = plans_->residency.residences.begin();
  return plans_->residency.residences.empty() ||
         std::equal(first + layer, first + layer + count, first + other,
                    [&](const Residence& a, const Residence& b) { return a.moved(other - layer) == b; });
}

Schedule PlannedModel::map() {
  return map_layers(model_, config_, options_, Extent::kWhole, plans_.get());
}

std::optional<Schedule> PlannedModel::map_shortened(const VitModel& fewer, const std::vector<int>& stands_for) {
  const std::vector<Residence>& of_whole = plans_->residency.residences;
  std::vector<std::optional<Residence>> known(of_whole.empty() ? 0 : fewer.layers.size());
  for (std::size_t layer = 0; layer < of_whole.size(); ++layer) {
    const Residence residence = of_whole[layer].moved(stands_for[layer] - static_cast<int>(layer));
    std::optional<Residence>& same = known[static_cast<std::size_t>(stands_for[layer])];
    if (same && !(*same == residence)) return std::nullopt;
    same = residence;
  }
  ModelPlans shortened{{}, std::move(plans_->gemms)};
  for (const std::optional<Residence>& each : known) shortened.residency.residences.push_back(*each);
  Schedule schedule = map_layers(fewer, config_, options_, Extent::kWhole, &shortened);
  plans_->gemms = std::move(shortened.gemms);
  return schedule;
}

void check_fits(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  map_layers(model, config, options, Extent::kPlanOnly);
}

}  // namespace vitality
