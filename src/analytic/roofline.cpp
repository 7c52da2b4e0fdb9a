#include "analytic/roofline.h"

#include "base/error.h"

namespace vitality {

double roofline_macs_per_second(const HardwareConfig& config) {
  const RooflineConfig& r = config.roofline;
  double tera = r.fp32_tflops;
  if (config.precision == Precision::kInt8 && r.int8_tops > 0) tera = r.int8_tops;
  if ((config.precision == Precision::kFp16 || config.precision == Precision::kInt16) && r.fp16_tflops > 0)
    tera = r.fp16_tflops;
  return tera * 1e12 / 2;
}

SimulationResult roofline(const HardwareConfig& config, const VitModel& model) {
  check_layer_work(config, model, "a roofline", "modelled");
  const double hz = config.clock_mhz * 1e6;
  const double macs_per_cycle = roofline_macs_per_second(config) / hz,
               bytes_per_cycle = config.roofline.bandwidth_gb_s * 1e9 / hz;
  const Bytes element = storage_bytes(config.precision);
  std::vector<AnalyticLayer> layers;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    AnalyticLayer layer = layer_work(model.layers[i], config.attention);
    const bool folded = config.batch_norm_folded && std::holds_alternative<BatchNorm>(model.layers[i].parameters);
    if (folded) {
      layer.mapping = "folded into the weights before or behind it";
    } else {
      const LayerTraffic traffic = layer_traffic(model, i);
      layer.read_bytes = element * (traffic.inputs + traffic.parameters), layer.write_bytes = element * traffic.outputs;
      layer.mapping = "roofline";
    }
    layer.compute_cycles = static_cast<double>(layer.macs) / macs_per_cycle;
    layer.memory_cycles = static_cast<double>(layer.read_bytes + layer.write_bytes) / bytes_per_cycle;
    layers.push_back(std::move(layer));
  }
  return analytic_result(config, model, {"device", "roofline", macs_per_cycle, config.roofline.tdp_w, 0}, layers);
}

}  // namespace vitality
