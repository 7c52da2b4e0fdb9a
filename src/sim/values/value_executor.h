// Computes the values of jobs as the machine's datapath does, tile by tile, on the contents of the scratchpad and the
// tensors in DRAM.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/hardware_config.h"
#include "kernels/tile.h"
#include "schedule/tile_executor.h"
#include "sim/values/loaded_tiles.h"
#include "sim/values/value_plan.h"
#include "workload/parameters.h"

namespace vitality {

// The factor on the gradient of the loss, so that gradients do not vanish in the storage format.
double loss_scale(const HardwareConfig& config);

class ValueExecutor : public TileExecutor {
 public:
  // given: by layer, the real values of tensors that the run takes as inputs because their layers are left out; others
  // come from `parameters`.
  ValueExecutor(const Schedule& schedule, const VitModel& model, const HardwareConfig& config, const ValuePlan& plan,
                const ParameterSource& parameters, const std::vector<MatrixD>& given);
  void attach(double* scratchpad) { scratchpad_ = scratchpad; }
  void execute(const Job& job, UnitId unit) override;

  // Training in fixed formats: backward and update compute with real numbers that lie on grids. Each kind of job in a
  // layer has one grid (ResultGrids) for its results, over all images. record() notes the largest magnitudes of the
  // results instead.
  using ResultGrids = std::map<std::tuple<int, OperatorRole, JobKind>, double>;
  void use(const ResultGrids& grids) { grids_ = &grids; }
  void record(ResultGrids& largest) { largest_ = &largest; }

  // `written` is called with every tensor that has been written for the last time. After this call tensors are deleted
  // after their last use, so it is for runs whose tensors are not looked at afterwards.
  void observe_written(std::function<void(TensorId tensor)> written) { written_ = std::move(written); }

  // Where the weights of a linear layer or convolution come from, without batch norms; if not set, from `parameters`.
  void take_weights(std::function<EffectiveWeights(int layer)> weights) { weights_ = std::move(weights); }

  // From this call on, counts the results that do not fit the storage format, by layer; otherwise saturated() is empty.
  void count_saturated();
  const std::vector<Count>& saturated() const { return saturated_; }

  // Real values of a tensor that the run has written.
  MatrixD real_values(TensorId tensor) const;
  double real_scale(TensorId tensor) const;  // of codes(tensor)
  // The same as the machine stores it: codes of a fixed format, or numbers.
  const MatrixD& codes(TensorId tensor) const { return tensors_[tensor]; }

 private:
  struct LayerConstants {  // of element-wise layers
    MatrixD scale, shift, mean, variance;
    MatrixD results;  // of an activation in int8: the result for every code from -127 on
  };
  double* address(BufferId buffer, std::int32_t offset = 0) const {
    return scratchpad_ + schedule_.buffers[buffer].address + offset;
  }
  double* at(BufferId buffer, std::int32_t offset = 0);  // the address of values that will be read
  void about_to_write(BufferId buffer);
  ConstTile streamed(const Job& job) { return {at(job.streamed, job.streamed_offset), job.streamed_stride}; }
  Tile result(const Job& job) { return {at(job.result, job.result_offset), job.result_stride}; }
  OperatorRole role(const Job& job) const { return schedule_.operators[job.op].role; }
  const Layer& layer(int index) const { return model_.layers[static_cast<std::size_t>(index)]; }

  void drop_if_done(TensorId tensor);
  void note_write(TensorId tensor);
  void load(const Job& job);
  void store(const Job& job);
  // In forward_values.cpp.
  void fold(const Job& job, UnitId unit);
  bool loaded_pass(const Job& job, Tile sums, PassStart start);
  void pass(const Job& job, Tile sums, PassStart start);
  double fold_factor(const Job& job) const;
  void hide_keys(const Job& job);
  void lanes(const Job& job);
  void add_matrix(const Job& job);
  void multiply_matrix(const Job& job);
  void elementwise(const Job& job);
  void activate(int layer_index, ActivationKind function, const double* x, std::size_t count, double* y);
  void elementwise_tile(int layer_index, int m, int n, int first_column, ConstTile x, Tile y);
  void sparse(const Job& job);  // sparse_values.cpp
  // Of a training step, in gradient_values.cpp.
  bool in_forward(const Job& job) const { return job.layer < forward_layers_; }
  void gradient(const Job& job);
  Arithmetic gradient_arithmetic(const Job& job) const;
  double saved_scale(const ScheduledTensor& tensor, int col);
  std::tuple<int, OperatorRole, JobKind> grid_key(const Job& job) const;
  void record_results(const Job& job);
  void mask_gradient(const Job& job, const ConstTile& second, double root_d);
  void update(const Job& job);
  Arithmetic state_arithmetic() const;
  MatrixD materialise_state(const ScheduledTensor& tensor) const;
  const MatrixD& tensor(TensorId index);
  MatrixD materialise(TensorId index);
  MatrixD quantised(const MatrixD& real, double scale) const;
  const AttentionScales& attention(int layer_index);
  const LayerConstants& constants(int layer_index);
  double weight_scale(int layer_index) const;

  const Schedule& schedule_;
  const VitModel& model_;
  const HardwareConfig& config_;
  const ValuePlan& plan_;
  const ParameterSource& parameters_;
  const std::vector<MatrixD>& given_;
  Arithmetic arithmetic_;
  LoadedTiles loaded_;
  double* scratchpad_ = nullptr;
  int forward_layers_;  // layers after these belong to a training step
  const ResultGrids* grids_ = nullptr;
  ResultGrids* largest_ = nullptr;
  IdVector<TensorId, MatrixD> tensors_;                        // codes or numbers; empty = not there
  IdVector<TensorId, std::int32_t> reads_left_, writes_left_;  // of each tensor: number of transfers that are still to
                                                               // come
  IdVector<TensorId, double> load_factor_;  // of weights that are still real numbers: the factor to codes, or to
                                            // rounded numbers; 0: other tensors
  std::function<void(TensorId)> written_;
  std::function<EffectiveWeights(int)> weights_;
  std::vector<Count> saturated_;       // per layer; empty: not counted
  std::vector<bool> has_scores_;       // layers that compute Q K^T: their score bias is not centred
  std::vector<bool> has_denominator_;  // layers that compute t_D: elided Taylor attention does not
  std::map<int, double> weight_scales_;
  std::map<int, std::vector<double>> biases_;
  std::map<int, AttentionScales> attention_;
  std::map<int, LayerConstants> constants_;
  std::vector<double> pack_a_, pack_b_;
  std::map<UnitId, std::vector<double>> sums_;  // in the PEs of each array
};

}  // namespace vitality
