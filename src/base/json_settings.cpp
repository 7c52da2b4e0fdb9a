#include "base/json_settings.h"

#include <algorithm>
#include <string_view>

namespace vitality {
namespace {

// A part of a pointer without its escapes.
std::string unescaped(const std::string& part) {
  std::string name;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1');
    name += !escape ? part[i] : part[++i] == '0' ? '~' : '/';
  }
  return name;
}

// fnmatch() takes exponential time for a hostile pattern; this takes the product of both lengths: a * that matched too
// little takes one more.
bool matches(const std::string& pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string::npos) {
      p = star + 1, n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

class Setter {
 public:
  Setter(JsonDocument& document, const JsonDocument& value, std::string origin, Diagnostics& diagnostics)
      : document_(document), value_(value), origin_(std::move(origin)), diagnostics_(diagnostics) {}

  // The values that the rest of the pointer names, from its character `at` on. The number of values that were set.
  int set(JsonValue& in, const std::string& pointer, std::size_t at, const std::string& path) {
    if (at >= pointer.size()) {
      if (in.type() == JsonValue::Type::kObject) return 0;
      document_.set(in, value_);
      diagnostics_.set_origin_option(path, origin_);
      return 1;
    }
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    const std::string part = unescaped(pointer.substr(at + 1, end - at - 1));
    int count = 0;
    for (const JsonMember& member : in.members())
      if (matches(part, member.key)) count += set(*in.find(member.key), pointer, end, pointer_of(path, member.key));
    return count;
  }

 private:
  JsonDocument& document_;
  const JsonDocument& value_;
  std::string origin_;
  Diagnostics& diagnostics_;
};

void set_value(JsonDocument& document, const std::string& setting, const std::string& option,
               Diagnostics& diagnostics) {
  const std::size_t equals = setting.find('=');
  const std::string origin = option + " " + setting;
  if (equals == std::string::npos || !is_pointer_setting(setting))
    return diagnostics.add(InputError(origin, "", "expected /pointer/to/a/value=VALUE"));
  const JsonDocument value = value_of_text(setting.substr(equals + 1));
  Setter setter(document, value, origin, diagnostics);
  if (setter.set(document, setting.substr(0, equals), 0, "") == 0)
    diagnostics.add(
        InputError(origin, "", "no value of " + diagnostics.file() + " lies at " + quoted(setting.substr(0, equals))));
}

}  // namespace

JsonDocument value_of_text(const std::string& text) {
  try {
    return parse_json(text, "");
  } catch (const InputError&) {  // not JSON: a word
    return JsonDocument::of_text(text);
  }
}

bool is_pointer_setting(const std::string& key) {
  return !key.empty() && key.front() == '/';
}

void set_values(JsonDocument& document, const std::vector<std::string>& settings, const std::string& option,
                Diagnostics& diagnostics) {
  for (const std::string& setting : settings) set_value(document, setting, option, diagnostics);
}

}  // namespace vitality
