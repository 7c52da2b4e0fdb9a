#include "mapping/forward/layer_mapper.h"

#include <algorithm>
#include <iterator>

#include "cost/bandwidth_dram.h"

namespace vitality {

TensorId MappingContext::add_activation(int layer_index) {
  const MatrixShape shape = output_shape(layer(layer_index));
  const auto tensor = builder.add_tensor(layer(layer_index).name, TensorRole::kActivation, layer_index, shape.rows,
                                         shape.cols, element_bytes() * shape.rows * shape.cols);
  output[static_cast<std::size_t>(layer_index)] = tensor;
  return tensor;
}

TensorId MappingContext::add_weight(const std::string& name, int layer_index, int rows, int cols, Bytes bytes_each) {
  const Bytes bytes = bytes_each * rows * cols;
  const std::string& owner = layer(layer_index).shared_parameters;
  if (owner.empty()) return builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes);
  const std::string key = owner + name.substr(layer(layer_index).name.size());
  const auto found = shared_weights.find(key);
  if (found != shared_weights.end())
    return builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes, found->second);
  const auto tensor = builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes);
  shared_weights[key] = builder.schedule().tensors[tensor].dram_address;
  return tensor;
}

std::vector<std::int64_t> MappingContext::attention_key(int layer_index) const {
  const auto& a = std::get<Attention>(layer(layer_index).parameters);
  return {static_cast<std::int64_t>(attention_kind(layer_index)),
          a.heads,
          a.instances,
          a.n_q,
          a.n_kv,
          a.d_qk,
          a.d_v,
          a.bias_params > 0,
          is_masked(a)};
}

const GemmChoice& MappingContext::plan_gemm(const GemmProblem& problem, Bytes capacity) {
  GemmChoice& choice = gemm_plans.input_stationary[problem.key(capacity)];
  if (!choice.plan && choice.smallest == 0)
    choice = GemmPlanner(problem, config, prices, capacity, dram_bytes_per_cycle()).choose();
  return choice;
}

const OutputStationaryChoice& MappingContext::plan_output_stationary(const GemmProblem& problem, Bytes capacity) {
  const auto [known, is_new] = gemm_plans.output_stationary.try_emplace(problem.key(capacity));
  OutputStationaryChoice& choice = known->second;
  if (!is_new) return choice;
  OutputStationaryPlanner planner(problem, config, prices, capacity, dram_bytes_per_cycle());
  if (!holds_results_too(config.matrix_engine)) return choice = planner.choose();
  const std::optional<GemmPlan>& other = plan_gemm(problem, capacity).plan;
  return choice = other ? planner.choose(score()(*other)) : planner.choose();
}

const LayerMapping* MappingContext::alternative(int layer_index, const std::vector<std::int64_t>& key,
                                                const std::function<std::vector<LayerMapping>()>& plans) {
  std::vector<PlanAlternatives::Problem>& problems = options->alternatives->problems;
  auto found = std::find_if(problems.begin(), problems.end(), [&](const auto& problem) { return problem.key == key; });
  if (found == problems.end()) {
    problems.push_back({key, layer(layer_index).name, plans()});
    found = std::prev(problems.end());
  }
  return found->plans.empty() ? nullptr : &found->plans[found->taken];
}

double MappingContext::dram_bytes_per_cycle() const {
  return peak_dram_bytes_per_cycle(config) * refresh_availability(config.dram.device);
}

}  // namespace vitality
