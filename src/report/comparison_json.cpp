#include <cmath>

#include "base/json.h"
#include "report/comparison.h"

namespace vitality {
namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void open(char bracket) {
    out_ += bracket;
    fresh_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    fresh_ = false;
  }
  void key(const char* name) {
    next();
    out_ += json_string(name) + ": ";
  }
  void next() {
    if (!fresh_) out_ += ", ";
    fresh_ = false;
  }
  void member(const char* name, const std::string& value) {
    key(name);
    out_ += json_string(value);
  }
  void member(const char* name, double value) {
    key(name);
    out_ += std::isfinite(value) ? json_number(value) : "null";
  }
  void range(const char* name, const std::array<double, 2>& ends) {
    key(name);
    out_ += std::isfinite(ends[0]) ? "[" + json_number(ends[0]) + ", " + json_number(ends[1]) + "]" : "null";
  }
  // A number and where it comes from.
  void tagged(const char* name, double value, const std::string& tag) {
    key(name);
    out_ += "{\"value\": " + (std::isfinite(value) ? json_number(value) : std::string("null")) +
            ", \"tag\": " + json_string(tag) + "}";
  }

 private:
  std::string& out_;
  bool fresh_ = true;
};

void write_scope(Writer& writer, const char* name, const ComparedScope& scope, const std::string& tag) {
  writer.key(name);
  writer.open('{');
  writer.tagged("latency_ms", scope.latency_ms, tag);
  writer.tagged("speedup", scope.speedup, tag);
  writer.tagged("energy_mj", scope.energy_mj, tag);
  writer.range("energy_mj_range", scope.energy_range_mj);
  writer.tagged("inferences_per_j", 1e3 / scope.energy_mj, tag);
  writer.tagged("efficiency_gain", scope.efficiency_gain, tag);
  writer.tagged("on_chip_energy_mj", scope.on_chip_energy_mj, tag);
  writer.tagged("on_chip_gain", scope.on_chip_gain, tag);
  writer.range("efficiency_gain_range", scope.efficiency_range);
  writer.range("on_chip_gain_range", scope.on_chip_range);
  writer.tagged("gops", scope.gops, tag);
  writer.tagged("gops_per_w", scope.gops_per_w, tag);
  writer.tagged("utilization", scope.utilization, tag);
  writer.tagged("macs", scope.macs, tag);
  writer.close('}');
}

}  // namespace

// Over 60 lines: the fields of the document in their order.
std::string comparison_json(const Comparison& comparison) {
  std::string out;
  Writer writer(out);
  writer.open('{');
  writer.member("schema_version", 1.0);
  writer.member("kind", std::string("comparison"));
  writer.member("version", std::string(VITALITY_VERSION));
  writer.member("command", comparison.command);
  writer.member("normalize", comparison.normalize);
  writer.member("numerics", std::string(comparison.numerics ? "check" : "off"));
  writer.member("seed", static_cast<double>(comparison.seed));
  writer.member("reference", comparison.machines[0].name);
  writer.key("machines");
  writer.open('[');
  for (const ComparedMachine& machine : comparison.machines) {
    writer.next();
    writer.open('{');
    writer.member("name", machine.name);
    writer.member("config", machine.file);
    writer.member("tag", machine.tag);
    writer.member("how", machine.how);
    writer.key("notes");
    writer.open('[');
    for (const std::string& note : machine.notes) {
      writer.next();
      out += json_string(note);
    }
    writer.close(']');
    writer.tagged("area_mm2", machine.area_mm2, machine.tag);
    writer.tagged("peak_gops", machine.peak_gops, machine.tag);
    writer.key("geometric_means");
    writer.open('{');
    writer.member("models", static_cast<double>(machine.compared_models));
    writer.tagged("speedup", machine.speedup, machine.tag);
    writer.tagged("efficiency_gain", machine.efficiency_gain, machine.tag);
    writer.tagged("on_chip_gain", machine.on_chip_gain, machine.tag);
    writer.range("efficiency_gain_range", machine.efficiency_range);
    writer.range("on_chip_gain_range", machine.on_chip_range);
    writer.tagged("attention_speedup", machine.attention_speedup, machine.tag);
    writer.tagged("attention_efficiency_gain", machine.attention_efficiency_gain, machine.tag);
    writer.tagged("attention_on_chip_gain", machine.attention_on_chip_gain, machine.tag);
    writer.close('}');
    writer.close('}');
  }
  writer.close(']');
  writer.key("pairs");
  writer.open('[');
  for (const ComparedPair& pair : comparison.pairs) {
    const ComparedMachine& machine = comparison.machines[pair.machine];
    writer.next();
    out += "\n  ";
    writer.open('{');
    writer.member("machine", machine.name);
    writer.member("workload", comparison.workloads[pair.workload]);
    writer.member("status", std::string(to_string(pair.status)));
    writer.member("reason", pair.reason);
    writer.tagged("average_power_w", pair.power_w, machine.tag);
    writer.tagged("density", pair.density, machine.tag);
    writer.tagged("kept_density", pair.kept_density, machine.tag);
    writer.tagged("attention_error", pair.attention_error, machine.tag);
    write_scope(writer, "attention", pair.attention, machine.tag);
    write_scope(writer, "end_to_end", pair.whole, machine.tag);
    writer.close('}');
  }
  writer.close(']');
  writer.close('}');
  return out + "\n";
}

}  // namespace vitality
