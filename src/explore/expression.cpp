#include "explore/expression.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/json.h"

namespace vitality {
namespace {

constexpr int kMaxDepth = 100;           // of nested brackets, "not" and "-" before an operand: limits the recursion of
                                         // the parser
constexpr int kMaxTreeDepth = 500;       // of the tree: limits the recursion of evaluate; a chain a + b + c + ... also
                                         // makes a deep tree
constexpr std::size_t kMaxText = 10000;  // bytes

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool is_name_part(char c) {
  return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '.';
}

}  // namespace

class Expression::Parser {
 public:
  explicit Parser(const std::string& text) { result_.text_ = text; }

  Expression run() {
    if (text().size() > kMaxText) fail("longer than " + std::to_string(kMaxText) + " bytes,");
    result_.root_ = parse_or();
    skip_spaces();
    if (at_ != text().size()) fail("expected an operator");
    return std::move(result_);
  }

 private:
  const std::string& text() const { return result_.text_; }

  [[noreturn]] void fail(const std::string& message) const {
    throw InputError("", "",
                     "expression " + quoted(text()) + ": " + message + " at character " + std::to_string(at_ + 1));
  }
  void skip_spaces() {
    while (at_ < text().size() && std::isspace(static_cast<unsigned char>(text()[at_]))) ++at_;
  }
  bool accept(const char* symbol) {
    skip_spaces();
    const std::string wanted = symbol;
    if (text().compare(at_, wanted.size(), wanted) != 0) return false;
    // A word must end here, so that "order" is not read as "or" and "der".
    const std::size_t end = at_ + wanted.size();
    if (is_name_start(wanted[0]) && end < text().size() && is_name_part(text()[end])) return false;
    at_ = end;
    return true;
  }
  int add(Op op, int left = -1, int right = -1) {
    Node node;
    node.op = op;
    node.left = left;
    node.right = right;
    for (const int operand : {left, right})
      if (operand >= 0) node.depth = std::max(node.depth, result_.nodes_[static_cast<std::size_t>(operand)].depth + 1);
    if (node.depth > kMaxTreeDepth) fail("more than " + std::to_string(kMaxTreeDepth) + " operators in a row");
    result_.nodes_.push_back(node);
    return static_cast<int>(result_.nodes_.size()) - 1;
  }

  int parse_or() {
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    int left = parse_and();
    while (accept("or")) {
      const int right = parse_and();
      left = add(Op::kOr, left, right);
    }
    --depth_;
    return left;
  }
  int parse_and() {
    int left = parse_not();
    while (accept("and")) {
      const int right = parse_not();
      left = add(Op::kAnd, left, right);
    }
    return left;
  }
  int parse_not() {
    if (!accept("not")) return parse_comparison();
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    const int operand = parse_not();
    --depth_;
    return add(Op::kNot, operand);
  }
  bool accept_comparison(Op& op) {
    static const std::pair<const char*, Op> kOperators[] = {{"<=", Op::kLessEqual}, {">=", Op::kGreaterEqual},
                                                            {"==", Op::kEqual},     {"!=", Op::kNotEqual},
                                                            {"<", Op::kLess},       {">", Op::kGreater}};
    for (const auto& [symbol, found] : kOperators)
      if (accept(symbol)) {
        op = found;
        return true;
      }
    if (accept("=")) fail("write == to compare,");
    return false;
  }
  int parse_comparison() {
    const int left = parse_sum();
    Op op;
    if (!accept_comparison(op)) return left;
    const int right = parse_sum();
    Op chained;
    if (accept_comparison(chained)) fail("comparisons do not chain: write \"a <= b and b <= c\";");
    return add(op, left, right);
  }
  int parse_sum() {
    int left = parse_product();
    for (;;) {
      const bool plus = accept("+");
      if (!plus && !accept("-")) return left;
      const int right = parse_product();
      left = add(plus ? Op::kAdd : Op::kSubtract, left, right);
    }
  }
  int parse_product() {
    int left = parse_unary();
    for (;;) {
      const bool times = accept("*");
      if (!times && !accept("/")) return left;
      const int right = parse_unary();
      left = add(times ? Op::kMultiply : Op::kDivide, left, right);
    }
  }
  int parse_unary() {
    if (accept("-")) {
      if (++depth_ > kMaxDepth) fail("nested too deeply");
      const int operand = parse_unary();
      --depth_;
      return add(Op::kNegate, operand);
    }
    if (accept("(")) {
      const int inner = parse_or();
      if (!accept(")")) fail("expected )");
      return inner;
    }
    skip_spaces();
    if (at_ == text().size()) fail("expected a number or a name, found the end,");
    const char c = text()[at_];
    if (c == '"' || c == '\'') return parse_string(c);
    if (is_name_start(c)) return parse_name();
    return parse_number();
  }
  int parse_string(char quote) {
    const std::size_t end = text().find(quote, at_ + 1);
    if (end == std::string::npos) fail("a string without its end");
    const int node = add(Op::kString);
    result_.nodes_[node].text = text().substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return node;
  }
  int parse_name() {
    const std::size_t begin = at_;
    while (at_ < text().size() && is_name_part(text()[at_])) ++at_;
    const std::string name = text().substr(begin, at_ - begin);
    if (name == "and" || name == "or" || name == "not") fail("expected a number or a name before \"" + name + "\"");
    if (name == "true" || name == "false") {
      const int node = add(Op::kNumber);
      result_.nodes_[node].number = name == "true";
      return node;
    }
    const int node = add(Op::kName);
    result_.nodes_[node].text = name;
    auto& names = result_.names_;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    return node;
  }
  int parse_number() {
    double number = 0;
    const char* begin = text().data() + at_;
    const auto [end, error] = std::from_chars(begin, text().data() + text().size(), number);
    if (error != std::errc()) fail("expected a number or a name");
    at_ += static_cast<std::size_t>(end - begin);
    const int node = add(Op::kNumber);
    result_.nodes_[node].number = number;
    return node;
  }

  Expression result_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

Expression Expression::parse(const std::string& text) {
  return Parser(text).run();
}

double Expression::number(int node, const Lookup& lookup) const {
  const Value value = evaluate(node, lookup);
  if (const double* found = std::get_if<double>(&value)) return *found;
  throw InputError("", "",
                   "expression " + quoted(text_) + ": the string \"" + std::get<std::string>(value) +
                       "\" is used as a number; strings compare with == and != to strings only");
}

Expression::Value Expression::evaluate(int index, const Lookup& lookup) const {
  const Node& node = nodes_[static_cast<std::size_t>(index)];
  const auto left = [&] { return number(node.left, lookup); };
  const auto right = [&] { return number(node.right, lookup); };
  switch (node.op) {
    case Op::kNumber:
      return node.number;
    case Op::kString:
      return node.text;
    case Op::kName:
      return lookup(node.text);
    case Op::kNegate:
      return -left();
    case Op::kNot:
      return double(left() == 0);
    case Op::kAdd:
      return left() + right();
    case Op::kSubtract:
      return left() - right();
    case Op::kMultiply:
      return left() * right();
    case Op::kDivide:
      return left() / right();
    case Op::kLess:
      return double(left() < right());
    case Op::kLessEqual:
      return double(left() <= right());
    case Op::kGreater:
      return double(left() > right());
    case Op::kGreaterEqual:
      return double(left() >= right());
    case Op::kAnd:
      return double(left() != 0 && right() != 0);
    case Op::kOr:
      return double(left() != 0 || right() != 0);
    case Op::kEqual:
    case Op::kNotEqual:
      break;
  }
  const Value a = evaluate(node.left, lookup), b = evaluate(node.right, lookup);
  if (a.index() != b.index())
    throw InputError("", "", "expression " + quoted(text_) + ": compares a string with a number");
  return double((a == b) == (node.op == Op::kEqual));
}

Expression::Value Expression::evaluate(const Lookup& lookup) const {
  return evaluate(root_, lookup);
}

bool Expression::holds(const Lookup& lookup) const {
  const double value = number(root_, lookup);
  return value == value && value != 0;
}

}  // namespace vitality
