#include "sim/simulate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <systemc>

#include "base/error.h"
#include "base/heap.h"
#include "cost/bandwidth_dram.h"
#include "models/host.h"
#include "reference/model.h"
#include "schedule/check_schedule.h"
#include "sim/account/accounting.h"
#include "sim/account/block_repetition.h"
#include "sim/account/counter_check.h"
#include "sim/analytic_machines.h"
#include "sim/attention_masks.h"
#include "sim/child_simulation.h"
#include "sim/mapping_search.h"
#include "sim/values/error_model.h"
#include "sim/values/row_errors.h"
#include "sim/values/training_check.h"
#include "sim/values/value_executor.h"
#include "sim/values/value_plan.h"
#include "tensor/difference.h"
#include "workload/training_step.h"

namespace vitality {
namespace {

// A value takes 8 bytes in the reference: a model far beyond the memory of this computer can only be run for its time.
void check_values_fit(const VitModel& model) {
  constexpr double kMaxValues = 1.7e10;
  double values = static_cast<double>(parameter_count(model));
  for (const Layer& layer : model.layers) {
    const MatrixShape shape = output_shape(layer);
    values += static_cast<double>(shape.rows) * shape.cols;
  }
  if (values > kMaxValues)
    throw InfeasibleError(
        "model " + model.name +
        ": more than 1.7e10 activations and parameters in all are too many to compute values for; its "
        "time alone can be simulated (--numerics off; masks that are not predicted)");
}

// What is fixed before the simulation starts: the masks, and the reference's forward pass (needed for values, and for
// predicted masks).
struct Inputs {
  SeededParameters seeded;
  const ParameterSource& parameters;
  reference::ForwardOptions forward;
  std::unique_ptr<reference::ForwardPass> pass;  // null if nothing is checked or predicted
  bool in_step = false;                          // the reference runs layer by layer beside the machine
  std::map<int, EffectiveWeights> used_weights;  // used by the reference, but not yet by the machine
  std::vector<int> labels;                       // of training
  std::unique_ptr<MaskSource> masks;             // null where attention needs none

  Inputs(const VitModel& model, const HardwareConfig& config, const SimulationOptions& options)
      : seeded(options.seed),
        parameters(options.parameters != nullptr ? *options.parameters : seeded),
        forward(reference_options(model, config)) {
    if (options.training) labels = training_labels(model, options.seed);
    if (!options.attention.empty()) forward.attention = options.attention;
    if (any_mask(model, config.attention)) {
      masks = std::make_unique<MaskSource>(model, config, options.seed);
      forward.mask = masks->chooser();
      forward.values = masks->values(), forward.attended = masks->observer();
    }
    if (!options.numerics && !(masks && masks->predicted())) return;
    check_values_fit(model);
    forward.measure_approximation = options.numerics;
    pass = std::make_unique<reference::ForwardPass>(model, parameters, forward);
    // Then few tensors exist at a time: hundreds of MiB become little enough to stay in the caches.
    in_step = !options.training && !options.observe && !masks && !has_given_tensors(model, options);
    if (in_step) {
      forward.used = [this](int layer, EffectiveWeights&& weights) {
        constexpr std::size_t kKept = 4;  // number of layers by which the reference may be ahead
        used_weights[layer] = std::move(weights);
        if (used_weights.size() > kKept) used_weights.erase(used_weights.begin());
      };
      return;
    }
    if (options.progress)
      forward.progress = [&](int layer) {
        options.progress("reference", (layer + 1.0) / static_cast<double>(model.layers.size()));
      };
    pass->reach(static_cast<int>(model.layers.size()) - 1);
    if (!masks) return;
    forward.mask = [this, &model](int layer, int instance, int head, auto&&...) {  // the masks of the pass that has
                                                                                   // already run
      const auto& a = std::get<Attention>(model.layers[static_cast<std::size_t>(layer)].parameters);
      return masks->masks()
          .of_layer[static_cast<std::size_t>(layer)][static_cast<std::size_t>(instance * a.heads + head)];
    };
  }

  static bool has_given_tensors(const VitModel& model, const SimulationOptions& options) {
    return !options.selected.empty() || std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
      return std::holds_alternative<GivenTensor>(layer.parameters);
    });
  }
};

// Everything in a run that concerns values: the formats calibrated from the reference, and the machine's datapath.
struct Values {
  reference::ForwardPass& pass;
  const reference::ForwardResult& expected;
  reference::ForwardResult calibrated;  // ranges of other images; if empty, those of `expected` are used
  ValuePlan plan;
  ValueExecutor executor;
  ValueExecutor::ResultGrids grids;
  std::vector<std::optional<Difference>> errors;  // per layer; none: not compared yet
  std::vector<std::vector<double>> row_errors;    // per layer; of ReLU-linear attention

  // model: the forward pass; step: what the machine runs.
  Values(const Schedule& schedule, const VitModel& model, const VitModel& step, const HardwareConfig& config,
         Inputs& inputs, const reference::Calibration* other)
      : pass(*inputs.pass),
        expected(pass.result()),
        calibrated{{}, other != nullptr ? other->ranges : std::vector<reference::LayerRanges>(), {}, {}},
        plan(model, config, other != nullptr ? calibrated : expected, other != nullptr ? *other : inputs.parameters,
             [this](int layer) { pass.reach(layer); }),
        executor(schedule, step, config, plan, inputs.parameters, expected.outputs),
        errors(schedule.layer_output.size()),
        row_errors(schedule.layer_output.size()) {
    if (other != nullptr) executor.count_saturated();
    if (!inputs.in_step) return;
    std::multimap<TensorId, int> layers_of;
    for (std::size_t i = 0; i < errors.size(); ++i) {
      if (schedule.layer_output[i] == kNone) {
        pass.drop(static_cast<int>(i));
      } else {
        layers_of.emplace(schedule.layer_output[i], static_cast<int>(i));
      }
    }
    executor.take_weights([this, &model, &inputs](int layer) {
      pass.reach(layer);
      const auto found = inputs.used_weights.find(layer);
      if (found == inputs.used_weights.end()) return effective_weights(model, layer, inputs.parameters, false);
      EffectiveWeights weights = std::move(found->second);
      inputs.used_weights.erase(found);
      return weights;
    });
    executor.observe_written([this, &model, layers_of = std::move(layers_of)](TensorId tensor) {
      const auto [first, last] = layers_of.equal_range(tensor);
      for (auto it = first; it != last; ++it) {
        pass.reach(it->second);
        compare_layer(tensor, model, it->second);
        pass.drop(it->second);
      }
    });
  }

  // Training in fixed formats: finds the grids of the gradients by running the same jobs in double first, one after the
  // other.
  void calibrate_gradients(const Schedule& schedule, const VitModel& model, const VitModel& step,
                           const HardwareConfig& config, const Inputs& inputs) {
    HardwareConfig exact = config;
    exact.precision = Precision::kFp64;
    const ValuePlan exact_plan(model, exact, expected, inputs.parameters);
    ValueExecutor run(schedule, step, exact, exact_plan, inputs.parameters, expected.outputs);
    std::vector<double> scratchpad(static_cast<std::size_t>(config.scratchpad.capacity_kib) * 1024);
    run.attach(scratchpad.data());
    run.record(grids);
    for (const Job& job : schedule.jobs) run.execute(job, {});
    executor.use(grids);
  }

  static bool compared(const Schedule& schedule, TensorId tensor) {
    return tensor != kNone && schedule.tensors[tensor].role != TensorRole::kInput;
  }
  void compare_layer(TensorId tensor, const VitModel& model, int layer) {
    const auto i = static_cast<std::size_t>(layer);
    if (!expected.ranges[i].sensitivities.empty())
      row_errors[i] = seen_row_errors(std::get<Attention>(model.layers[i].parameters), executor.codes(tensor),
                                      executor.real_scale(tensor), expected.outputs[i]);
    errors[i].emplace().add(executor.codes(tensor), executor.real_scale(tensor), expected.outputs[i]);
  }

  void compare(const Schedule& schedule, const VitModel& model, const HardwareConfig& config, const Inputs& inputs,
               SimulationResult& result) {
    NumericsResult& numerics = result.numerics;
    numerics.checked = true;
    pass.reach(static_cast<int>(expected.outputs.size()) - 1);
    const auto computed = [&schedule](int layer) {
      const TensorId tensor = schedule.layer_output[static_cast<std::size_t>(layer)];
      return tensor == kNone || schedule.tensors[tensor].role != TensorRole::kInput;
    };
    for (std::size_t i = 0; i < schedule.layer_output.size(); ++i)
      if (const TensorId tensor = schedule.layer_output[i]; !errors[i] && compared(schedule, tensor))
        compare_layer(tensor, model, static_cast<int>(i));
    const std::vector<ErrorTolerance> tolerances =
        error_tolerances(model, config, inputs.forward, expected, plan, inputs.parameters, row_errors, computed);
    double nearest = -1;  // of the worst layer's errors, over its tolerances
    for (std::size_t i = 0; i < schedule.layer_output.size(); ++i) {
      if (!compared(schedule, schedule.layer_output[i])) continue;
      LayerResult& layer = result.layers[i];
      layer.has_error = true;
      layer.max_abs_error = errors[i]->absolute();
      layer.max_rel_error = errors[i]->relative();
      layer.rms_rel_error = errors[i]->relative_rms(), layer.mean_rel_error = errors[i]->relative_mean();
      layer.cosine_similarity = errors[i]->cosine();
      layer.tolerance = tolerances[i].largest, layer.rms_tolerance = tolerances[i].rms;
      layer.mean_tolerance = tolerances[i].mean;
      numerics.tolerance = std::max(numerics.tolerance, layer.tolerance);
      const double share = std::max({layer.max_rel_error / layer.tolerance, layer.rms_rel_error / layer.rms_tolerance,
                                     layer.mean_rel_error / layer.mean_tolerance});
      if (!(share <= nearest)) nearest = share, numerics.worst_layer = layer.name;
      numerics.passed = numerics.passed && layer.max_rel_error <= layer.tolerance &&
                        layer.rms_rel_error <= layer.rms_tolerance && layer.mean_rel_error <= layer.mean_tolerance;
      numerics.max_abs_error = std::max(numerics.max_abs_error, layer.max_abs_error);
      if (!(layer.max_rel_error <= numerics.max_rel_error)) numerics.max_rel_error = layer.max_rel_error;
      numerics.cosine_similarity = std::min(numerics.cosine_similarity, layer.cosine_similarity);
    }
    for (const reference::ApproximationError& error : expected.approximation) {
      numerics.has_approximation = true;
      numerics.approximation_max_rel_error = std::max(numerics.approximation_max_rel_error, error.max_rel_error);
      numerics.approximation_cosine_similarity =
          std::min(numerics.approximation_cosine_similarity, error.cosine_similarity);
    }
  }
};

// Reports the progress of the machine, and what it computed. Timing-only runs have none, because they end too soon.
class ObservedExecutor : public TileExecutor {
 public:
  ObservedExecutor(TileExecutor& executor, std::size_t jobs, const SimulationOptions& options)
      : executor_(executor), jobs_(jobs), options_(options) {}
  void execute(const Job& job, UnitId unit) override {
    executor_.execute(job, unit);
    if (options_.computed) options_.computed(job, unit);
    if (!options_.progress || ++done_ * 100 / jobs_ == reported_) return;
    reported_ = done_ * 100 / jobs_;
    options_.progress("simulation", static_cast<double>(done_) / static_cast<double>(jobs_));
  }

 private:
  TileExecutor& executor_;
  std::size_t jobs_, done_ = 0, reported_ = 0;
  const SimulationOptions& options_;
};

void throw_if_wrong(const Schedule& schedule, const HardwareConfig& config) {
  const ScheduleLimits limits{Bytes{config.scratchpad.capacity_kib} * 1024, storage_bytes(config.precision)};
  std::string text;
  for (const std::string& finding : check_schedule(schedule, limits)) text += "\n  " + finding;
  if (!text.empty()) throw std::logic_error("the schedule is wrong:" + text);
}

void throw_if_counted_otherwise(const AcceleratorChunk& chunk, const RunRecord& record,
                                const SimulationResult& result) {
  std::vector<UnitCounters> counted;
  for (std::size_t u = 0; u < record.units.size(); ++u)
    counted.push_back(chunk.counters({static_cast<std::int32_t>(u)}));
  const std::string text = compare_counters(counted, record, result.units);
  if (!text.empty()) throw std::logic_error("modules and accounts count differently:" + text);
}

struct Run {
  const HardwareConfig& config;
  const VitModel &model, &step;  // step: what is simulated, a training step or fewer blocks
  const Schedule& schedule;
  const SimulationOptions& options;
};

// The whole run's cycles and memory counts, blocks that were left out included.
struct RunTotals {
  Cycles cycles;
  DramStatistics dram;
  DramEnergy dram_energy;
  std::optional<BlockRepetition> repetition;
};

RunTotals total(const Run& run, const CostTable& costs, const HostedAccelerator& machine, const ShortenedRun* fewer) {
  RunTotals t{machine.chunk.controller.last_cycle(), machine.dram.statistics(), machine.dram.energy(), {}};
  if (fewer == nullptr) return t;
  t.repetition = find_steady_state(fewer->blocks, run.schedule, run.config, costs, machine.chunk.controller.times());
  if (!t.repetition) throw NotPeriodic("model " + run.model.name + ": equal blocks take different times");
  const BlockRepetition& more = *t.repetition;
  t.cycles += more.times * more.period;
  t.dram.read_bytes += more.dram.read_bytes, t.dram.write_bytes += more.dram.write_bytes;
  t.dram.read_bursts += more.dram.read_bursts, t.dram.write_bursts += more.dram.write_bursts;
  t.dram_energy = all_in_energy(run.config.dram.device, t.dram);
  return t;
}

// Hops of each unit's port from the scratchpad.
std::vector<int> noc_hops(const AcceleratorChunk& chunk, std::size_t units) {
  std::vector<int> hops(units, 0);
  for (std::int32_t unit = 0; unit < static_cast<std::int32_t>(units); ++unit) {
    const int port = chunk.noc_port({unit});
    if (port >= 0) hops[static_cast<std::size_t>(unit)] = chunk.noc.hops(static_cast<std::size_t>(port));
  }
  return hops;
}

// Builds the machine, runs the schedule on it and accounts for it.
void simulate_schedule(const Run& run, Values* values, const ShortenedRun* fewer, SimulationResult& result) {
  const auto& [config, model, step, schedule, options] = run;
  std::unique_ptr<ObservedExecutor> observed;
  TileExecutor* executor = values != nullptr ? &values->executor : nullptr;
  if (values != nullptr && (options.progress || options.computed)) {
    observed = std::make_unique<ObservedExecutor>(*executor, schedule.jobs.size(), options);
    executor = observed.get();
  }
  const MachineParameters parameters(config, schedule, executor);
  const MachineUnits& units = parameters.units;
  HostedAccelerator machine("machine", parameters);
  const ChunkController& controller = machine.chunk.controller;
  if (values != nullptr) values->executor.attach(machine.chunk.scratchpad.values());
  if (options.dram_commands) machine.dram.observe(options.dram_commands);
  sc_core::sc_start();
  if (!controller.finished()) throw std::logic_error(controller.describe_unfinished());

  const RunTotals t = total(run, parameters.costs, machine, fewer);
  const RunRecord record{step,
                         config,
                         schedule,
                         controller.times(),
                         parameters.costs,
                         units,
                         controller.order(),
                         t.cycles,
                         t.dram,
                         t.dram_energy,
                         noc_hops(machine.chunk, units.size()),
                         options.totals_only,
                         t.repetition,
                         controller.descriptors.fetches() ? &controller.descriptors.times() : nullptr};
  account(record, result);
  if (options.check && !options.totals_only) throw_if_counted_otherwise(machine.chunk, record, result);
  result.jobs = static_cast<std::int64_t>(schedule.jobs.size()) + (t.repetition ? t.repetition->jobs : 0);
  if (options.observe)
    options.observe({step, schedule, controller.times(), values != nullptr ? &values->plan : nullptr,
                     values != nullptr ? &values->executor : nullptr,
                     values != nullptr ? &values->expected.outputs : nullptr, parameters.costs, result});
}

// Which kind of attention each layer had, for runs in which layers may differ.
void name_attention(const VitModel& model, const std::function<AttentionKind(std::size_t)>& otherwise,
                    SimulationResult& result) {
  for (std::size_t i = 0; i < model.layers.size() && i < result.layers.size(); ++i)
    if (std::holds_alternative<Attention>(model.layers[i].parameters))
      result.layers[i].attention = to_string(attention_kind(model.layers[i], otherwise(i)));
}

// attention auto: chooses a kind for each layer, then runs the model with them.
SimulationResult simulate_chosen_attention(const HardwareConfig& config, const VitModel& model,
                                           const SimulationOptions& options) {
  const AutoAttention chosen = choose_attention(config, model);
  SimulationOptions decided = options;
  decided.attention = chosen.kinds;
  SimulationResult result = simulate(config, model, decided);
  name_attention(
      model, [&](std::size_t i) { return chosen.kinds[i]; }, result);
  for (const AutoAttention::Decision& d : chosen.decisions)
    result.attention_choices.push_back(
        {model.layers[static_cast<std::size_t>(d.layer)].name, d.taylor_cycles, d.softmax_cycles});
  return result;
}

HardwareConfig mapped_by(const HardwareConfig& config, const MappingChoice& choice) {
  HardwareConfig changed = config;
  changed.mapping = choice.config;
  return changed;
}
void take_choice(const MappingChoice& choice, MappingOptions& mapping) {
  mapping.scratchpad_kib = choice.scratchpad_kib, mapping.heads_in_turn = choice.heads_in_turn;
}

Schedule schedule_of(const HardwareConfig& config, const VitModel& model, MappingOptions mapping,
                     MappingVariant& variant) {
  take_choice(variant, mapping);
  if (config.mapping.search == MappingSearch::kSimulate) mapping.alternatives = &variant.plans;
  return map_model(model, mapped_by(config, variant), mapping);
}

// The mapping that is to run, found by simulating in child processes.
FoundMapping search(const HardwareConfig& config, const VitModel& model, const SimulationOptions& options,
                    const MappingOptions& mapping) {
  const bool by_plans = config.mapping.search == MappingSearch::kSimulate;
  MappingSearchTask task;
  if (options.mapping == nullptr) task.others = choices_that_may_be_faster(model, config, mapping);
  task.budget = by_plans ? options.search_budget : 1 + static_cast<int>(task.others.size());
  task.map = [&](MappingVariant& variant) { schedule_of(config, model, mapping, variant); };
  if (options.progress) task.progress = [&](double fraction) { options.progress("mapping search", fraction); };
  SimulationOptions timing;
  timing.totals_only = true;
  task.checkpoint = options.search_checkpoint;
  task.simulate = [&](MappingVariant variant) -> ChildTotals {
    const Schedule schedule = schedule_of(config, model, mapping, variant);
    SimulationResult result;
    simulate_schedule({mapped_by(config, variant), model, model, schedule, timing}, nullptr, nullptr, result);
    return {result.totals.cycles, result.totals.energy_mj};
  };
  if (!by_plans && task.others.empty()) return {{{config.mapping}}, {}, {}};  // the estimate's
  return search_mapping(config.mapping, task);
}

// The plans of mapping.search simulate, as a mapping from a file.
GivenMapping plans_of(const HardwareConfig& config, const VitModel& model, const MappingOptions& mapping,
                      FoundMapping& found) {
  const Schedule schedule = schedule_of(config, model, mapping, found.variant);
  GivenMapping plans;
  plans.batch_order = schedule.batch_order;
  plans.scratchpad_kib = found.variant.scratchpad_kib;
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    if (!std::holds_alternative<NoMapping>(schedule.mappings[i]))
      plans.layers[model.layers[i].name] = schedule.mappings[i];
  return plans;
}

// Decides what the mapper does not decide by itself, and writes it into the machine's and the mapper's settings. plans:
// receives what the mapping then refers to.
MappingSearchResult choose_mapping(const VitModel& model, const SimulationOptions& options, HardwareConfig& config,
                                   MappingOptions& mapping, GivenMapping& plans) {
  if (options.training) return {};
  const bool by_plans = config.mapping.search == MappingSearch::kSimulate;
  if (!by_plans && options.mapping != nullptr) return {};
  if (!by_plans && config.mapping.objective == MappingObjective::kEdp) return {};
  if (!by_plans && config.mapping.objective == MappingObjective::kEnergy) {
    config.mapping.byte_share = choose_byte_share(model, config, mapping);
    return {};
  }
  FoundMapping found = search(config, model, options, mapping);
  take_choice(found.variant, mapping);
  if (by_plans) {
    plans = plans_of(config, model, mapping, found);
    mapping.given = &plans;
  } else {
    config.mapping = found.variant.config;
  }
  return found.result;
}

void check_training(const HardwareConfig& config, const SimulationOptions& options) {
  if (options.training && !is_simulated(config))
    throw InfeasibleError("machine " + config.name + ": training is simulated on machines with a mapper only");
  if (options.training && config.attention == AttentionKind::kAuto)
    throw InfeasibleError(
        "machine " + config.name +
        ": attention auto is decided for inference; training takes one kind (--set attention=taylor)");
}

void name_workload(const VitModel& model, SimulationResult& result) {
  result.workload_name = model.name;
  result.workload_parameters = parameter_count(model);
  result.workload_macs = macs(model) / model.images;
  result.images = model.images;
}

// The run must take what the search found that it takes.
void take(const MappingSearchResult& searched, SimulationResult& result) {
  result.mapping_search = searched;
  if (searched.simulations > 0 && result.totals.cycles != searched.cycles)
    throw std::logic_error("the mapping that was found takes " + std::to_string(result.totals.cycles) +
                           " cycles in the run and took " + std::to_string(searched.cycles) + " in the search");
}

// What is simulated: the model, a training step, or a model with fewer blocks.
struct Work {
  VitModel step;
  Schedule schedule;
  std::optional<ShortenedRun> fewer;  // without its model and schedule
};
Work work_of(const HardwareConfig& config, const VitModel& model, const MappingOptions& mapping,
             const SimulationOptions& options) {
  if (options.repeat_blocks && options.totals_only && !options.numerics && may_be_shortened(config, mapping)) {
    PlannedModel planned(model, config, mapping);
    std::optional<ShortenedRun> fewer = shorten(model, config, planned);
    if (!fewer) return {model, planned.map(), {}};
    VitModel step = std::move(fewer->model);
    Schedule schedule = std::move(fewer->schedule);
    return {std::move(step), std::move(schedule), std::move(fewer)};
  }
  VitModel step = options.training ? training_step_model(model) : model;
  Schedule schedule = map_model(step, config, mapping);
  return {std::move(step), std::move(schedule), {}};
}

}  // namespace

SimulationResult simulate(const HardwareConfig& config, const VitModel& model, const SimulationOptions& options) {
  check_training(config, options);
  if (!is_simulated(config)) return evaluate_analytic(config, model, options);
  if (config.attention == AttentionKind::kAuto && options.attention.empty())
    return simulate_chosen_attention(config, model, options);
  static bool used = false;
  if (used) throw std::logic_error("SystemC allows one simulation a process");
  used = true;
  grow_heap_by_huge_pages(options.numerics || model.images > 1 ? 1 << 30 : 64 << 20);

  const auto begin = std::chrono::steady_clock::now();
  MappingOptions mapping;
  mapping.selected = options.selected;
  mapping.attention = options.attention;
  mapping.training = options.training;
  mapping.given = options.mapping;
  // The reference and the masks of a large model take long: a run that is impossible anyway is refused before.
  if (options.numerics || any_mask(model, config.attention))
    check_fits(options.training ? training_step_model(model) : model, config, mapping);
  Inputs inputs(model, config, options);
  if (inputs.masks) mapping.masks = &inputs.masks->masks();
  mapping.labels = inputs.labels;
  GivenMapping plans;
  HardwareConfig mapped = config;
  const MappingSearchResult searched = choose_mapping(model, options, mapped, mapping, plans);
  const Work work = work_of(mapped, model, mapping, options);
  const auto& [step, schedule, fewer] = work;
  if (options.check) throw_if_wrong(schedule, config);

  std::unique_ptr<Values> values;
  if (options.numerics) values = std::make_unique<Values>(schedule, model, step, config, inputs, options.calibration);
  if (values && options.training && is_integer(config.precision))
    values->calibrate_gradients(schedule, model, step, config, inputs);

  SimulationResult result;
  name_workload(model, result);
  if (model.images > 1) result.batch_order = to_string(schedule.batch_order);
  result.mapped_kib = schedule.scratchpad_kib;
  simulate_schedule({config, model, step, schedule, options}, values.get(), fewer ? &*fewer : nullptr, result);
  take(searched, result);
  if (options.training) describe_training(step, config, schedule, result);
  if (values) values->compare(schedule, model, config, inputs, result);
  if (values && options.training)
    compare_training({model, config, inputs.parameters, inputs.forward, inputs.pass->result(), inputs.labels}, schedule,
                     values->executor, result);
  if (names_attention(model))
    name_attention(
        model, [&](std::size_t i) { return options.attention.empty() ? config.attention : options.attention[i]; },
        result);
  if (!schedule.masks.empty()) result.mask_source = to_string(config.sparsity.source);
  result.simulation_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace vitality
