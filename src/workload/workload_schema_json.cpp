// JSON Schema (draft 2020-12) of a workload, from the tables that its reader goes by.
#include <nlohmann/json.hpp>

#include "workload/layer_json.h"
#include "workload/workload_json.h"
#include "workload/workload_keys.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

// A layer has the keys of its kind.
Json layer_schema() {
  Json kinds = Json::array();
  for (const LayerKind& kind : layer_kinds()) {
    JsonKeys keys = workload_keys().layer;
    keys.insert(keys.end(), kind.keys.begin(), kind.keys.end());
    Json schema = {{"description", kind.meaning}};
    schema.update(Json::parse(object_schema(keys)));
    schema["properties"]["kind"] = {{"const", kind.name}};
    kinds.push_back(std::move(schema));
  }
  return {{"oneOf", std::move(kinds)}};
}

Json block_schema() {
  Json schema = {{"description", "A use of a block, or layers in place of one, which may be repeated."}};
  schema.update(Json::parse(object_schema(workload_keys().block)));
  schema["oneOf"] = Json::array({{{"required", {"block"}}}, {{"required", {"layers"}}}});
  return schema;
}

}  // namespace

std::string workload_schema() {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "Workload of vitality"},
               {"description", "A size is an integer, or an expression in the names of `dims` such as \"4*dim\"."}};
  json.update(Json::parse(object_schema(workload_keys().top)));
  const Json item = {{"if", {{"anyOf", Json::array({{{"required", {"block"}}}, {{"required", {"layers"}}}})}}},
                     {"then", {{"$ref", "#/$defs/block"}}},
                     {"else", {{"$ref", "#/$defs/layer"}}}};
  json["$defs"] = {{"name", {{"type", "string"}, {"minLength", 1}, {"maxLength", kMaxNameLength}}},
                   {"dims",
                    {{"type", "object"},
                     {"propertyNames", {{"pattern", "^[A-Za-z][A-Za-z0-9_]{0,39}$"}}},
                     {"additionalProperties", Json::parse(value_schema(size_key("", 0, kMaxDim)))}}},
                   {"items", {{"type", "array"}, {"minItems", 1}, {"items", item}}},
                   {"block", block_schema()},
                   {"layer", layer_schema()}};
  return json.dump(2) + "\n";
}

}  // namespace vitality
