// JSON Schema (draft 2020-12) of a hardware config, from the list of its fields (config/fields.cpp): type, range and
// default of each. The unit is in a key's name.
#include <nlohmann/json.hpp>
#include <utility>

#include "config/fields.h"
#include "config/hardware_config_json.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

class Schema : public FieldVisitor {
 public:
  Json take() { return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties_)}}; }

  void integer(const char* key, int& value, int low, int high) override {
    properties_[key] = {{"type", "integer"}, {"minimum", low}, {"maximum", high}, {"default", value}};
  }
  void number(const char* key, double& value, double low, double high) override {
    properties_[key] = {{"type", "number"}, {"minimum", low}, {"maximum", high}, {"default", value}};
  }
  void boolean(const char* key, bool& value) override { properties_[key] = {{"type", "boolean"}, {"default", value}}; }
  void text(const char* key, std::string& value) override {
    properties_[key] = {{"type", "string"}};
    if (!value.empty()) properties_[key]["default"] = value;
  }
  void choice_index(const char* key, int& value, const std::vector<std::string>& names) override {
    properties_[key] = {{"enum", names}, {"default", names[static_cast<std::size_t>(value)]}};
  }
  void strings(const char* key, std::map<std::string, std::string>&) override {
    properties_[key] = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  }
  void curve(const char* key, std::vector<std::array<double, 2>>&, double, double) override {
    const Json row = {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 2}, {"maxItems", 2}};
    properties_[key] = {{"type", "array"}, {"items", row}};
  }
  void group(const char* key, const std::function<void()>& fields) override { properties_[key] = nested(fields); }
  void library(const char* key, const char* folder, const std::function<void()>& fields) override {
    const Json name = {{"type", "string"},
                       {"description", std::string("A file of configs/") + folder + ", or a path to one."}};
    const auto file_fields = [&] {
      std::string reference;
      text("$schema", reference);
      fields();
    };
    properties_[key] = {{"oneOf", Json::array({name, nested(file_fields)})}};
  }

 private:
  Json nested(const std::function<void()>& fields) {
    Json outer = std::exchange(properties_, Json::object());
    fields();
    Json made = take();
    properties_ = std::move(outer);
    return made;
  }

  Json properties_ = Json::object();
};

}  // namespace

template <class Fields>
static std::string schema_of(const char* title) {
  Schema schema;
  Fields defaults;
  std::string reference;
  schema.text("$schema", reference);
  visit_fields(schema, defaults);
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", title},
               {"description", "A key that is left out has its default."}};
  json.update(schema.take());
  return json.dump(2) + "\n";
}

std::string hardware_config_schema() {
  return schema_of<HardwareConfig>("Hardware config of vitality");
}
std::string energy_table_schema() {
  return schema_of<EnergyTable>("Energy table of vitality");
}
std::string dram_device_schema() {
  return schema_of<DramDevice>("DRAM device of vitality");
}

}  // namespace vitality
