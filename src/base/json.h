// Strict reading of JSON input: a small document type, the parser's limits, and typed getters that say what was
// expected.
//
// Refused with an InputError: files that can't be read, are empty, larger than max_bytes, start with a byte order mark,
// are not UTF-8 or not JSON (with line and column); nesting deeper than kMaxJsonDepth; duplicate keys; anything after
// the document. RFC 8259 leaves duplicate keys and number ranges to the reader: here a duplicate is an error, an
// integer too large for 64 bits becomes a number, and 64.0 is the integer 64.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace vitality {

constexpr std::size_t kMaxJsonDepth = 64;
constexpr std::size_t kMaxJsonBytes = 4U << 20;

struct JsonValue {
  enum class Type { kNull, kBoolean, kInteger, kNumber, kString, kArray, kObject };
  Type type = Type::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  double number = 0;                                       // also set for integers
  std::string text;                                        // of a string
  std::vector<JsonValue> items;                            // of an array
  std::vector<std::pair<std::string, JsonValue>> members;  // of an object, in the file's order

  const JsonValue* find(const std::string& key) const;  // nullptr when absent or not an object
  JsonValue* find(const std::string& key);
};

std::string read_text_file(const std::string& path, std::size_t max_bytes = kMaxJsonBytes);
JsonValue parse_json(const std::string& text, const std::string& file);
JsonValue read_json_file(const std::string& path);

std::string pointer_of(const std::string& parent, const std::string& key);  // RFC 6901
std::string pointer_of(const std::string& parent, std::size_t index);

// Where a value lies, as text only for whoever has an error to report. Refers to its strings.
class JsonPointer {
 public:
  JsonPointer(const std::string& whole) : parent_(whole) {}
  JsonPointer(const std::string& parent, const std::string& key) : parent_(parent), key_(&key) {}
  std::string text() const { return key_ == nullptr ? parent_ : pointer_of(parent_, *key_); }

 private:
  const std::string& parent_;
  const std::string* key_ = nullptr;
};

// `null`, `"x"`, `1e+300`, `an object`, ...: a value in an error message, short and printable.
std::string describe(const JsonValue& value);
std::string quoted(const std::string& text);  // "text", shortened, unprintable bytes as ?
// Text as a JSON string; a number in the fewest digits that read back as the same number.
std::string json_string(const std::string& text);
std::string json_number(double value);

// Where errors go: thrown at once, or collected (validate). At most kMaxErrors are kept.
class Diagnostics {
 public:
  static constexpr std::size_t kMaxErrors = 100;
  enum class Mode { kThrowFirst, kCollect };
  explicit Diagnostics(std::string file, Mode mode = Mode::kThrowFirst) : file_(std::move(file)), mode_(mode) {}

  void add(const std::string& pointer, const std::string& message);
  // An error of another file, read on this one's behalf.
  void add(const InputError& error);
  // What lies at or below `pointer` came from elsewhere: from another file (whose root it was) or from the command
  // line.
  void set_origin_file(const std::string& pointer, const std::string& file);
  void set_origin_option(const std::string& pointer, const std::string& option);

  const std::string& file() const { return file_; }
  const std::vector<InputError>& errors() const { return errors_; }
  bool ok() const { return errors_.empty(); }

 private:
  struct Origin {
    std::string file;
    bool is_root;  // pointers below count from there
  };
  std::string file_;
  Mode mode_;
  std::map<std::string, Origin> origins_;
  std::vector<InputError> errors_;
};

// Checks of one value. Each reports to the diagnostics and returns false when the value is not what is expected.
bool read_integer(const JsonValue& value, const JsonPointer& pointer, std::int64_t low, std::int64_t high,
                  Diagnostics& diagnostics, std::int64_t& out);
bool read_number(const JsonValue& value, const JsonPointer& pointer, double low, double high, Diagnostics& diagnostics,
                 double& out);
bool read_boolean(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, bool& out);
bool read_text(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, std::string& out);
// One of `names`: its index.
bool read_choice(const JsonValue& value, const JsonPointer& pointer, const std::vector<std::string>& names,
                 Diagnostics& diagnostics, int& out);

// One object: ask for every key that the schema has, then call finish(), which reports the keys nobody asked for.
// Getters leave `out` alone and return false when the key is absent (an error only if required) or wrong (reported).
class ObjectReader {
 public:
  enum class Presence { kOptional, kRequired };
  ObjectReader(const JsonValue& value, std::string pointer, Diagnostics& diagnostics);

  const JsonValue* get(const std::string& key, Presence presence = Presence::kOptional);
  bool integer(const std::string& key, int& out, int low, int high, Presence presence = Presence::kOptional);
  bool number(const std::string& key, double& out, double low, double high, Presence presence = Presence::kOptional);
  bool boolean(const std::string& key, bool& out, Presence presence = Presence::kOptional);
  bool text(const std::string& key, std::string& out, Presence presence = Presence::kOptional);
  bool choice(const std::string& key, int& out, const std::vector<std::string>& names,
              Presence presence = Presence::kOptional);
  void finish();

  bool present(const std::string& key) const { return value_.find(key) != nullptr; }
  bool is_object() const { return value_.type == JsonValue::Type::kObject; }
  const std::string& pointer() const { return pointer_; }
  std::string pointer_to(const std::string& key) const { return pointer_of(pointer_, key); }
  Diagnostics& diagnostics() { return diagnostics_; }

 private:
  const JsonValue& value_;
  std::string pointer_;
  Diagnostics& diagnostics_;
  std::vector<std::string> known_;
};

}  // namespace vitality
