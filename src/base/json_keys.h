// The keys of a JSON object as a table that its reader and its JSON Schema (draft 2020-12) share, so that they cannot
// disagree: the type, range and choices of each value, and the value that counts when a key is left out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace vitality {

struct JsonKey {
  enum class Type {
    kText,
    kInteger,
    kSize,  // an integer or an expression, which is a string
    kNumber,
    kBoolean,
    kChoice,
    kOther  // `schema` says what; its reader is code
  };
  std::string name;
  Type type;
  double low = 0, high = 0;  // of kInteger, kSize and kNumber
  std::vector<std::string> choices = {};
  std::string schema = {};  // of kOther: a JSON Schema
  bool required = true;
  std::optional<double> fallback = {};  // the value that counts when the key is left out; of kBoolean 0 or 1
  std::string fallback_text = {};       // the same as text for people, where it is not a number
  std::string meaning = {}, unit = {};  // for people: what it does, and in what its number counts

  JsonKey optional() const;
  JsonKey otherwise(double value) const;
  JsonKey otherwise(const std::string& text) const;
  JsonKey means(const std::string& text, const std::string& in_unit = "") const;
};
using JsonKeys = std::vector<JsonKey>;

JsonKey text_key(const std::string& name);
JsonKey integer_key(const std::string& name, double low, double high);
JsonKey size_key(const std::string& name, double low, double high);
JsonKey number_key(const std::string& name, double low, double high);
JsonKey flag_key(const std::string& name);
JsonKey choice_key(const std::string& name, std::vector<std::string> choices);
JsonKey other_key(const std::string& name, const std::string& schema);
// `"$schema": "..."`, which editors read and the program does not.
JsonKey schema_reference();

const JsonKey& key_of(const JsonKeys& keys, const std::string& name);

// Reads the key with its type and range. `out` is unchanged when the key is absent (an error if it is required) or
// wrong (reported).
bool read_key(ObjectReader& object, const JsonKey& key, int& out);  // kInteger; kChoice: its index
bool read_key(ObjectReader& object, const JsonKey& key, double& out);
bool read_key(ObjectReader& object, const JsonKey& key, bool& out);
bool read_key(ObjectReader& object, const JsonKey& key, std::string& out);
const JsonValue* get_key(ObjectReader& object, const JsonKey& key);

// `out_channels kernel [stride=1 bias=true]`, for people.
std::string key_summary(const JsonKeys& keys);

// JSON texts of schemas.
std::string value_schema(const JsonKey& key);
std::string object_schema(const JsonKeys& keys);  // of an object with these keys and no others

}  // namespace vitality
