// The parser: nlohmann's SAX reader filling JsonValue, with the limits of json.h.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/json.h"
#include "base/output_file.h"

namespace vitality {
namespace {

std::string printable(std::string text, std::size_t limit) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  if (text.size() > limit) text = text.substr(0, limit) + "...";
  return text;
}

// Builds the document on a stack of open containers; the parser itself does not recurse.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(std::string file) : file_(std::move(file)) {}
  JsonValue take() { return std::move(root_); }

  bool null() override { return put({}); }
  bool boolean(bool value) override {
    JsonValue v;
    v.type = JsonValue::Type::kBoolean;
    v.boolean = value;
    return put(std::move(v));
  }
  bool number_integer(std::int64_t value) override {
    JsonValue v;
    v.type = JsonValue::Type::kInteger;
    v.integer = value;
    v.number = static_cast<double>(value);
    return put(std::move(v));
  }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return number_integer(static_cast<std::int64_t>(value));
    return number_float(static_cast<double>(value), "");
  }
  bool number_float(double value, const std::string&) override {
    JsonValue v;
    v.type = JsonValue::Type::kNumber;
    v.number = value;
    return put(std::move(v));
  }
  bool string(std::string& value) override {
    JsonValue v;
    v.type = JsonValue::Type::kString;
    v.text = std::move(value);
    return put(std::move(v));
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue::Type::kObject); }
  bool start_array(std::size_t) override { return open(JsonValue::Type::kArray); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    Frame& frame = stack_.back();
    if (!frame.keys.insert(name).second) {
      throw InputError(file_, pointer_of(frame.pointer, name), "duplicate key, expected each key once");
    }
    frame.key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": what follows the bracket is for people.
    std::string text = error.what();
    const std::size_t bracket = text.find("] ");
    if (bracket != std::string::npos) text = text.substr(bracket + 2);
    throw InputError(file_, "", printable(text, 240));
  }

 private:
  struct Frame {
    JsonValue value;
    std::string pointer, key;
    std::unordered_set<std::string> keys;
  };
  std::string child_pointer() const {
    if (stack_.empty()) return "";
    const Frame& top = stack_.back();
    return top.value.type == JsonValue::Type::kObject ? pointer_of(top.pointer, top.key)
                                                      : pointer_of(top.pointer, top.value.items.size());
  }
  bool open(JsonValue::Type type) {
    if (stack_.size() >= kMaxJsonDepth) {
      throw InputError(file_, "", "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    Frame frame;
    frame.value.type = type;
    frame.pointer = child_pointer();
    stack_.push_back(std::move(frame));
    return true;
  }
  bool close() {
    JsonValue value = std::move(stack_.back().value);
    stack_.pop_back();
    return put(std::move(value));
  }
  bool put(JsonValue value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (Frame& top = stack_.back(); top.value.type == JsonValue::Type::kObject) {
      top.value.members.emplace_back(std::move(top.key), std::move(value));
    } else {
      top.value.items.push_back(std::move(value));
    }
    return true;
  }

  std::string file_;
  std::vector<Frame> stack_;
  JsonValue root_;
};

}  // namespace

std::string quoted(const std::string& text) {
  return "\"" + printable(text, 60) + "\"";
}

std::string read_text_file(const std::string& path, std::size_t max_bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) throw InputError(path, "", std::string("cannot open: ") + std::strerror(errno));
  note_input(file.get());
  std::string text;
  std::vector<char> buffer(64U << 10);
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), n);
    if (text.size() > max_bytes) {
      throw InputError(path, "", "larger than the limit of " + std::to_string(max_bytes) + " bytes");
    }
  }
  if (std::ferror(file.get())) throw InputError(path, "", std::string("cannot read: ") + std::strerror(errno));
  return text;
}

JsonValue parse_json(const std::string& text, const std::string& file) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) throw InputError(file, "", "empty, expected JSON");
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) {
    throw InputError(file, "", "starts with a byte order mark, expected UTF-8 without one");
  }
  Builder builder(file);
  nlohmann::json::sax_parse(text, &builder);
  return builder.take();
}

JsonValue read_json_file(const std::string& path) {
  return parse_json(read_text_file(path), path);
}

}  // namespace vitality
