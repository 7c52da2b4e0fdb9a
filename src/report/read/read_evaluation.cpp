#include "report/read/read_evaluation.h"

#include <limits>

namespace vitality {
namespace {

using Type = JsonValue::Type;
constexpr std::size_t kMaxKinds = 64, kMaxLayers = 10000;  // of one evaluation, of one kind

enum class What { kText, kCount, kShare, kNumber, kCosine, kBoolean };  // kNumber: zero or more
struct Field {
  const char* name;
  What what;
  bool required = false;
};

constexpr Field kManifest[] = {{"version", What::kText}, {"command", What::kText}};
constexpr Field kEvaluation[] = {{"images", What::kCount, true}, {"classes", What::kCount, true}};
constexpr Field kKind[] = {{"attention", What::kText, true}, {"top1", What::kShare},
                           {"top1_low", What::kShare},       {"top1_high", What::kShare},
                           {"top5", What::kShare},           {"top5_low", What::kShare},
                           {"top5_high", What::kShare},      {"agreement_with_softmax", What::kShare}};
constexpr Field kLayer[] = {{"name", What::kText, true},
                            {"attention", What::kText},
                            {"scores_below_minus_one", What::kShare},
                            {"z_max_rel_error", What::kNumber},
                            {"z_cosine_similarity", What::kCosine},
                            {"mask_density", What::kShare},
                            {"mask_kept_density", What::kShare}};
constexpr Field kMachine[] = {{"name", What::kText, true},
                              {"attention", What::kText, true},
                              {"precision", What::kText, true},
                              {"images", What::kCount, true},
                              {"calibration_images", What::kCount},
                              {"top1", What::kShare},
                              {"top1_low", What::kShare},
                              {"top1_high", What::kShare},
                              {"agreement_with_reference", What::kShare},
                              {"logits_max_rel_error", What::kNumber},
                              {"saturated", What::kCount, true},
                              {"depends_on_data", What::kBoolean},
                              {"cycles", What::kNumber},
                              {"cycles_p5", What::kNumber},
                              {"cycles_p95", What::kNumber},
                              {"latency_ms", What::kNumber},
                              {"latency_ms_p5", What::kNumber},
                              {"latency_ms_p95", What::kNumber},
                              {"energy_mj", What::kNumber},
                              {"energy_mj_p5", What::kNumber},
                              {"energy_mj_p95", What::kNumber},
                              {"mask_density", What::kShare},
                              {"mask_density_p5", What::kShare},
                              {"mask_density_p95", What::kShare},
                              {"mask_kept_density", What::kShare},
                              {"mask_kept_density_p5", What::kShare},
                              {"mask_kept_density_p95", What::kShare}};

class Checker {
 public:
  Checker(const JsonValue& document, const std::string& file) : document_(document), diagnostics_(file) {}

  void check() {
    static const std::string root;
    fields(*object(document_, "manifest", root, false), "/manifest", kManifest);
    constexpr Field kName[] = {{"name", What::kText, true}};
    fields(*object(document_, "workload", root), "/workload", kName);
    const JsonValue& evaluation = *object(document_, "evaluation", root);
    fields(evaluation, "/evaluation", kEvaluation);
    const JsonValue& kinds = list(evaluation, "kinds", "/evaluation", kMaxKinds);
    if (kinds.items().empty()) diagnostics_.add("/evaluation/kinds", "expected at least one kind of attention");
    for (std::size_t i = 0; i < kinds.items().size(); ++i) kind(kinds.items()[i], pointer_of("/evaluation/kinds", i));
    if (evaluation.find("machine") != nullptr) machine(*object(evaluation, "machine", "/evaluation"));
  }

 private:
  // An empty document where nothing is needed and nothing is there.
  const JsonValue* object(const JsonValue& parent, const char* key, const std::string& pointer, bool required = true) {
    static const JsonDocument kNone;
    const JsonValue* value = parent.find(key);
    if (value == nullptr && !required) return &kNone;
    if (value == nullptr || value->type() != Type::kObject) fail(pointer_of(pointer, key), "an object", value);
    return value;
  }
  const JsonValue& list(const JsonValue& parent, const char* key, const std::string& pointer, std::size_t most) {
    const JsonValue* value = parent.find(key);
    if (value == nullptr || value->type() != Type::kArray) fail(pointer_of(pointer, key), "a list", value);
    if (value->items().size() > most)
      diagnostics_.add(pointer_of(pointer, key), "expected at most " + std::to_string(most) + " items");
    return *value;
  }
  [[noreturn]] void fail(const std::string& pointer, const std::string& expected, const JsonValue* found) const {
    throw InputError(diagnostics_.file(), pointer,
                     "expected " + expected + ", found " + (found != nullptr ? describe(*found) : "nothing"));
  }

  template <std::size_t n>
  void fields(const JsonValue& object, const std::string& pointer, const Field (&all)[n]) {
    for (const Field& field : all) {
      const JsonValue* value = object.find(field.name);
      if (value == nullptr && !field.required) continue;
      if (value == nullptr) fail(pointer_of(pointer, field.name), "a value", nullptr);
      check_value(*value, {pointer, field.name}, field.what);
    }
  }
  void check_value(const JsonValue& value, const JsonPointer& pointer, What what) {
    std::string text;
    std::int64_t count = 0;
    double number = 0;
    bool flag = false;
    switch (what) {
      case What::kText:
        read_text(value, pointer, diagnostics_, text);
        return;
      case What::kCount:
        read_integer(value, pointer, 0, std::numeric_limits<std::int64_t>::max(), diagnostics_, count);
        return;
      case What::kShare:
        read_number(value, pointer, 0, 1, diagnostics_, number);
        return;
      case What::kNumber:
        read_number(value, pointer, 0, std::numeric_limits<double>::max(), diagnostics_, number);
        return;
      case What::kCosine:  // rounding may take it beyond 1
        read_number(value, pointer, -1 - 1e-9, 1 + 1e-9, diagnostics_, number);
        return;
      case What::kBoolean:
        read_boolean(value, pointer, diagnostics_, flag);
        return;
    }
  }

  void kind(const JsonValue& value, const std::string& pointer) {
    if (value.type() != Type::kObject) fail(pointer, "an object", &value);
    fields(value, pointer, kKind);
    const JsonValue& layers = list(value, "layers", pointer, kMaxLayers);
    for (std::size_t i = 0; i < layers.items().size(); ++i) {
      const std::string at = pointer_of(pointer_of(pointer, "layers"), i);
      if (layers.items()[i].type() != Type::kObject) fail(at, "an object", &layers.items()[i]);
      fields(layers.items()[i], at, kLayer);
    }
  }
  void machine(const JsonValue& value) {
    const std::string pointer = "/evaluation/machine";
    fields(value, pointer, kMachine);
    const JsonValue& layers = *object(value, "saturated_by_layer", pointer, false);
    for (const auto& [name, count] : layers.members())
      check_value(count, {pointer + "/saturated_by_layer", name}, What::kCount);
  }

  const JsonValue& document_;
  Diagnostics diagnostics_;
};

}  // namespace

void check_evaluation(const JsonValue& document, const std::string& file) {
  Checker(document, file).check();
}

}  // namespace vitality
