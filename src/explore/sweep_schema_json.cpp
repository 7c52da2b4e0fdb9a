// JSON Schema (draft 2020-12) of a sweep spec, from the tables that its reader uses: the spec's own keys, and those of
// the config, which its axes, objectives and constraints name.
#include <nlohmann/json.hpp>

#include "config/hardware_config_json.h"
#include "explore/evaluate.h"
#include "explore/point_settings.h"
#include "explore/sweep_axes.h"
#include "explore/sweep_keys.h"
#include "explore/sweep_spec.h"
#include "workload/batch.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

const Json kWorkloadAxis = {{"pattern", "^workload\\."}};

// What the schema of the config says of a dotted key.
Json config_value(const Json& config, const std::string& dotted) {
  const Json* at = &config;
  for (std::size_t begin = 0; begin <= dotted.size();) {
    const std::size_t end = std::min(dotted.find('.', begin), dotted.size());
    if (at->contains("oneOf"))
      at = &at->at("oneOf").back();  // a library: the last choice is an object with the fields
                                     // of its file
    at = &at->at("properties").at(dotted.substr(begin, end - begin));
    begin = end + 1;
  }
  Json value = at->contains("oneOf") ? at->at("oneOf").front() : *at;
  value.erase("default");
  return value;
}

Json list_of(const Json& value) {
  return {{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", value}};
}

Json axis(const Json& value, bool is_number) {
  Json forms = Json::array({list_of(value)});
  if (is_number) forms.push_back({{"$ref", "#/$defs/range"}});
  forms.push_back({{"$ref", "#/$defs/tied"}});
  return {{"oneOf", std::move(forms)}};
}

Json axes() {
  const Json config = Json::parse(hardware_config_schema());
  Json properties = Json::object();
  for (const std::string& key : hardware_config_keys()) {
    const Json value = config_value(config, key);
    const Json type = value.value("type", Json());
    properties[key] = axis(value, type == "integer" || type == "number");
  }
  properties[kBatchAxis] =
      Json{{"oneOf", Json::array({list_of({{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxImages}}),
                                  {{"$ref", "#/$defs/range"}}})},
           {"description", "Images of a run."}};
  properties[kModeAxis] = list_of({{"enum", {"inference", "training"}}});
  const Json number = {{"type", "number"}};
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"patternProperties",
           {{kWorkloadAxis["pattern"].get<std::string>(), axis(number, true)},
            {"^/", axis({{"type", {"number", "string"}}}, true)}}},
          {"additionalProperties", {{"$ref", "#/$defs/choices"}}}};
}

Json choices() {
  const Json setting = {{"type", {"number", "string", "boolean"}}};
  const Json part = {{"type", "object"}, {"minProperties", 1}, {"additionalProperties", setting}};
  return {{"type", "object"},
          {"properties", {{kChoices, {{"type", "object"}, {"minProperties", 1}, {"additionalProperties", part}}}}},
          {"required", {kChoices}},
          {"additionalProperties", false},
          {"description", "Named parts of a machine: each name with the keys that it sets."}};
}

Json samplers() {
  Json kinds = Json::array();
  for (std::size_t kind = 0; kind < sampler_names().size(); ++kind) {
    JsonKeys keys = sampler_keys(static_cast<SamplerKind>(kind));
    keys.insert(keys.begin(), choice_key("kind", sampler_names()));
    Json schema = Json::parse(object_schema(keys));
    schema["properties"]["kind"] = {{"const", sampler_names()[kind]}};
    kinds.push_back(std::move(schema));
  }
  return {{"oneOf", std::move(kinds)}};
}

Json objectives() {
  std::vector<std::string> names = hardware_config_keys();
  for (const TotalInfo& info : total_infos()) names.emplace_back(info.name);
  for (const char* const name : {"workload", kBatchAxis, kModeAxis}) names.emplace_back(name);
  const Json expression = {{"pattern", "[^A-Za-z0-9_.]"}};
  return {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", {{"anyOf", Json::array({{{"enum", names}}, kWorkloadAxis, expression})}}},
          {"additionalProperties", {{"enum", {"min", "max"}}}}};
}

}  // namespace

std::string sweep_schema() {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "Sweep spec of vitality"},
               {"description",
                "An axis is a list of values of a config key, or of a size of the workload, or a range of numbers."}};
  json.update(Json::parse(object_schema(sweep_keys().top)));
  json["$defs"] = {
      {"axes", axes()},        {"tied", {{"type", "string"}, {"description", "An expression over other axes."}}},
      {"choices", choices()},  {"range", Json::parse(object_schema(sweep_keys().range))},
      {"sampler", samplers()}, {"objectives", objectives()}};
  return json.dump(2) + "\n";
}

}  // namespace vitality
