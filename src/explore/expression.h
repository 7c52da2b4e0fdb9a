// Constraint expressions of a sweep spec: `area_mm2 <= 6 and matrix_engine.rows * matrix_engine.cols <= 4096`.
//
//   or:   and ("or" and)*            comparison: sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
//   and:  not ("and" not)*           sum:        product (("+" | "-") product)*
//   not:  "not" not | comparison     product:    unary (("*" | "/") unary)*
//   unary: "-" unary | number | 'string' | "string" | true | false | name | "(" or ")"
//
// At most 10,000 bytes, 500 operators in a row and 100 nested brackets. Names are dotted config keys and totals. Truth
// is 1 and 0. Strings can only be compared with == and !=. Errors are InputErrors without a file name, which the reader
// of the spec adds.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace vitality {

class Expression {
 public:
  using Value = std::variant<double, std::string>;
  using Lookup = std::function<Value(const std::string& name)>;

  static Expression parse(const std::string& text);

  const std::string& text() const { return text_; }
  const std::vector<std::string>& names() const { return names_; }  // each once, in order of appearance
  Value evaluate(const Lookup& lookup) const;
  bool holds(const Lookup& lookup) const;  // a number that is not 0; NaN does not hold

 private:
  enum class Op {
    kNumber,
    kString,
    kName,
    kNegate,
    kNot,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kAnd,
    kOr
  };
  struct Node {
    Op op;
    int left = -1, right = -1;
    int depth = 1;  // of the tree below and with it
    double number = 0;
    std::string text;  // of a name or a string
  };
  class Parser;

  Value evaluate(int node, const Lookup& lookup) const;
  double number(int node, const Lookup& lookup) const;

  std::string text_;
  std::vector<Node> nodes_;
  std::vector<std::string> names_;
  int root_ = -1;
};

}  // namespace vitality
