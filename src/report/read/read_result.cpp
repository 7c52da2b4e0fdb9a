#include "report/read/read_result.h"

#include <limits>
#include <utility>

#include "report/result_fields.h"

namespace vitality {
namespace {

constexpr std::int64_t kMostCount = std::numeric_limits<std::int64_t>::max();

// Fields that the file leaves out keep their values. null counts as left out, because a result writes it for "not
// measured". A required field must be there.
class Reader : public ResultVisitor {
 public:
  Reader(const JsonValue& document, Diagnostics& diagnostics)
      : diagnostics_(diagnostics), object_(&document), pointer_() {}

  void count(const ResultField& field, std::int64_t& out) override {
    if (const JsonValue* value = find(field))
      read_integer(*value, {pointer_, field.name}, static_cast<std::int64_t>(field.least), kMostCount, diagnostics_,
                   out);
  }
  void seed(const ResultField& field, std::uint64_t& out) override {
    std::int64_t value = static_cast<std::int64_t>(out);
    count(field, value);
    out = static_cast<std::uint64_t>(value);
  }
  void number(const ResultField& field, double& out) override {
    if (const JsonValue* value = find(field))
      read_number(*value, {pointer_, field.name}, field.least, std::numeric_limits<double>::max(), diagnostics_, out);
  }
  void boolean(const ResultField& field, bool& out) override {
    if (const JsonValue* value = find(field)) read_boolean(*value, {pointer_, field.name}, diagnostics_, out);
  }
  void text(const ResultField& field, std::string& out) override {
    if (const JsonValue* value = find(field)) read_text(*value, {pointer_, field.name}, diagnostics_, out);
  }
  void texts(const ResultField& field, std::vector<std::string>& out) override {
    const JsonValue* value = find(field, JsonValue::Type::kArray);
    if (value == nullptr) return;
    constexpr std::size_t kMostTexts = 10000;
    if (value->items().size() > kMostTexts)
      return diagnostics_.add(at(field), "expected at most " + std::to_string(kMostTexts) + " texts");
    for (std::size_t i = 0; i < value->items().size(); ++i) {
      out.emplace_back();
      read_text(value->items()[i], pointer_of(at(field), i), diagnostics_, out.back());
    }
  }
  void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>& out) override {
    const JsonValue* value = find(field, JsonValue::Type::kObject);
    if (value != nullptr) read_counts(*value, at(field), out);
  }
  void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>& out) override {
    const JsonValue* value = find(field, JsonValue::Type::kObject);
    if (value == nullptr) return;
    for (const auto& [name, item] : value->members()) {
      out.emplace_back(name, 0);
      read_number(item, pointer_of(at(field), name), field.least, std::numeric_limits<double>::max(), diagnostics_,
                  out.back().second);
    }
  }
  void values(const ResultField& field, std::vector<double>& out) override {
    constexpr std::size_t kMostValues = 10000;
    const JsonValue* value = find(field, JsonValue::Type::kArray);
    if (value == nullptr) return;
    if (value->items().size() > kMostValues)
      return diagnostics_.add(at(field), "expected at most " + std::to_string(kMostValues) + " numbers");
    for (std::size_t i = 0; i < value->items().size(); ++i) {
      out.push_back(0);
      read_number(value->items()[i], pointer_of(at(field), i), field.least, std::numeric_limits<double>::max(),
                  diagnostics_, out.back());
    }
  }
  void traffic(const ResultField& field, std::vector<DramTraffic>& out) override {
    const JsonValue* value = find(field, JsonValue::Type::kObject);
    if (value == nullptr) return;
    for (const auto& [operand, causes] : value->members()) {
      const std::string pointer = pointer_of(at(field), operand);
      std::vector<std::pair<std::string, Count>> moved;
      if (is(causes, JsonValue::Type::kObject, pointer)) read_counts(causes, pointer, moved);
      for (const auto& [cause, bytes] : moved) out.push_back({std::string(operand), cause, bytes});
    }
  }
  void occupied(const ResultField& field, std::vector<UnitResult>& units, Cycles most) override {
    constexpr std::size_t kMostBins = 10000;
    const JsonValue* value = find(field, JsonValue::Type::kObject);
    if (value == nullptr) return;
    for (UnitResult& unit : units) {
      const JsonValue* bins = value->find(unit.name);
      if (bins == nullptr) continue;
      const std::string pointer = pointer_of(at(field), unit.name);
      if (bins->type() != JsonValue::Type::kArray || bins->items().size() > kMostBins) {
        diagnostics_.add(pointer, "expected a list of at most 10000 counts, found " + describe(*bins));
        continue;
      }
      for (std::size_t i = 0; i < bins->items().size(); ++i) {
        unit.occupied.push_back(0);
        read_integer(bins->items()[i], pointer_of(pointer, i), 0, most, diagnostics_, unit.occupied.back());
      }
    }
  }
  void json(const ResultField&, std::string&) override {}
  void group(const ResultField& field, bool& present, const Fields& fields) override {
    const JsonValue* value = find(field, JsonValue::Type::kObject);
    present = value != nullptr;
    if (present) inside(*value, at(field), fields);
  }
  void together(bool, const Fields& fields) override { fields(); }
  void null_unless(bool, const Fields& fields) override { fields(); }
  void items(const ResultField& field, std::size_t, const Element& append, const Element& element) override {
    const JsonValue* value = find(field, JsonValue::Type::kArray);
    if (value == nullptr) return;
    for (std::size_t i = 0; i < value->items().size(); ++i) {
      if (diagnostics_.full()) return;
      append(value->items().size());
      const std::string pointer = pointer_of(at(field), i);
      if (is(value->items()[i], JsonValue::Type::kObject, pointer))
        inside(value->items()[i], pointer, [&] { element(i); });
    }
  }
  void expect(bool holds, const char* name, const char* message) override {
    if (!holds) diagnostics_.add(pointer_of(pointer_, name), message);
  }

 private:
  std::string at(const ResultField& field) const { return pointer_of(pointer_, field.name); }
  bool is(const JsonValue& value, JsonValue::Type type, const std::string& pointer) {
    if (value.type() == type) return true;
    const char* const expected =
        type == JsonValue::Type::kArray ? "expected a list, found " : "expected an object, found ";
    diagnostics_.add(pointer, expected + describe(value));
    return false;
  }
  const JsonValue* find(const ResultField& field) {
    const JsonValue* value = object_->find(field.name);
    if (value == nullptr && field.required)
      diagnostics_.add(pointer_, std::string("missing key \"") + field.name + "\"");
    return value == nullptr || (value->type() == JsonValue::Type::kNull && !field.required) ? nullptr : value;
  }
  const JsonValue* find(const ResultField& field, JsonValue::Type type) {
    const JsonValue* value = find(field);
    return value != nullptr && is(*value, type, at(field)) ? value : nullptr;
  }
  void inside(const JsonValue& object, const std::string& pointer, const Fields& fields) {
    const JsonValue* const outer = std::exchange(object_, &object);
    const std::string outer_pointer = std::exchange(pointer_, pointer);
    fields();
    object_ = outer, pointer_ = outer_pointer;
  }
  void read_counts(const JsonValue& object, const std::string& pointer,
                   std::vector<std::pair<std::string, Count>>& out) {
    for (const auto& [name, item] : object.members()) {
      out.emplace_back(name, 0);
      read_integer(item, pointer_of(pointer, name), 0, kMostCount, diagnostics_, out.back().second);
    }
  }

  Diagnostics& diagnostics_;
  const JsonValue* object_;
  std::string pointer_;
};

}  // namespace

SimulationResult read_result(const JsonValue& document, Diagnostics& diagnostics) {
  SimulationResult out;
  Reader reader(document, diagnostics);
  visit_fields(reader, out);
  return out;
}

}  // namespace vitality
