#include "base/json_keys.h"

#include <algorithm>
#include <stdexcept>

namespace vitality {
namespace {

ObjectReader::Presence presence(const JsonKey& key) {
  return key.required ? ObjectReader::Presence::kRequired : ObjectReader::Presence::kOptional;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + json_string(text);
  return "[" + list + "]";
}

std::string fallback_of(const JsonKey& key) {
  if (key.type == JsonKey::Type::kBoolean) return *key.fallback != 0 ? "true" : "false";
  return json_number(*key.fallback);
}

}  // namespace

JsonKey JsonKey::optional() const {
  JsonKey key = *this;
  key.required = false;
  return key;
}
JsonKey JsonKey::otherwise(double value) const {
  JsonKey key = optional();
  key.fallback = value;
  return key;
}
JsonKey JsonKey::otherwise(const std::string& text) const {
  JsonKey key = optional();
  key.fallback_text = text;
  return key;
}
JsonKey JsonKey::means(const std::string& text, const std::string& in_unit) const {
  JsonKey key = *this;
  key.meaning = text;
  key.unit = in_unit;
  return key;
}

JsonKey text_key(const std::string& name) {
  return {name, JsonKey::Type::kText};
}
JsonKey integer_key(const std::string& name, double low, double high) {
  return {name, JsonKey::Type::kInteger, low, high};
}
JsonKey size_key(const std::string& name, double low, double high) {
  return {name, JsonKey::Type::kSize, low, high};
}
JsonKey number_key(const std::string& name, double low, double high) {
  return {name, JsonKey::Type::kNumber, low, high};
}
JsonKey flag_key(const std::string& name) {
  return {name, JsonKey::Type::kBoolean};
}
JsonKey choice_key(const std::string& name, std::vector<std::string> choices) {
  return {name, JsonKey::Type::kChoice, 0, 0, std::move(choices)};
}
JsonKey other_key(const std::string& name, const std::string& schema) {
  return {name, JsonKey::Type::kOther, 0, 0, {}, schema};
}
JsonKey schema_reference() {
  return text_key("$schema").optional().means("Where an editor finds the schema; not read.");
}

const JsonKey& key_of(const JsonKeys& keys, const std::string& name) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const JsonKey& key) { return key.name == name; });
  if (found == keys.end()) throw std::logic_error("no key " + name);
  return *found;
}

bool read_key(ObjectReader& object, const JsonKey& key, int& out) {
  if (key.type == JsonKey::Type::kChoice) return object.choice(key.name, out, key.choices, presence(key));
  return object.integer(key.name, out, static_cast<int>(key.low), static_cast<int>(key.high), presence(key));
}
bool read_key(ObjectReader& object, const JsonKey& key, double& out) {
  return object.number(key.name, out, key.low, key.high, presence(key));
}
bool read_key(ObjectReader& object, const JsonKey& key, bool& out) {
  return object.boolean(key.name, out, presence(key));
}
bool read_key(ObjectReader& object, const JsonKey& key, std::string& out) {
  return object.text(key.name, out, presence(key));
}
const JsonValue* get_key(ObjectReader& object, const JsonKey& key) {
  return object.get(key.name, presence(key));
}

std::string key_summary(const JsonKeys& keys) {
  std::string needed, optional;
  for (const JsonKey& key : keys) {
    std::string& list = key.required ? needed : optional;
    if (!list.empty()) list += ' ';
    list += key.name;
    if (key.fallback || !key.fallback_text.empty())
      list += "=" + (key.fallback_text.empty() ? fallback_of(key) : key.fallback_text);
  }
  if (optional.empty()) return needed;
  return needed + (needed.empty() ? "[" : " [") + optional + "]";
}

namespace {

std::string type_schema(const JsonKey& key) {
  const std::string range = ",\"minimum\":" + json_number(key.low) + ",\"maximum\":" + json_number(key.high),
                    fallback = key.fallback ? ",\"default\":" + fallback_of(key) : "";
  switch (key.type) {
    case JsonKey::Type::kText:
      return "{\"type\":\"string\"}";
    case JsonKey::Type::kInteger:
      return "{\"type\":\"integer\"" + range + fallback + "}";
    case JsonKey::Type::kSize:  // a range holds for numbers alone
      return "{\"type\":[\"integer\",\"string\"]" + range + fallback + "}";
    case JsonKey::Type::kNumber:
      return "{\"type\":\"number\"" + range + fallback + "}";
    case JsonKey::Type::kBoolean:
      return "{\"type\":\"boolean\"" + fallback + "}";
    case JsonKey::Type::kChoice:
      return "{\"enum\":" + joined(key.choices) + "}";
    case JsonKey::Type::kOther:
      return key.schema;
  }
  return "";
}

}  // namespace

// `unit` is our own annotation, which validators ignore.
std::string value_schema(const JsonKey& key) {
  std::string schema = type_schema(key);
  schema.pop_back();
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) schema += (schema.back() == '{' ? "\"" : ",\"") + std::string(name) + "\":" + json_string(text);
  };
  add("description", key.meaning);
  add("unit", key.unit);
  return schema + "}";
}

std::string object_schema(const JsonKeys& keys) {
  std::string properties;
  std::vector<std::string> required;
  for (const JsonKey& key : keys) {
    properties += (properties.empty() ? "" : ",") + json_string(key.name) + ":" + value_schema(key);
    if (key.required) required.push_back(key.name);
  }
  return "{\"type\":\"object\",\"properties\":{" + properties + "},\"required\":" + joined(required) +
         ",\"additionalProperties\":false}";
}

}  // namespace vitality
