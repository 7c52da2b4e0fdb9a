#include "report/result_schema.h"

#include <nlohmann/json.hpp>

#include "report/result_fields.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

// `unit` is our own annotation, which validators ignore. A field is required if every result has it.
class Schema : public ResultVisitor {
 public:
  Json take() { return object(); }

  void count(const ResultField& field, std::int64_t&) override { number_of(field, "integer"); }
  void seed(const ResultField& field, std::uint64_t&) override { number_of(field, "integer"); }
  void number(const ResultField& field, double&) override { number_of(field, "number"); }
  void boolean(const ResultField& field, bool&) override { add(field, "boolean"); }
  void text(const ResultField& field, std::string&) override { add(field, "string"); }
  void texts(const ResultField& field, std::vector<std::string>&) override {
    add(field, "array")["items"] = {{"type", "string"}};
  }
  void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>&) override {
    add(field, "object")["additionalProperties"] = kCount;
  }
  void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>&) override {
    add(field, "object")["additionalProperties"] = {{"type", "number"}, {"minimum", field.least}};
  }
  void values(const ResultField& field, std::vector<double>&) override {
    add(field, "array")["items"] = {{"type", "number"}, {"minimum", field.least}};
  }
  void traffic(const ResultField& field, std::vector<DramTraffic>&) override {
    add(field, "object")["additionalProperties"] = {{"type", "object"}, {"additionalProperties", kCount}};
  }
  void occupied(const ResultField& field, std::vector<UnitResult>&, Cycles) override {
    add(field, "object")["additionalProperties"] = {{"type", "array"}, {"items", kCount}};
  }
  void json(const ResultField& field, std::string&) override { add(field, "object"); }
  void group(const ResultField& field, bool& present, const Fields& fields) override {
    // A field that a default result lacks may be missing in any result.
    const bool always = std::exchange(always_, true), there = present;
    const Json inner = nested(fields);
    always_ = always && there;
    add(field, "object").update(inner);
    always_ = always;
  }
  void together(bool, const Fields& fields) override {
    const bool always = std::exchange(always_, false);
    fields();
    always_ = always;
  }
  void null_unless(bool, const Fields& fields) override {
    nullable_ = true;
    fields();
    nullable_ = false;
  }
  void items(const ResultField& field, std::size_t size, const Element& append, const Element& element) override {
    if (size == 0) append(1);
    const bool always = std::exchange(always_, true);
    Json inner = nested([&] { element(0); });
    always_ = always;
    add(field, "array")["items"] = std::move(inner);
  }
  void expect(bool, const char*, const char*) override {}

 private:
  const Json kCount = {{"type", "integer"}, {"minimum", 0}};

  void number_of(const ResultField& field, const char* type) {
    add(field, type)["minimum"] = static_cast<std::int64_t>(field.least);
  }
  Json& add(const ResultField& field, const char* type) {
    Json json = {{"description", field.description}};
    json["type"] = nullable_ ? Json{type, "null"} : Json(type);
    if (*field.unit != 0) json["unit"] = field.unit;
    if (always_) required_.push_back(field.name);
    return properties_[field.name] = std::move(json);
  }
  Json object() { return {{"type", "object"}, {"properties", std::move(properties_)}, {"required", required_}}; }
  Json nested(const Fields& fields) {
    Json properties = std::exchange(properties_, Json::object()), required = std::exchange(required_, Json::array());
    fields();
    Json made = object();
    properties_ = std::move(properties), required_ = std::move(required);
    return made;
  }

  Json properties_ = Json::object(), required_ = Json::array();
  bool always_ = true, nullable_ = false;
};

}  // namespace

std::string result_schema() {
  Schema schema;
  SimulationResult result;
  visit_fields(schema, result);
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "Result of vitality run"},
               {"description", "What `vitality run --result` writes. 1 MAC = 2 operations; `unit` 1: a plain number."}};
  json.update(schema.take());
  return json.dump(2) + "\n";
}

}  // namespace vitality
