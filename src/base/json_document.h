// How a JsonDocument lies in memory; only for json_document.cpp and parse_json.cpp.
#pragma once

#include <string_view>

#include "base/json.h"

namespace vitality {

// One allocation for values whose number and length of text are known beforehand: values grow from its front, text from
// its back. Larger objects also carry the indices of their members sorted by key, for find() and to detect duplicates.
class JsonBlock {
 public:
  // Bytes that a container of `size` elements takes by itself, without what is inside its elements.
  static std::size_t bytes_of(JsonValue::Type type, std::size_t size);

  JsonBlock(JsonDocument& document, std::size_t values_bytes, std::size_t text_bytes);

  void set_boolean(JsonValue& at, bool value) { at.type_ = JsonValue::Type::kBoolean, at.boolean_ = value; }
  void set_integer(JsonValue& at, std::int64_t value) { at.type_ = JsonValue::Type::kInteger, at.integer_ = value; }
  void set_number(JsonValue& at, double value) { at.type_ = JsonValue::Type::kNumber, at.number_ = value; }
  void set_text(JsonValue& at, std::string_view text);
  // Makes room for the container's elements, all null.
  void set_container(JsonValue& at, JsonValue::Type type, std::uint32_t size);
  JsonValue& element(JsonValue& container, std::uint32_t i);
  void set_key(JsonValue& object, std::uint32_t i, std::string_view key);
  // To be called when all keys of an object are there. Returns the index of the first member whose key an earlier
  // member has, or the object's size when there is none.
  std::uint32_t index_keys(JsonValue& object);
  // A copy of `from` with all that is in it.
  void copy(const JsonValue& from, JsonValue& at);
  // Bytes of values and bytes of text that copy() will take.
  static void measure(const JsonValue& value, std::size_t& values_bytes, std::size_t& text_bytes);

 private:
  std::string_view keep(std::string_view text);
  char *values_, *text_;
};

}  // namespace vitality
