#include "analytic/analytic_result.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/error.h"

namespace vitality {
namespace {

void finish(Totals& totals, const HardwareConfig& config, const AnalyticDevice& device) {
  totals.latency_ms = static_cast<double>(totals.cycles) / (config.clock_mhz * 1e3);
  const double seconds = totals.latency_ms * 1e-3;
  totals.energy_mj = device.watts * totals.latency_ms;
  totals.average_power_w = totals.on_chip_power_w = device.watts;
  totals.area_mm2 = device.area_mm2;
  if (seconds <= 0) return;
  totals.gops = 2e-9 * static_cast<double>(totals.macs) / seconds;
  totals.gops_per_w = device.watts > 0 ? totals.gops / device.watts : 0;
  if (device.peak_macs_per_cycle > 0)  // at most 1: rounding to whole cycles may have removed half a cycle
    totals.utilization = std::min(
        1.0, static_cast<double>(totals.macs) / (device.peak_macs_per_cycle * static_cast<double>(totals.cycles)));
}

void add(Totals& totals, const LayerResult& layer) {
  totals.cycles += layer.end_cycle - layer.start_cycle;
  totals.macs += layer.macs;
  totals.operations += layer.operations;
  totals.dram_read_bytes += layer.dram_read_bytes, totals.dram_write_bytes += layer.dram_write_bytes;
}

}  // namespace

namespace {

// The layer's kind of attention, where the layers of the run may differ.
std::string named_attention(const VitModel& model, std::size_t index, const HardwareConfig& config) {
  const Layer& layer = model.layers[index];
  if (!names_attention(model) || !std::holds_alternative<Attention>(layer.parameters)) return "";
  return to_string(attention_kind(layer, config.attention));
}

}  // namespace

SimulationResult analytic_result(const HardwareConfig& config, const VitModel& model, const AnalyticDevice& device,
                                 const std::vector<AnalyticLayer>& layers) {
  SimulationResult result;
  result.workload_name = model.name;
  result.workload_parameters = parameter_count(model);
  result.workload_macs = macs(model) / model.images;
  double reached = 0;  // in cycles, not rounded, so that rounding errors do not add up
  Cycles busy = 0, stalled = 0;
  const double pj_per_cycle = device.watts * 1e12 / (config.clock_mhz * 1e6);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const AnalyticLayer& cost = layers[i];
    const double length = std::max(cost.compute_cycles, cost.memory_cycles);
    LayerResult layer;
    layer.name = model.layers[i].name, layer.kind = kind_name(model.layers[i]), layer.mapping_text = cost.mapping;
    layer.attention = named_attention(model, i, config);
    layer.charged = cost.charged;
    layer.start_cycle = std::llround(reached);
    reached += length;
    layer.end_cycle = std::llround(reached);
    const Cycles span = layer.end_cycle - layer.start_cycle;
    const Cycles computing = length > 0 ? std::min(span, static_cast<Cycles>(std::llround(
                                                             static_cast<double>(span) * cost.compute_cycles / length)))
                                        : 0;
    busy += computing, stalled += span - computing;
    layer.macs = cost.macs, layer.operations = cost.operations;
    layer.dram_read_bytes = cost.read_bytes, layer.dram_write_bytes = cost.write_bytes;
    layer.energy.compute = pj_per_cycle * static_cast<double>(span);
    layer.bound_cycles = span;
    layer.bottleneck = span == 0 ? "none" : cost.compute_cycles >= cost.memory_cycles ? "compute" : "dram";
    if (computing > 0) layer.time_split.emplace_back("compute", computing);
    if (span > computing) layer.time_split.emplace_back("dram", span - computing);
    if (cost.read_bytes + cost.write_bytes > 0)
      layer.macs_per_dram_byte =
          static_cast<double>(cost.macs) / static_cast<double>(cost.read_bytes + cost.write_bytes);
    add(result.totals, layer);
    if (std::holds_alternative<Attention>(model.layers[i].parameters)) add(result.attention_totals, layer);
    if (!layer.charged &&
        std::find(result.not_charged.begin(), result.not_charged.end(), layer.kind) == result.not_charged.end())
      result.not_charged.push_back(layer.kind);
    result.layers.push_back(std::move(layer));
  }
  finish(result.totals, config, device);
  finish(result.attention_totals, config, device);
  result.energy.compute = pj_per_cycle * static_cast<double>(result.totals.cycles);
  UnitResult unit;
  unit.name = device.name, unit.kind = device.kind;
  unit.busy_cycles = busy;
  unit.stall_cycles = {{"dram", stalled}};
  unit.idle_cycles = result.totals.cycles - busy - stalled;
  unit.utilization = result.totals.utilization;
  unit.actions = {{"mac", result.totals.macs}};
  unit.energy_pj = result.energy.compute;
  unit.area_um2 = device.area_mm2 * 1e6;
  result.units.push_back(std::move(unit));
  if (busy > 0) result.critical_path.emplace_back(device.name + ".compute", busy);
  if (stalled > 0) result.critical_path.emplace_back(device.name + ".memory", stalled);
  std::stable_sort(result.critical_path.begin(), result.critical_path.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return result;
}

bool has_layer_work(AttentionKind kind) {
  return kind == AttentionKind::kSoftmax || kind == AttentionKind::kTaylor || kind == AttentionKind::kTaylorElided ||
         kind == AttentionKind::kReluLinear;
}

void check_layer_work(const HardwareConfig& config, const VitModel& model, const char* what, const char* done) {
  for (const Layer& layer : model.layers) {
    const AttentionKind kind = attention_kind(layer, config.attention);
    if (!std::holds_alternative<Attention>(layer.parameters) || has_layer_work(kind)) continue;
    throw InfeasibleError("machine " + config.name + ": layer " + layer.name + ": " + what + " of " + to_string(kind) +
                          " attention is not " + done + "; softmax, taylor, taylor_elided and relu_linear are");
  }
}

AnalyticLayer layer_work(const Layer& layer, AttentionKind otherwise) {
  AnalyticLayer work;
  work.macs = macs(layer);
  if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
    const Count problems = Count{a->heads} * a->instances;
    const Count low_rank = problems * (Count{a->n_q} + a->n_kv) * a->d_qk * a->d_v;
    const AttentionKind kind = attention_kind(layer, otherwise);
    switch (kind) {
      case AttentionKind::kSoftmax:
        work.operations = vanilla_attention_operations(*a);
        break;
      case AttentionKind::kTaylor:
        work.macs = low_rank + problems * a->n_q * a->d_qk;
        work.operations = taylor_attention_operations(*a);
        break;
      case AttentionKind::kTaylorElided:
        work.macs = low_rank;
        work.operations = taylor_elided_attention_operations(*a);
        break;
      case AttentionKind::kReluLinear:
        work.macs = low_rank + problems * a->n_q * a->d_qk;
        work.operations = relu_linear_attention_operations(*a);
        break;
      case AttentionKind::kTaylorReleased:  // has_layer_work() is false
      case AttentionKind::kSparse:
      case AttentionKind::kUnified:
      case AttentionKind::kUnifiedAdditive:
      case AttentionKind::kAuto:
        throw std::logic_error(std::string("no work known of attention ") + to_string(kind));
    }
  } else {
    work.operations.mul = work.macs;
    work.operations.add = work.macs;
    if (work.macs > 0) {
      // Sums of k products have k - 1 additions, and one more with a bias.
      const MatrixShape out = output_shape(layer);
      const auto* conv = std::get_if<Conv2d>(&layer.parameters);
      const bool bias = conv != nullptr ? conv->bias : std::get<Linear>(layer.parameters).bias;
      if (!bias) work.operations.add -= Count{out.rows} * out.cols;
    }
  }
  return work;
}

LayerTraffic layer_traffic(const VitModel& model, std::size_t index) {
  const Layer& layer = model.layers[index];
  LayerTraffic traffic;
  if (std::holds_alternative<GivenTensor>(layer.parameters)) return traffic;  // it lies in memory
  traffic.parameters = parameter_count(layer);
  const MatrixShape out = output_shape(layer);
  traffic.outputs = Count{out.rows} * out.cols;
  if (const auto* a = std::get_if<Attention>(&layer.parameters)) {  // Q, K and V may be columns of one input
    traffic.inputs = Count{a->instances} * a->heads * (Count{a->n_q} * a->d_qk + Count{a->n_kv} * (a->d_qk + a->d_v));
    return traffic;
  }
  for (const int input : layer.inputs) {
    if (input < 0) {  // an image of the batch
      traffic.inputs += Count{model.image_height} * model.image_width * model.image_channels;
    } else {
      const MatrixShape shape = output_shape(model.layers[static_cast<std::size_t>(input)]);
      traffic.inputs += Count{shape.rows} * shape.cols;
    }
  }
  if (const auto* linear = std::get_if<Linear>(&layer.parameters))
    traffic.inputs = Count{linear->rows} * linear->in_features;
  return traffic;
}

}  // namespace vitality
