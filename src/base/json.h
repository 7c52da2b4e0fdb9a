// Strict reading of JSON input: a small document type, the parser's limits, and typed getters that say what was
// expected.
//
// Refused with an InputError: files that can't be read, are empty, larger than max_bytes, start with a byte order mark,
// are not UTF-8 or not JSON (with line and column); nesting deeper than kMaxJsonDepth; duplicate keys; anything after
// the document; more than 100,000 arrays and objects with fewer than 2.8 bytes each.
//
// Files are hostile, so a document is compact: 16 bytes per value, and 16 more for the name of a member, all in one
// block of exactly the size needed. Text and document together stay below ten times the size of the file, whatever it
// holds, and everything here takes time in proportion to the size of the file (looking a name up: to the logarithm of
// the object's size). RFC 8259 leaves duplicate keys and ranges of numbers to the reader: here a duplicate is an error,
// an integer too large for 64 bits becomes a floating-point number, and 64.0 is the integer 64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace vitality {

constexpr std::size_t kMaxJsonDepth = 64;
constexpr std::size_t kMaxJsonBytes = 4U << 20;
constexpr std::size_t kMaxMappingBytes = 64U << 20;  // of a mapping file: one of a batch names the layers of each image

// Contiguous elements that somebody else owns.
template <class T>
class Span {
 public:
  Span(const T* first, std::size_t size) : first_(first), size_(size) {}
  const T* begin() const { return first_; }
  const T* end() const { return first_ + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](std::size_t i) const { return first_[i]; }

 private:
  const T* first_;
  std::size_t size_;
};

struct JsonMember;

// A value inside a JsonDocument, which owns what it refers to.
class JsonValue {
 public:
  enum class Type : std::uint8_t { kNull, kBoolean, kInteger, kNumber, kString, kArray, kObject };
  Type type() const { return type_; }
  // If the value has another type, these return false, 0, "" or nothing.
  bool boolean() const { return type_ == Type::kBoolean && boolean_; }
  std::int64_t integer() const { return type_ == Type::kInteger ? integer_ : 0; }
  double number() const;  // of an integer too
  std::string text() const { return type_ == Type::kString ? std::string(text_, size_) : std::string(); }
  Span<JsonValue> items() const;     // of an array
  Span<JsonMember> members() const;  // of an object, in the file's order

  const JsonValue* find(std::string_view key) const;  // nullptr when absent or not an object
  JsonValue* find(std::string_view key) { return const_cast<JsonValue*>(std::as_const(*this).find(key)); }

 protected:
  JsonValue() : integer_(0) {}
  ~JsonValue() = default;
  JsonValue(const JsonValue&) = default;
  JsonValue& operator=(const JsonValue&) = default;

 private:
  friend struct JsonMember;
  friend class JsonBlock;
  friend class JsonDocument;
  union {
    bool boolean_;
    std::int64_t integer_;
    double number_;
    const char* text_;
    JsonValue* items_;
    JsonMember* members_;
  };
  std::uint32_t size_ = 0;  // of the text, the items or the members
  Type type_ = Type::kNull;
};

struct JsonMember {
  std::string_view key;
  JsonValue value;
};

// A value together with the memory of all that is in it. Copies are deep.
class JsonDocument : public JsonValue {
 public:
  JsonDocument() = default;  // null
  explicit JsonDocument(const JsonValue& value) { set(*this, value); }
  // The base begins empty: set() copies what `other` has, also what it points to.
  // NOLINTNEXTLINE(bugprone-copy-constructor-init)
  JsonDocument(const JsonDocument& other) : JsonValue() { set(*this, other); }
  JsonDocument(JsonDocument&& other) noexcept : JsonValue(other), blocks_(std::move(other.blocks_)) {
    other.type_ = Type::kNull;
  }
  JsonDocument& operator=(JsonDocument other) noexcept;
  ~JsonDocument() = default;
  static JsonDocument of_text(const std::string& text);

  // Puts a copy of `value` in the place of `at`, which is this document or a value in it.
  void set(JsonValue& at, const JsonValue& value);
  // A new member of an object in this document: an empty object, valid until the next one is added.
  JsonValue& add_object(JsonValue& object, std::string_view key);

 private:
  friend class JsonBlock;
  std::vector<std::unique_ptr<std::max_align_t[]>> blocks_;
};

std::string read_text_file(const std::string& path, std::size_t max_bytes = kMaxJsonBytes);
JsonDocument parse_json(const std::string& text, const std::string& file);
JsonDocument read_json_file(const std::string& path);

std::string pointer_of(const std::string& parent, std::string_view key);  // RFC 6901
std::string pointer_of(const std::string& parent, std::size_t index);

// Where a value lies in a document. Builds the text of the pointer only if there is an error to report. Keeps
// references to the strings it is given.
class JsonPointer {
 public:
  JsonPointer(const std::string& whole) : parent_(whole) {}
  JsonPointer(const std::string& parent, std::string_view key) : parent_(parent), key_(key), has_key_(true) {}
  std::string text() const { return has_key_ ? pointer_of(parent_, key_) : parent_; }

 private:
  const std::string& parent_;
  std::string_view key_;
  bool has_key_ = false;
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
  static constexpr std::size_t kMaxErrors = 100, kMaxAdded = 50000;  // different ones; the same ones again counted too
  enum class Mode { kThrowFirst, kCollect };
  explicit Diagnostics(std::string file, Mode mode = Mode::kThrowFirst) : file_(std::move(file)), mode_(mode) {}

  void add(const std::string& pointer, const std::string& message);
  // An error of another file, read on this one's behalf.
  void add(const InputError& error);
  // Says that the value at `pointer`, with everything below it, came from elsewhere: from another file (whose root it
  // was) or from the command line. Errors then name that place.
  void set_origin_file(const std::string& pointer, const std::string& file);
  void set_origin_option(const std::string& pointer, const std::string& option);

  const std::string& file() const { return file_; }
  const std::vector<InputError>& errors() const { return errors_; }
  bool ok() const { return errors_.empty(); }
  // True when no further error will be kept: a loop over a file's contents that only looks for more errors may stop.
  bool full() const { return errors_.size() >= kMaxErrors || added_ >= kMaxAdded; }

 private:
  struct Origin {
    std::string file;
    bool is_root;  // pointers below count from there
  };
  std::string file_;
  Mode mode_;
  std::map<std::string, Origin> origins_;
  std::vector<InputError> errors_;
  std::size_t added_ = 0;
};

// Checks of one value. Each reports to the diagnostics and returns false when the value is not what is expected.
bool read_integer(const JsonValue& value, const JsonPointer& pointer, std::int64_t low, std::int64_t high,
                  Diagnostics& diagnostics, std::int64_t& out);
bool read_number(const JsonValue& value, const JsonPointer& pointer, double low, double high, Diagnostics& diagnostics,
                 double& out);
bool read_boolean(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, bool& out);
bool read_text(const JsonValue& value, const JsonPointer& pointer, Diagnostics& diagnostics, std::string& out);
// The value must be one of `names`; `out` is its index.
bool read_choice(const JsonValue& value, const JsonPointer& pointer, const std::vector<std::string>& names,
                 Diagnostics& diagnostics, int& out);

// Reads one object: ask for every key that the schema has, then call finish(), which reports the keys that were not
// asked for. Getters leave `out` unchanged and return false when the key is absent (an error only if required) or wrong
// (reported).
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
  bool is_object() const { return value_.type() == JsonValue::Type::kObject; }
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
