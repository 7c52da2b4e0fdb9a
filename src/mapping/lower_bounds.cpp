#include "mapping/lower_bounds.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cost/machine_units.h"
#include "mapping/forward/layer_mapper.h"
#include "mapping/forward/output_stationary_plans.h"

namespace vitality {
namespace {

// Rows (or columns) of the image that some output reads.
int pixels_read(int in, int out, int kernel, int stride, int pad) {
  int read = 0;
  for (int o = 0, end = 0; o < out; ++o) {
    const int last = std::min(in, o * stride - pad + kernel), first = std::max(end, std::max(0, o * stride - pad));
    read += std::max(0, last - first);
    end = std::max(end, last);
  }
  return read;
}

// Tiles of at most a x b, rows and columns chosen freely, that cover a matrix of rows x cols: every row lies in
// ceil(cols / b) tiles or more, and a tile has a rows; and the other way round.
double covering_tiles(double rows, double cols, double a, double b) {
  return std::max(std::ceil(rows * std::ceil(cols / b) / a), std::ceil(cols * std::ceil(rows / a) / b));
}

class Bounds {
 public:
  Bounds(const VitModel& model, const HardwareConfig& config, const std::vector<bool>& executed)
      : model_(model), config_(config), executed_(executed), bounds_(model.layers.size()), users_(model.layers.size()) {
    for (std::size_t i = 0; i < model.layers.size(); ++i)
      for (const int input : model.layers[i].inputs)
        if (!is_model_input(input)) users_[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  }

  std::vector<LowerBound> find() {
    for (layer_ = 0; layer_ < static_cast<int>(model_.layers.size()); ++layer_) {
      if (!runs(layer_) || !is_charged(layer(layer_), config_)) continue;
      bound().dram_bytes += parameters() + inputs() + results();
      bound().compute_cycles = compute();
    }
    return std::move(bounds_);
  }

 private:
  const Layer& layer(int index) const { return model_.layers[static_cast<std::size_t>(index)]; }
  bool runs(int index) const { return executed_[static_cast<std::size_t>(index)]; }
  LowerBound& bound() { return bounds_[static_cast<std::size_t>(layer_)]; }
  Bytes element() const { return storage_bytes(config_.precision); }
  Bytes size_of(int index) const {
    const MatrixShape shape = output_shape(layer(index));
    return element() * shape.rows * shape.cols;
  }
  bool through_memory() const { return config_.mapping.residency == MappingResidency::kLayer; }

  // Learned values that the layer uses, once a batch.
  Bytes parameters() {
    const Layer& l = layer(layer_);
    if (!l.shared_parameters.empty() && !shared_.insert(l.shared_parameters).second) return 0;
    const Bytes sum = accumulator_bytes(config_.precision);
    if (const auto* linear = std::get_if<Linear>(&l.parameters))
      return element() * linear->in_features * linear->out_features + (linear->bias ? sum * linear->out_features : 0);
    if (const auto* conv = std::get_if<Conv2d>(&l.parameters))
      return element() * conv->kernel * conv->kernel * (conv->in_channels / conv->groups) * conv->out_channels +
             (conv->bias ? sum * conv->out_channels : 0);
    if (std::holds_alternative<PositionEmbedding>(l.parameters)) return size_of(layer_);
    if (const auto* token = std::get_if<ConcatToken>(&l.parameters))
      return element() * token->learned * token->channels;
    return 0;
  }

  // A model input, or the output of a layer that does not run: it lies in memory.
  bool given(int input) const { return is_model_input(input) || !runs(input); }
  // Operands that come from memory whatever the mapping is: what is given, for the first layer that reads it; with
  // mapping.residency layer all, but one that this layer may work on where it was made.
  Bytes inputs() {
    const Layer& l = layer(layer_);
    if (const auto* a = std::get_if<Attention>(&l.parameters)) {
      // Masks may leave out keys and heads, and a codec shrinks what is stored.
      const bool all =
          !traits(attention_kind(l, config_.attention)).uses_mask && !traits(config_.machine).encodes_heads;
      return all && through_memory() ? attention_operands(*a) : 0;
    }
    Bytes bytes = 0;
    bool fusable = is_elementwise(l);
    for (const int input : std::set<int>(l.inputs.begin(), l.inputs.end())) {
      if (given(input) ? fetched_.insert(input).second : through_memory() && !fusable) bytes += read_of(l);
      fusable = fusable && given(input);
    }
    return bytes;
  }
  Bytes attention_operands(const Attention& a) const {
    return element() * a.instances * a.heads *
           (static_cast<Bytes>(a.n_q) * a.d_qk + static_cast<Bytes>(a.n_kv) * (a.d_qk + a.d_v));
  }
  // Bytes of one input.
  Bytes read_of(const Layer& l) const {
    if (const auto* conv = std::get_if<Conv2d>(&l.parameters))
      return element() * conv->in_channels *
             pixels_read(conv->in_height, conv->out_height, conv->kernel, conv->stride, conv->pad) *
             pixels_read(conv->in_width, conv->out_width, conv->kernel, conv->stride, conv->pad);
    if (const auto* linear = std::get_if<Linear>(&l.parameters)) return element() * linear->rows * linear->in_features;
    if (const auto* pool = std::get_if<MeanPool>(&l.parameters)) return element() * pool->rows * pool->channels;
    if (const auto* pool = std::get_if<AveragePool>(&l.parameters))
      return element() * pool->channels *
             pixels_read(pool->in_height, pool->out_height, pool->kernel, pool->stride, 0) *
             pixels_read(pool->in_width, pool->out_width, pool->kernel, pool->stride, 0);
    if (const auto* token = std::get_if<ConcatToken>(&l.parameters))
      return element() * (token->tokens - token->learned) * token->channels;
    if (std::holds_alternative<ConcatChannels>(l.parameters)) return 0;  // inputs of several widths
    return size_of(layer_);
  }

  // Results that have to go to memory: nothing that runs takes them, or mapping.residency is layer and no charged layer
  // behind this one, which would write what comes of them, may work on them on the way.
  Bytes results() const {
    const std::vector<int>& users = users_[static_cast<std::size_t>(layer_)];
    const bool leaves =
        users.empty() || std::any_of(users.begin(), users.end(), [this](int user) { return !runs(user); });
    if (!leaves && (!through_memory() || may_be_worked_on(layer_))) return 0;
    return traits(config_.machine).encodes_heads && !users.empty() ? 0 : size_of(layer_);
  }
  bool may_be_worked_on(int producer) const {
    const std::vector<int>& users = users_[static_cast<std::size_t>(producer)];
    if (users.size() != 1 || !is_elementwise(layer(users[0])) || !runs(users[0])) return false;
    return is_charged(layer(users[0]), config_) || may_be_worked_on(users[0]);
  }

  Cycles compute() const {
    const MatrixEngineConfig& engine = config_.matrix_engine;
    int m = 0, k = 0, n = 0;
    if (const auto* linear = std::get_if<Linear>(&layer(layer_).parameters))
      m = linear->rows, k = linear->in_features, n = linear->out_features;
    if (const auto* conv = std::get_if<Conv2d>(&layer(layer_).parameters)) {
      m = conv->out_height * conv->out_width, n = conv->out_channels;
      k = conv->kernel * conv->kernel * conv->in_channels / conv->groups;
      if (conv->groups > 1) return ceil_div(static_cast<Cycles>(m) * k * n, pes());
    }
    if (m == 0) return 0;
    const double held_input = m * covering_tiles(k, n, engine.rows, engine.cols),
                 held_result = k * covering_tiles(m, n, engine.rows, engine.cols);
    const double cycles = holds_results_too(engine)                       ? std::min(held_input, held_result)
                          : engine.dataflow == Dataflow::kInputStationary ? held_input
                                                                          : held_result;
    return static_cast<Cycles>(std::ceil(cycles / engine.count));
  }
  Cycles pes() const {
    const MatrixEngineConfig& engine = config_.matrix_engine;
    return static_cast<Cycles>(engine.rows) * engine.cols * engine.count;
  }

  const VitModel& model_;
  const HardwareConfig& config_;
  const std::vector<bool>& executed_;
  std::vector<LowerBound> bounds_;
  std::vector<std::vector<int>> users_;
  std::set<std::string> shared_;
  std::set<int> fetched_;
  int layer_ = 0;
};

}  // namespace

std::vector<LowerBound> lower_bounds(const VitModel& model, const HardwareConfig& config,
                                     const std::vector<bool>& executed) {
  return Bounds(model, config, executed).find();
}

}  // namespace vitality
