#include "cli/evaluation.h"

#include <fmt/format.h>

#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

namespace vitality::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRanksFrom = 10;  // with fewer classes than this, top-5 says nothing

int classes_of(const Evaluation& e) {
  return output_shape(e.model->layers.back()).cols;
}

std::vector<const Layer*> attention_layers(const VitModel& model) {
  std::vector<const Layer*> layers;
  for (const Layer& layer : model.layers)
    if (std::holds_alternative<Attention>(layer.parameters)) layers.push_back(&layer);
  return layers;
}

std::vector<double> each(const std::vector<MachineImage>& images, double MachineImage::*value) {
  std::vector<double> values;
  for (const MachineImage& image : images) values.push_back(image.*value);
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Count saturated(const std::vector<MachineImage>& images, std::size_t layer) {
  Count sum = 0;
  for (const MachineImage& image : images) sum += image.saturated[layer];
  return sum;
}

Count saturated(const std::vector<MachineImage>& images) {
  Count sum = 0;
  for (std::size_t layer = 0; layer < images.front().saturated.size(); ++layer) sum += saturated(images, layer);
  return sum;
}

double share(Count part, Count whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

void add_proportion(const std::string& name, const Proportion& p, Json& json) {
  if (p.trials == 0) return;
  json[name] = p.share(), json[name + "_low"] = p.low(), json[name + "_high"] = p.high();
}

// What a layer computed in an evaluation of `kind`, which the layer may have a kind of its own in place of.
std::string own_kind(const Layer& layer, const KindEvaluation& kind) {
  const auto& own = std::get<Attention>(layer.parameters).kind;
  return own ? to_string(*own) : kind.attention;
}

Json layer_json(const Layer& layer, const KindEvaluation& kind, const AttentionStatistics& s) {
  const bool softmax = own_kind(layer, kind) == to_string(AttentionKind::kSoftmax);
  Json json{{"name", layer.name}};
  if (own_kind(layer, kind) != kind.attention) json["attention"] = own_kind(layer, kind);
  json["scores_below_minus_one"] = share(s.negative, s.scores);
  if (!softmax) {
    json["z_max_rel_error"] = s.z.relative();
    json["z_cosine_similarity"] = s.z.cosine();
  }
  if (s.entries > 0) {
    json["mask_density"] = share(s.executed, s.entries);
    json["mask_kept_density"] = share(s.kept, s.entries);
  }
  return json;
}

Json kind_json(const Evaluation& e, const KindEvaluation& kind) {
  Json json{{"attention", kind.attention}};
  add_proportion("top1", kind.top1, json);
  if (classes_of(e) >= kRanksFrom) add_proportion("top5", kind.top5, json);
  if (kind.agreement.trials > 0) json["agreement_with_softmax"] = kind.agreement.share();
  const std::vector<const Layer*> layers = attention_layers(*e.model);
  json["layers"] = Json::array();
  for (std::size_t i = 0; i < layers.size(); ++i)
    json["layers"].push_back(layer_json(*layers[i], kind, kind.layers[i]));
  return json;
}

Json machine_json(const Evaluation& e) {
  const MachineEvaluation& m = e.machine;
  Json json{{"name", m.config.name},
            {"attention", to_string(m.config.attention)},
            {"precision", to_string(m.config.precision)},
            {"images", m.images.size()},
            {"calibration_images", m.calibrated}};
  add_proportion("top1", m.top1, json);
  json["agreement_with_reference"] = m.agreement.share();
  json["logits_max_rel_error"] = m.max_rel_error;
  json["saturated"] = saturated(m.images);
  json["saturated_by_layer"] = Json::object();
  for (std::size_t i = 0; i < e.model->layers.size(); ++i)
    if (saturated(m.images, i) > 0) json["saturated_by_layer"][e.model->layers[i].name] = saturated(m.images, i);
  json["depends_on_data"] = m.depends_on_data;
  const auto add = [&](const std::string& name, double MachineImage::*value) {
    const std::vector<double> values = each(m.images, value);
    json[name] = m.depends_on_data ? mean(values) : values.front();
    if (!m.depends_on_data) return;
    json[name + "_p5"] = quantile(values, 0.05), json[name + "_p95"] = quantile(values, 0.95);
  };
  add("cycles", &MachineImage::cycles);
  if (!m.depends_on_data) json["cycles"] = static_cast<Cycles>(m.images.front().cycles);
  add("latency_ms", &MachineImage::latency_ms);
  add("energy_mj", &MachineImage::energy_mj);
  if (m.images.front().mask_density >= 0) {
    add("mask_density", &MachineImage::mask_density);
    add("mask_kept_density", &MachineImage::mask_kept_density);
  }
  return json;
}

std::string percent(const Proportion& p) {
  return p.trials == 0 ? "-" : fmt::format("{:.2f} ({:.2f} to {:.2f})", 100 * p.share(), 100 * p.low(), 100 * p.high());
}

void write_kinds(const Evaluation& e, std::string& out) {
  const bool ranks = classes_of(e) >= kRanksFrom;
  out += fmt::format("{:<18}{:>26}{}{:>22}\n", "attention", "top-1 % (95 %)",
                     ranks ? fmt::format("{:>26}", "top-5 % (95 %)") : "", "as softmax says, %");
  for (const KindEvaluation& kind : e.reference.kinds) {
    out += fmt::format("{:<18}{:>26}", kind.attention, percent(kind.top1));
    if (ranks) out += fmt::format("{:>26}", percent(kind.top5));
    out +=
        fmt::format("{:>22}\n", kind.agreement.trials > 0 ? fmt::format("{:.2f}", 100 * kind.agreement.share()) : "-");
  }
}

void write_layers(const Evaluation& e, std::string& out) {
  const std::vector<const Layer*> layers = attention_layers(*e.model);
  if (layers.empty()) return;
  out += fmt::format("\n{:<18}{:<24}{:>14}{:>16}{:>14}{:>16}\n", "attention", "layer", "scores < -1", "error of Z",
                     "cosine of Z", "mask density");
  for (const KindEvaluation& kind : e.reference.kinds) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const AttentionStatistics& s = kind.layers[i];
      const std::string own = own_kind(*layers[i], kind);
      const bool softmax = own == to_string(AttentionKind::kSoftmax);
      out += fmt::format("{:<18}{:<24}{:>12.2f} %{:>16}{:>14}{:>16}\n",
                         own == kind.attention ? own : kind.attention + ": " + own, layers[i]->name,
                         100 * share(s.negative, s.scores), softmax ? "-" : fmt::format("{:.3g}", s.z.relative()),
                         softmax ? "-" : fmt::format("{:.5f}", s.z.cosine()),
                         s.entries > 0 ? fmt::format("{:.2f} %", 100 * share(s.executed, s.entries)) : "-");
    }
  }
}

void write_machine(const Evaluation& e, std::string& out) {
  const MachineEvaluation& m = e.machine;
  out += fmt::format("\n{}, {}, {} attention: {} images, scales from {} others\n", m.config.name,
                     to_string(m.config.precision), to_string(m.config.attention), m.images.size(), m.calibrated);
  out += fmt::format("  top-1 %            {}\n", percent(m.top1));
  out += fmt::format("  as the reference   {:.2f} % of the images; largest error of a logit {:.3g} of the largest\n",
                     100 * m.agreement.share(), m.max_rel_error);
  out += fmt::format("  saturated          {} results\n", saturated(m.images));
  const auto line = [&](const char* name, double MachineImage::*value, double factor, const char* unit) {
    const std::vector<double> values = each(m.images, value);
    if (!m.depends_on_data) {
      out += fmt::format("  {:<19}{:.6g} {}\n", name, factor * values.front(), unit);
    } else {
      out += fmt::format("  {:<19}{:.6g} {}; p5 {:.6g}, p95 {:.6g}\n", name, factor * mean(values), unit,
                         factor * quantile(values, 0.05), factor * quantile(values, 0.95));
    }
  };
  line("cycles", &MachineImage::cycles, 1, "an image");
  line("latency", &MachineImage::latency_ms, 1, "ms");
  line("energy", &MachineImage::energy_mj, 1, "mJ");
  if (m.images.front().mask_density >= 0) line("mask density", &MachineImage::mask_density, 100, "%");
}

}  // namespace

std::string evaluation_text(const Evaluation& e) {
  std::string out = fmt::format("{}: {} images, {} classes\n\n", e.model->name, e.images, classes_of(e));
  write_kinds(e, out);
  write_layers(e, out);
  if (e.has_machine) write_machine(e, out);
  return out;
}

std::string evaluation_json(const Evaluation& e) {
  const Manifest& m = e.manifest;
  Json manifest{{"version", m.version},
                {"command", m.command},
                {"workload_sha256", m.workload_sha256},
                {"weights_sha256", m.inputs_sha256},
                {"images_sha256", e.images_sha256}};
  if (!e.labels_sha256.empty()) manifest["labels_sha256"] = e.labels_sha256;
  if (e.has_machine) manifest["config_sha256"] = m.config_sha256;
  manifest["kernels"] = m.kernels, manifest["host_seconds"] = m.host_seconds;
  Json kinds = Json::array();
  for (const KindEvaluation& kind : e.reference.kinds) kinds.push_back(kind_json(e, kind));
  Json evaluation{{"images", e.images}, {"classes", classes_of(e)}, {"kinds", kinds}};
  if (e.has_machine) evaluation["machine"] = machine_json(e);
  const Json json{
      {"schema_version", 1},
      {"manifest", manifest},
      {"workload", {{"name", e.model->name}, {"parameters", parameter_count(*e.model)}, {"macs", macs(*e.model)}}},
      {"evaluation", evaluation}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace vitality::cli
