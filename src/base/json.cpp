#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace vitality {

std::string pointer_of(const std::string& parent, std::string_view key) {
  std::string out = parent + "/";
  for (const char c : key.substr(0, 200)) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c < 0x20 || c > 0x7e ? '?' : c;  // char may be signed: bytes above 0x7f are out either way
    }
  }
  return out;
}

std::string pointer_of(const std::string& parent, std::size_t index) {
  return parent + "/" + std::to_string(index);
}

std::string json_number(double value) {
  char buffer[64];
  const bool plain = value == 0 || (std::abs(value) >= 1e-5 && std::abs(value) < 1e15);
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  return std::string(buffer, result.ptr);
}

std::string json_string(const std::string& text) {
  static const char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

std::string describe(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return "null";
    case JsonValue::Type::kBoolean:
      return value.boolean() ? "true" : "false";
    case JsonValue::Type::kInteger:
      return std::to_string(value.integer());
    case JsonValue::Type::kNumber:
      return json_number(value.number());
    case JsonValue::Type::kString:
      return quoted(value.text());
    case JsonValue::Type::kArray:
      return "an array";
    case JsonValue::Type::kObject:
      return "an object";
  }
  return "";
}

void Diagnostics::add(const std::string& pointer, const std::string& message) {
  if (full()) return;  // enough: a file with 200,000 mistakes costs no more than one with 100
  // The origin whose pointer is the longest prefix of this one.
  std::string file = file_, where = pointer;
  for (std::size_t end = pointer.size();; end = pointer.rfind('/', end - 1)) {
    if (const auto found = origins_.find(pointer.substr(0, end)); found != origins_.end()) {
      file = found->second.file;
      if (found->second.is_root) where = pointer.substr(end);
      break;
    }
    if (end == 0 || pointer.rfind('/', end - 1) == std::string::npos) break;
  }
  add(InputError(file, where, message));
}

void Diagnostics::add(const InputError& error) {
  if (mode_ == Mode::kThrowFirst) throw error;
  if (full()) return;
  ++added_;
  // The layers of a repeated block come from the same place in the file: one report is enough.
  for (const InputError& known : errors_) {
    if (std::string(known.what()) == error.what()) return;
  }
  errors_.push_back(error);
}

void Diagnostics::set_origin_file(const std::string& pointer, const std::string& file) {
  origins_[pointer] = {file, true};
}

void Diagnostics::set_origin_option(const std::string& pointer, const std::string& option) {
  origins_[pointer] = {option, false};
}

bool read_integer(const JsonValue& value, const JsonPointer& pointer, std::int64_t low, std::int64_t high,
                  Diagnostics& diagnostics, std::int64_t& out) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: above it a double no longer names one integer
  std::int64_t integer = value.integer();
  bool good = value.type() == JsonValue::Type::kInteger;
  if (value.type() == JsonValue::Type::kNumber && std::abs(value.number()) <= kExact &&
      std::trunc(value.number()) == value.number()) {
    good = true;
    integer = static_cast<std::int64_t>(value.number());
  }
  if (!good || integer < low || integer > high) {
    diagnostics.add(pointer.text(), "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) +
                                        ", found " + describe(value));
    return false;
  }
  out = integer;
  return true;
}

bool read_number(const JsonValue& value, const JsonPointer& pointer, double low, double high, Diagnostics& diagnostics,
                 double& out) {
  const bool number = value.type() == JsonValue::Type::kInteger || value.type() == JsonValue::Type::kNumber;
  if (!number || !(value.number() >= low && value.number() <= high)) {
    diagnostics.add(pointer.text(), "expected a number from " + json_number(low) + " to " + json_number(high) +
                                        ", found " + describe(value));
    return false;
  }
  out = value.number() == 0 ? 0 : value.number();  // no negative zero
  return true;
}

bool read_boolean(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, bool& out) {
  if (value.type() != JsonValue::Type::kBoolean) {
    diagnostics.add(pointer.text(), "expected true or false, found " + describe(value));
    return false;
  }
  out = value.boolean();
  return true;
}

bool read_text(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, std::string& out) {
  if (value.type() != JsonValue::Type::kString) {
    diagnostics.add(pointer.text(), "expected a string, found " + describe(value));
    return false;
  }
  out = value.text();
  return true;
}

bool read_choice(const JsonValue& value, const JsonPointer& pointer, const std::vector<std::string>& names,
                 Diagnostics& diagnostics, int& out) {
  if (value.type() == JsonValue::Type::kString) {
    const auto found = std::find(names.begin(), names.end(), value.text());
    if (found != names.end()) {
      out = static_cast<int>(found - names.begin());
      return true;
    }
  }
  std::string expected;
  for (const std::string& name : names) expected += (expected.empty() ? "" : ", ") + name;
  diagnostics.add(pointer.text(),
                  "expected one of " + expected + "; found " + describe(value) +
                      (value.type() == JsonValue::Type::kString ? suggestion(value.text(), names) : ""));
  return false;
}

ObjectReader::ObjectReader(const JsonValue& value, std::string pointer, Diagnostics& diagnostics)
    : value_(value), pointer_(std::move(pointer)), diagnostics_(diagnostics) {
  if (!is_object()) diagnostics_.add(pointer_, "expected an object, found " + describe(value));
}

const JsonValue* ObjectReader::get(const std::string& key, Presence presence) {
  known_.push_back(key);
  const JsonValue* value = value_.find(key);
  if (!value && presence == Presence::kRequired && is_object()) {
    diagnostics_.add(pointer_, "missing key \"" + key + "\"");
  }
  return value;
}

bool ObjectReader::integer(const std::string& key, int& out, int low, int high, Presence presence) {
  std::int64_t wide = 0;
  const JsonValue* value = get(key, presence);
  if (!value || !read_integer(*value, {pointer_, key}, low, high, diagnostics_, wide)) return false;
  out = static_cast<int>(wide);
  return true;
}

bool ObjectReader::number(const std::string& key, double& out, double low, double high, Presence presence) {
  const JsonValue* value = get(key, presence);
  return value && read_number(*value, {pointer_, key}, low, high, diagnostics_, out);
}

bool ObjectReader::boolean(const std::string& key, bool& out, Presence presence) {
  const JsonValue* value = get(key, presence);
  return value && read_boolean(*value, {pointer_, key}, diagnostics_, out);
}

bool ObjectReader::text(const std::string& key, std::string& out, Presence presence) {
  const JsonValue* value = get(key, presence);
  return value && read_text(*value, {pointer_, key}, diagnostics_, out);
}

bool ObjectReader::choice(const std::string& key, int& out, const std::vector<std::string>& names, Presence presence) {
  const JsonValue* value = get(key, presence);
  return value && read_choice(*value, {pointer_, key}, names, diagnostics_, out);
}

void ObjectReader::finish() {
  for (const JsonMember& member : value_.members()) {
    if (diagnostics_.full()) return;
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    const std::string key(member.key);
    diagnostics_.add(pointer_to(key), "unknown key" + suggestion(key, known_));
  }
}

}  // namespace vitality
