// Whole models by the released cost models: finds the layers that each formula describes.
#include <algorithm>
#include <cmath>

#include "analytic/published_models.h"
#include "base/error.h"

namespace vitality {
namespace {

// A self-attention layer with the linear layers around it.
struct Block {
  std::size_t attention;
  std::vector<std::size_t> projections_in;  // of Q, K, V: one linear layer or several
  std::vector<std::size_t> projection_out;
};

class PublishedRun {
 public:
  PublishedRun(const HardwareConfig& config, const VitModel& model, const std::vector<std::vector<Mask>>& masks)
      : config_(config),
        model_(model),
        masks_(masks),
        corrected_(config.cost_model == CostModel::kCorrected),
        layers_(model.layers.size()) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i] = dense_work(model.layers[i]);
      layers_[i].charged = false;
      layers_[i].mapping = "not in the released model";
    }
  }

  SimulationResult run() {
    for (const Block& block : blocks()) {
      switch (config_.machine) {
        case MachineKind::kSanger:
          sanger(block);
          break;
        case MachineKind::kVitcod:
          vitcod(block);
          break;
        case MachineKind::kSalo:
          salo(block);
          break;
        case MachineKind::kVitality:
        case MachineKind::kDense:
        case MachineKind::kSpatten:
        case MachineKind::kElsa:
        case MachineKind::kDota:
        case MachineKind::kRoofline:
        case MachineKind::kHost:
          break;
      }
    }
    if (config_.machine == MachineKind::kVitcod) vitcod_rest();
    if (corrected_) charge_the_rest();
    take_the_larger_total();
    SimulationResult result = analytic_result(config_, model_, device(), layers_);
    if (entries_ > 0)
      result.mask_density = result.mask_kept_density = static_cast<double>(kept_) / static_cast<double>(entries_);
    return result;
  }

 private:
  // The work of the layer without its masks.
  AnalyticLayer dense_work(const Layer& layer) const {
    const AttentionKind kind = attention_kind(layer, AttentionKind::kSparse);
    if (kind != AttentionKind::kSparse)
      throw InfeasibleError("layer " + layer.name + ": the released cost model of " + to_string(config_.machine) +
                            " covers sparse attention only, not " + to_string(kind));
    Layer dense = layer;
    if (auto* attention = std::get_if<Attention>(&dense.parameters)) attention->kind.reset();
    return layer_work(dense, AttentionKind::kSoftmax);
  }
  const Attention& attention(std::size_t layer) const { return std::get<Attention>(model_.layers[layer].parameters); }
  double peak() const {
    if (config_.machine == MachineKind::kSanger)
      return static_cast<double>(config_.sparse_unit.pe_rows) * config_.sparse_unit.pes_per_row;
    if (config_.machine == MachineKind::kVitcod) return 64 * 8;
    return SaloMachine().peak_macs_per_cycle();
  }
  AnalyticDevice device() const {
    const MachineTraits machine = traits(config_.machine);
    return {to_string(config_.machine), "released_formula", peak(), machine.released.power_w,
            machine.released.area_mm2};
  }

  std::vector<Block> blocks() const {
    std::vector<Block> list;
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const auto* a = std::get_if<Attention>(&model_.layers[i].parameters);
      if (a == nullptr) continue;
      if (a->n_q != a->n_kv || a->d_qk != a->d_v)
        throw InfeasibleError("layer " + model_.layers[i].name + ": the released cost model of " +
                              to_string(config_.machine) +
                              " covers attention with as many queries as keys and equal head widths only");
      Block block{i, {}, {}};
      std::vector<int> inputs = model_.layers[i].inputs;
      std::sort(inputs.begin(), inputs.end());
      inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
      for (const int input : inputs)
        if (input >= 0 && is_linear(static_cast<std::size_t>(input)))
          block.projections_in.push_back(static_cast<std::size_t>(input));
      for (std::size_t next = i + 1; next < model_.layers.size(); ++next)
        if (is_linear(next) && model_.layers[next].inputs[0] == static_cast<int>(i))
          block.projection_out.push_back(next);
      list.push_back(std::move(block));
    }
    if (list.empty())
      throw InfeasibleError("model " + model_.name +
                            " has no attention layer: the released cost models speak of nothing else");
    return list;
  }
  bool is_linear(std::size_t layer) const { return std::holds_alternative<Linear>(model_.layers[layer].parameters); }

  void charge(std::size_t layer, double compute, double memory, const char* what) {
    layers_[layer].compute_cycles = compute, layers_[layer].memory_cycles = memory;
    layers_[layer].charged = true;
    layers_[layer].mapping = what;
  }
  // Several layers share one number of the formula in proportion to their MACs.
  void share(const std::vector<std::size_t>& list, double compute, double memory, const char* what) {
    double all = 0;
    for (const std::size_t layer : list) all += static_cast<double>(macs(model_.layers[layer]));
    for (const std::size_t layer : list) {
      const double part = static_cast<double>(macs(model_.layers[layer])) / all;
      charge(layer, compute * part, memory * part, what);
    }
  }

  // The density and packing of the masks of a layer's heads; counts the MACs of kept entries.
  void count_masks(std::size_t layer, double& density_of_layer, double& load_balance) {
    Count kept = 0, entries = 0, ones = 0, slots = 0;
    for (const Mask& mask : masks_.at(layer)) {
      kept += kept_entries(mask), entries += static_cast<Count>(mask.size());
      const PackSplit packed = pack_and_split(mask);
      ones += packed.ones, slots += packed.sub_rows * kSangerSubRowSlots;
    }
    if (kept == 0)
      throw InfeasibleError("layer " + model_.layers[layer].name +
                            ": its masks keep nothing, and the released formula divides by their density");
    kept_ += kept, entries_ += entries;
    density_of_layer = static_cast<double>(kept) / static_cast<double>(entries);
    load_balance = static_cast<double>(ones) / static_cast<double>(slots);
    const Attention& a = attention(layer);
    layers_[layer].macs = kept * (a.d_qk + a.d_v);
    const Count empty = entries - kept;
    OperationCounts& operations = layers_[layer].operations;
    operations.mul -= empty * (a.d_qk + a.d_v + 1), operations.add -= empty * (a.d_qk + a.d_v + 1);
    operations.div -= empty, operations.exp -= empty, operations.cmp -= empty;
  }

  void sanger(const Block& block) {
    const Attention& a = attention(block.attention);
    double kept = 0, balance = 0;
    count_masks(block.attention, kept, balance);
    const auto formula = static_cast<SangerFormula>(config_.published_formula);
    SangerCycles cycles = sanger_cycles(formula, corrected_, a.n_q, a.heads * a.d_qk, kept, balance);
    cycles.attention *= a.instances, cycles.prediction *= a.instances;
    charge(block.attention, cycles.attention + cycles.prediction, 0,
           corrected_ ? "released formula and prediction" : "released formula");
    share(block.projections_in, cycles.linear * a.instances, 0, "released formula");
    share(block.projection_out, cycles.projection * a.instances, 0, "released formula");
  }

  void vitcod(const Block& block) {
    const Attention& a = attention(block.attention);
    double kept = 0, balance = 0;
    count_masks(block.attention, kept, balance);
    VitcodMachine machine;
    if (!corrected_)
      machine.height = machine.lines;  // as in the logged run, where PE_width was used in place of
                                       // PE_height
    double preload = 0, compute = 0;
    for (int instance = 0; instance < a.instances; ++instance) {
      VitcodAttention slowest;
      for (int head = 0; head < (corrected_ ? a.heads : 1); ++head) {
        const Mask& mask = masks_.at(block.attention)[static_cast<std::size_t>(instance * a.heads + head)];
        const VitcodAttention cycles = vitcod_attention(machine, polarised_head(mask), a.heads, a.d_qk);
        slowest.preload = std::max(slowest.preload, cycles.preload);
        slowest.compute = std::max(slowest.compute, cycles.decode + cycles.compute);
      }
      preload += slowest.preload, compute += slowest.compute;
    }
    charge(block.attention, compute, preload, "released formula");
    const int embedding = a.heads * a.d_qk;
    const VitcodLinear linear = vitcod_projections(VitcodMachine(), a.instances * a.n_q, a.heads, a.d_qk, embedding);
    std::vector<std::size_t> projections = block.projections_in;
    projections.insert(projections.end(), block.projection_out.begin(), block.projection_out.end());
    share(projections, linear.compute, linear.preload, "released formula");
  }

  // Pairs of linear layers e -> 4 e -> e.
  void vitcod_rest() {
    for (std::size_t i = 0; i + 1 < model_.layers.size(); ++i) {
      const auto* up = std::get_if<Linear>(&model_.layers[i].parameters);
      if (up == nullptr || layers_[i].charged || up->out_features != 4 * up->in_features) continue;
      for (std::size_t k = i + 1; k < model_.layers.size(); ++k) {
        const auto* down = std::get_if<Linear>(&model_.layers[k].parameters);
        if (down == nullptr) continue;
        if (down->in_features == up->out_features && down->out_features == up->in_features) {
          const VitcodLinear mlp = vitcod_mlp(VitcodMachine(), corrected_, up->rows, up->in_features);
          share({i, k}, mlp.compute, mlp.preload, "released formula");
        }
        break;
      }
    }
  }

  void salo(const Block& block) {
    const Attention& a = attention(block.attention);
    const SaloCycles cycles = salo_cycles(SaloMachine(), corrected_, a.n_q, config_.sparsity.window, a.heads, a.d_qk);
    const Count keys = std::min<Count>(a.n_kv, config_.sparsity.window + 2 * SaloMachine().global);
    kept_ += Count{a.instances} * a.heads * a.n_q * keys, entries_ += Count{a.instances} * a.heads * a.n_q * a.n_kv;
    layers_[block.attention].macs = Count{a.instances} * a.heads * a.n_q * keys * (a.d_qk + a.d_v);
    charge(block.attention, cycles.attention * a.instances, 0, "released formula");
    share(block.projections_in, cycles.projection_in * a.instances, 0, "released formula");
    share(block.projection_out, cycles.projection_out * a.instances, 0, "released formula");
  }

  void charge_the_rest() {
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (!layers_[i].charged && layers_[i].macs > 0)
        charge(i, static_cast<double>(layers_[i].macs) / peak(), 0, "dense, at the array's peak");
  }

  // The released simulators compare sums, not layers: the whole group is limited by memory, or by compute.
  void take_the_larger_total() {
    const auto settle = [&](const std::vector<std::size_t>& group) {
      double compute = 0, memory = 0;
      for (const std::size_t i : group) compute += layers_[i].compute_cycles, memory += layers_[i].memory_cycles;
      for (const std::size_t i : group) {
        AnalyticLayer& layer = layers_[i];
        if (memory > compute) {
          layer.compute_cycles = std::min(layer.compute_cycles, layer.memory_cycles);
        } else {
          layer.memory_cycles = std::min(layer.memory_cycles, layer.compute_cycles);
        }
      }
    };
    std::vector<std::size_t> attention_layers, others;
    for (std::size_t i = 0; i < layers_.size(); ++i)
      (std::holds_alternative<Attention>(model_.layers[i].parameters) ? attention_layers : others).push_back(i);
    settle(attention_layers);
    settle(others);
  }

  const HardwareConfig& config_;
  const VitModel& model_;
  const std::vector<std::vector<Mask>>& masks_;
  bool corrected_;
  std::vector<AnalyticLayer> layers_;
  Count kept_ = 0, entries_ = 0;
};

}  // namespace

SimulationResult published_model(const HardwareConfig& config, const VitModel& model,
                                 const std::vector<std::vector<Mask>>& masks) {
  return PublishedRun(config, model, masks).run();
}

}  // namespace vitality
