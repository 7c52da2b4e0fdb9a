#include "workload/expression.h"

#include <cctype>
#include <stdexcept>
#include <vector>

#include "base/error.h"

namespace vitality {
namespace {

constexpr std::size_t kMaxLength = 200;  // also bounds the recursion
constexpr std::int64_t kMaxValue = std::int64_t{1} << 53;

class Parser {
 public:
  Parser(const std::string& text, const Dimensions& dimensions) : text_(text), dimensions_(dimensions) {}

  std::int64_t parse() {
    const std::int64_t value = sum();
    if (position_ != text_.size()) fail("unexpected '" + std::string(1, text_[position_]) + "'");
    return value;
  }

 private:
  [[noreturn]] static void fail(const std::string& what) { throw std::invalid_argument(what); }

  char peek() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  static std::int64_t bounded(__int128 value) {
    if (value > kMaxValue || value < -kMaxValue) fail("value out of range");
    return static_cast<std::int64_t>(value);
  }

  std::int64_t sum() {
    std::int64_t value = product();
    for (char c = peek(); c == '+' || c == '-'; c = peek()) {
      ++position_;
      const std::int64_t right = product();
      value = bounded(c == '+' ? static_cast<__int128>(value) + right : static_cast<__int128>(value) - right);
    }
    return value;
  }
  std::int64_t product() {
    std::int64_t value = factor();
    for (char c = peek(); c == '*' || c == '/'; c = peek()) {
      ++position_;
      const std::int64_t right = factor();
      if (c == '*') {
        value = bounded(static_cast<__int128>(value) * right);
      } else if (right == 0 || value % right != 0) {
        fail(std::to_string(value) + " / " + std::to_string(right) + " is not a whole number");
      } else {
        value /= right;
      }
    }
    return value;
  }
  std::int64_t factor() {
    const char c = peek();
    if (c == '(') {
      ++position_;
      const std::int64_t value = sum();
      if (peek() != ')') fail("expected ')'");
      ++position_;
      return value;
    }
    if (c >= '0' && c <= '9') return number();
    if (std::isalpha(static_cast<unsigned char>(c))) return name();
    fail(c == '\0' ? "ends too early" : "unexpected character");
  }
  std::int64_t number() {
    std::int64_t value = 0;
    while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') {
      value = bounded(static_cast<__int128>(value) * 10 + (text_[position_++] - '0'));
    }
    return value;
  }
  std::int64_t name() {
    const std::size_t begin = position_;
    while (position_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[position_])) || text_[position_] == '_')) {
      ++position_;
    }
    const std::string word = text_.substr(begin, position_ - begin);
    const auto found = dimensions_.values.find(word);
    if (found == dimensions_.values.end()) {
      std::vector<std::string> names;
      for (const auto& entry : dimensions_.values) names.push_back(entry.first);
      fail("unknown dimension \"" + word + "\"" + suggestion(word, names));
    }
    return found->second;
  }

  const std::string& text_;
  const Dimensions& dimensions_;
  std::size_t position_ = 0;
};

}  // namespace

std::int64_t evaluate(const std::string& expression, const Dimensions& dimensions) {
  if (expression.size() > kMaxLength) throw std::invalid_argument("longer than 200 characters");
  return Parser(expression, dimensions).parse();
}

bool is_dimension_name(const std::string& name) {
  if (name.empty() || name.size() > 40 || !std::isalpha(static_cast<unsigned char>(name[0]))) return false;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

}  // namespace vitality
