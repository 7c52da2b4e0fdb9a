// JSON Schema (draft 2020-12) of a hardware config, from the list of its fields (config/fields.cpp): type, range and
// default of each, and from the list of their meanings.
#include <nlohmann/json.hpp>
#include <utility>

#include "config/fields.h"
#include "config/hardware_config_json.h"
#include "config/key_meanings.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

// `unit` is our own annotation, which validators ignore.
class Schema : public FieldVisitor {
 public:
  explicit Schema(std::string prefix) : prefix_(std::move(prefix)) {}
  Json take() { return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties_)}}; }

  void integer(const char* key, int& value, int low, int high) override {
    add(key, {{"type", "integer"}, {"minimum", low}, {"maximum", high}, {"default", value}});
  }
  void number(const char* key, double& value, double low, double high) override {
    add(key, {{"type", "number"}, {"minimum", low}, {"maximum", high}, {"default", value}});
  }
  void boolean(const char* key, bool& value) override { add(key, {{"type", "boolean"}, {"default", value}}); }
  void text(const char* key, std::string& value) override {
    Json& json = add(key, {{"type", "string"}});
    if (!value.empty()) json["default"] = value;
  }
  void choice_index(const char* key, int& value, const std::vector<std::string>& names) override {
    add(key, {{"enum", names}, {"default", names[static_cast<std::size_t>(value)]}});
  }
  void strings(const char* key, std::map<std::string, std::string>&) override {
    add(key, {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}});
  }
  void list(const char* key, std::size_t most, std::size_t, const std::function<void(std::size_t)>& resize,
            const std::function<void(std::size_t)>& fields) override {
    resize(1);  // of defaults
    add(key, {{"type", "array"}, {"maxItems", most}, {"items", nested(prefix_ + key + ".", [&] { fields(0); })}});
  }
  void group(const char* key, const std::function<void()>& fields) override {
    // The number formats' groups have the same keys.
    const bool is_format = prefix_ == "energy:format.";
    add(is_format ? "FORMAT" : key, nested(prefix_ + (is_format ? "FORMAT" : key) + ".", fields), key);
  }
  void library(const char* key, const char* folder, const std::function<void()>& fields) override {
    const Json name = {{"type", "string"},
                       {"description", std::string("A file of configs/") + folder + ", or a path to one."}};
    const auto file_fields = [&] {
      std::string reference;
      text("$schema", reference);
      fields();
    };
    add(key, {{"oneOf", Json::array({name, nested(folder + std::string(":"), file_fields)})}});
  }

 private:
  // `meaning`: the key's name in the list of meanings.
  Json& add(const std::string& meaning, Json json, const char* key = nullptr) {
    const KeyMeaning& row = meaning_of(prefix_ + meaning);
    json["description"] = row.meaning;
    if (*row.unit != 0) json["unit"] = row.unit;
    return properties_[key != nullptr ? key : meaning] = std::move(json);
  }
  Json nested(const std::string& prefix, const std::function<void()>& fields) {
    Json outer = std::exchange(properties_, Json::object());
    const std::string outer_prefix = std::exchange(prefix_, prefix);
    fields();
    Json made = take();
    properties_ = std::move(outer), prefix_ = outer_prefix;
    return made;
  }

  Json properties_ = Json::object();
  std::string prefix_;  // of the dotted keys in the list of meanings
};

}  // namespace

template <class Fields>
static std::string schema_of(const char* title, const char* prefix) {
  Schema schema(prefix);
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
  return schema_of<HardwareConfig>("Hardware config of vitality", "");
}
std::string energy_table_schema() {
  return schema_of<EnergyTable>("Energy table of vitality", "energy:");
}
std::string dram_device_schema() {
  return schema_of<DramDevice>("DRAM device of vitality", "memory:");
}

}  // namespace vitality
