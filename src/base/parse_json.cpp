// The parser: nlohmann's SAX reader twice over the text, first to measure, then to fill one block of that size.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/environment_error.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/output_file.h"

namespace vitality {
namespace {

// nlohmann's reader stores every bracket since the last scalar: a file of nothing but brackets would take more memory
// than json.h promises.
constexpr std::size_t kMaxBareContainers = 100000;
bool is_nearly_all_brackets(std::size_t containers, std::size_t bytes) {
  return containers > kMaxBareContainers && containers * 14 > bytes * 5;
}

constexpr std::size_t kMaxParsedBytes = 1U << 30;  // sizes in a document are 32-bit numbers

std::string printable(std::string text, std::size_t limit) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  if (text.size() > limit) text = text.substr(0, limit) + "...";
  return text;
}

// What both passes over the text share: the place in the text, and the interface that nlohmann's reader calls.
class Pass : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Pass(const std::string& file) : file_(file) {}
  bool number_unsigned(std::uint64_t value) override {
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return number_integer(static_cast<std::int64_t>(value));
    return number_float(static_cast<double>(value), "");
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    // nlohmann writes "[json.exception.parse_error.101] parse error at line 1, column 2: ..."; only the part behind the
    // bracket is for people.
    std::string text = error.what();
    const std::size_t bracket = text.find("] ");
    if (bracket != std::string::npos) text = text.substr(bracket + 2);
    throw InputError(file_, "", printable(text, 240));
  }

 protected:
  const std::string& file_;
};

// How many elements each container has, in the order in which they open. Nearly all are small: a byte each.
struct ContainerSizes {
  static constexpr std::uint32_t kLarge = 255;
  std::vector<std::uint8_t> small;
  std::unordered_map<std::size_t, std::uint32_t> large;  // where small says kLarge
  std::uint32_t operator[](std::size_t i) const { return small[i] < kLarge ? small[i] : large.at(i); }
};

// The first pass: measures the memory that the document will take.
class Measure : public Pass {
 public:
  using Pass::Pass;
  ContainerSizes sizes;
  std::size_t values_bytes = 0, text_bytes = 0;

  bool null() override { return put(); }
  bool boolean(bool) override { return put(); }
  bool number_integer(std::int64_t) override { return put(); }
  bool number_float(double, const std::string&) override { return put(); }
  bool string(std::string& value) override {
    text_bytes += value.size();
    return put();
  }
  bool key(std::string& name) override {
    text_bytes += name.size();
    return true;
  }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(JsonValue::Type::kObject); }
  bool end_array() override { return close(JsonValue::Type::kArray); }

 private:
  struct Frame {
    std::size_t container;
    std::uint32_t size;
  };
  bool put() {
    if (!stack_.empty()) ++stack_.back().size;
    return true;
  }
  bool open() {
    if (stack_.size() >= kMaxJsonDepth) {
      throw InputError(file_, "", "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    put();
    stack_.push_back({sizes.small.size(), 0});
    sizes.small.push_back(0);
    return true;
  }
  bool close(JsonValue::Type type) {
    const Frame frame = stack_.back();
    stack_.pop_back();
    values_bytes += JsonBlock::bytes_of(type, frame.size);
    sizes.small[frame.container] = static_cast<std::uint8_t>(std::min(frame.size, ContainerSizes::kLarge));
    if (frame.size >= ContainerSizes::kLarge) sizes.large[frame.container] = frame.size;
    return true;
  }

  std::vector<Frame> stack_;
};

// The second pass: fills the one block.
class Build : public Pass {
 public:
  Build(const std::string& file, const Measure& measured, JsonDocument& document)
      : Pass(file),
        sizes_(measured.sizes),
        root_(document),
        block_(document, measured.values_bytes, measured.text_bytes) {}

  bool null() override {
    next();
    return true;
  }
  bool boolean(bool value) override {
    block_.set_boolean(next(), value);
    return true;
  }
  bool number_integer(std::int64_t value) override {
    block_.set_integer(next(), value);
    return true;
  }
  bool number_float(double value, const std::string&) override {
    block_.set_number(next(), value);
    return true;
  }
  bool string(std::string& value) override {
    block_.set_text(next(), value);
    return true;
  }
  bool key(std::string& name) override {
    block_.set_key(*stack_.back().container, stack_.back().filled, name);
    return true;
  }
  bool start_object(std::size_t) override { return open(JsonValue::Type::kObject); }
  bool start_array(std::size_t) override { return open(JsonValue::Type::kArray); }
  bool end_object() override {
    JsonValue& object = *stack_.back().container;
    const std::uint32_t duplicate = block_.index_keys(object);
    if (duplicate < object.members().size()) {
      throw InputError(file_, pointer_of(pointer(), object.members()[duplicate].key),
                       "duplicate key, expected each key once");
    }
    stack_.pop_back();
    return true;
  }
  bool end_array() override {
    stack_.pop_back();
    return true;
  }

 private:
  struct Frame {
    JsonValue* container;
    std::uint32_t filled;
  };
  JsonValue& next() {
    return stack_.empty() ? root_ : block_.element(*stack_.back().container, stack_.back().filled++);
  }
  bool open(JsonValue::Type type) {
    JsonValue& at = next();
    block_.set_container(at, type, sizes_[opened_++]);
    stack_.push_back({&at, 0});
    return true;
  }
  // The pointer of the innermost container.
  std::string pointer() const {
    std::string out;
    for (std::size_t i = 0; i + 1 < stack_.size(); ++i) {
      const std::uint32_t at = stack_[i].filled - 1;
      const JsonValue& container = *stack_[i].container;
      out = container.type() == JsonValue::Type::kObject ? pointer_of(out, container.members()[at].key)
                                                         : pointer_of(out, std::size_t{at});
    }
    return out;
  }

  const ContainerSizes& sizes_;
  std::size_t opened_ = 0;
  JsonValue& root_;
  JsonBlock block_;
  std::vector<Frame> stack_;
};

}  // namespace

std::string quoted(const std::string& text) {
  return "\"" + printable(text, 60) + "\"";
}

std::string read_text_file(const std::string& path, std::size_t max_bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) throw_file_error(path, "cannot open", errno);
  note_input(file.get());
  std::string text;
  struct stat about {};
  // A string that grows step by step would hold the text up to three times.
  if (fstat(fileno(file.get()), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0)
    text.reserve(std::min(static_cast<std::size_t>(about.st_size), max_bytes) + 1);
  std::vector<char> buffer(64U << 10);
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), n);
    if (text.size() > max_bytes) {
      throw InputError(path, "", "larger than the limit of " + std::to_string(max_bytes) + " bytes");
    }
  }
  if (std::ferror(file.get())) throw_file_error(path, "cannot read", errno);
  return text;
}

JsonDocument parse_json(const std::string& text, const std::string& file) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) throw InputError(file, "", "empty, expected JSON");
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) {
    throw InputError(file, "", "starts with a byte order mark, expected UTF-8 without one");
  }
  if (text.size() > kMaxParsedBytes) {
    throw InputError(file, "", "larger than the limit of " + std::to_string(kMaxParsedBytes) + " bytes");
  }
  Measure measured(file);
  nlohmann::json::sax_parse(text, &measured);
  if (is_nearly_all_brackets(measured.sizes.small.size(), text.size())) {
    throw InputError(file, "",
                     std::to_string(measured.sizes.small.size()) + " arrays and objects in " +
                         std::to_string(text.size()) + " bytes, expected values in them");
  }
  measured.sizes.small.shrink_to_fit();
  JsonDocument document;
  Build build(file, measured, document);
  nlohmann::json::sax_parse(text, &build);
  return document;
}

JsonDocument read_json_file(const std::string& path) {
  return parse_json(read_text_file(path), path);
}

}  // namespace vitality
