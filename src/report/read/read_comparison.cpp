#include "report/read/read_comparison.h"

#include <algorithm>
#include <limits>

namespace vitality {
namespace {

using Type = JsonValue::Type;
constexpr std::size_t kMaxNames = 256;  // machines, workloads

class ComparisonReader {
 public:
  ComparisonReader(const JsonValue& document, const std::string& file) : document_(document), file_(file) {}

  ReportComparison read() {
    out_.file = file_;
    out_.command = text(document_, "command", "");
    out_.normalize = text(document_, "normalize", "");
    const JsonValue& machines = list(document_, "machines");
    for (std::size_t i = 0; i < machines.items().size(); ++i)
      read_machine(machines.items()[i], pointer_of("/machines", i));
    if (out_.machines.empty()) throw InputError(file_, "/machines", "expected at least one machine");
    const JsonValue& pairs = list(document_, "pairs");
    for (std::size_t i = 0; i < pairs.items().size(); ++i) read_pair(pairs.items()[i], pointer_of("/pairs", i));
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& pointer, const std::string& expected, const JsonValue* found) const {
    throw InputError(file_, pointer, "expected " + expected + ", found " + (found ? describe(*found) : "nothing"));
  }
  const JsonValue& list(const JsonValue& object, const char* key) const {
    const JsonValue* value = object.find(key);
    if (value == nullptr || value->type() != Type::kArray) fail(std::string("/") + key, "a list", value);
    return *value;
  }
  // "" when absent.
  std::string text(const JsonValue& object, const char* key, const std::string& pointer) const {
    const JsonValue* value = object.find(key);
    if (value == nullptr) return "";
    if (value->type() != Type::kString) fail(pointer + "/" + key, "a string", value);
    return value->text();
  }
  // A number or {"value": number}; NaN when absent or null.
  double number(const JsonValue* object, const char* key, const std::string& pointer) const {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    const JsonValue* value = object != nullptr ? object->find(key) : nullptr;
    if (value != nullptr && value->type() == Type::kObject) value = value->find("value");
    if (value == nullptr || value->type() == Type::kNull) return kUnknown;
    if (value->type() != Type::kInteger && value->type() != Type::kNumber) fail(pointer + "/" + key, "a number", value);
    return value->number();
  }

  void read_machine(const JsonValue& value, const std::string& pointer) {
    ReportComparison::Machine machine;
    machine.name = text(value, "name", pointer);
    if (machine.name.empty()) fail(pointer + "/name", "a name", value.find("name"));
    machine.tag = text(value, "tag", pointer);
    machine.how = text(value, "how", pointer);
    if (const JsonValue* notes = value.find("notes"))
      for (const JsonValue& note : notes->items()) machine.notes.push_back(note.text());
    if (out_.machines.size() == kMaxNames) throw InputError(file_, pointer, "expected at most 256 machines");
    out_.machines.push_back(std::move(machine));
  }

  ReportComparedPair::Scope read_scope(const JsonValue& pair, const char* key, const std::string& pointer) const {
    const JsonValue* scope = pair.find(key);
    const std::string at = pointer + "/" + key;
    return {number(scope, "latency_ms", at),      number(scope, "energy_mj", at), number(scope, "speedup", at),
            number(scope, "efficiency_gain", at), number(scope, "gops", at),      number(scope, "gops_per_w", at)};
  }

  // Machines may have the same name (one config twice, changed by --set). Pairs are ordered by machine, so if the model
  // has already been read for this name, the next machine with the name is meant.
  std::size_t machine_of(const std::string& name, std::size_t workload, const std::string& pointer) const {
    bool known = false;
    for (std::size_t m = 0; m < out_.machines.size(); ++m) {
      if (out_.machines[m].name != name) continue;
      known = true;
      if (!taken_[m * kMaxNames + workload]) return m;
    }
    throw InputError(file_, pointer + "/machine",
                     known ? "the same machine and workload twice" : "not among /machines: " + quoted(name));
  }

  void read_pair(const JsonValue& value, const std::string& pointer) {
    ReportComparedPair pair;
    const std::string workload = text(value, "workload", pointer);
    const auto found = std::find(out_.workloads.begin(), out_.workloads.end(), workload);
    pair.workload = static_cast<std::size_t>(found - out_.workloads.begin());
    if (found == out_.workloads.end()) {
      if (workload.empty()) fail(pointer + "/workload", "a name", value.find("workload"));
      if (out_.workloads.size() == kMaxNames) throw InputError(file_, pointer, "expected at most 256 workloads");
      out_.workloads.push_back(workload);
    }
    pair.machine = machine_of(text(value, "machine", pointer), pair.workload, pointer);
    if (!parse_point_status(text(value, "status", pointer), pair.status))
      fail(pointer + "/status", "ok, infeasible, failed or timeout", value.find("status"));
    taken_[pair.machine * kMaxNames + pair.workload] = true;
    pair.reason = text(value, "reason", pointer);
    pair.whole = read_scope(value, "end_to_end", pointer);
    pair.attention = read_scope(value, "attention", pointer);
    out_.pairs.push_back(std::move(pair));
  }

  const JsonValue& document_;
  const std::string& file_;
  ReportComparison out_;
  std::vector<bool> taken_ = std::vector<bool>(kMaxNames * kMaxNames);  // by machine and workload: a pair is there
};

}  // namespace

ReportComparison read_comparison(const JsonValue& document, const std::string& file) {
  return ComparisonReader(document, file).read();
}

}  // namespace vitality
