#include "explore/expression.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/error.h"

using namespace vitality;

namespace {

Expression::Value lookup(const std::string& name) {
  if (name == "area_mm2") return 5.5;
  if (name == "matrix_engine.rows") return 64.0;
  if (name == "order") return 3.0;
  if (name == "nothing") return std::nan("");
  return std::string("int8");
}
double value(const std::string& text) {
  return std::get<double>(Expression::parse(text).evaluate(lookup));
}
bool holds(const std::string& text) {
  return Expression::parse(text).holds(lookup);
}

}  // namespace

TEST_CASE("expressions: precedence, association and truth") {
  CHECK(value("1 + 2 * 3") == 7);
  CHECK(value("(1 + 2) * 3") == 9);
  CHECK(value("8 / 4 / 2") == 1);
  CHECK(value("8 - 4 - 2") == 2);
  CHECK(value("-2 * -3") == 6);
  CHECK(value("2 - -3") == 5);
  CHECK(value("1e3 + .5") == 1000.5);
  CHECK(value("matrix_engine.rows * 2") == 128);
  CHECK(holds("area_mm2 <= 6"));
  CHECK_FALSE(holds("area_mm2<=5"));
  CHECK(holds("1 < 2 and 2 < 3"));
  CHECK(holds("1 > 2 or 2 < 3"));
  CHECK(holds("1 > 2 and 1 > 2 or true"));  // and binds tighter
  CHECK_FALSE(holds("1 > 2 and (1 > 2 or true)"));
  CHECK(holds("not 1 > 2"));
  CHECK(holds("not not true"));
  CHECK(holds("1 + 1 == 2"));
  CHECK(holds("1 != 2"));
  CHECK(holds("precision == 'int8'"));
  CHECK(holds("precision != \"int16\""));
  CHECK(holds("order == 3"));  // a name that begins with an operator's word
}

TEST_CASE("expressions: what was not measured satisfies nothing") {
  CHECK_FALSE(holds("nothing <= 1"));
  CHECK_FALSE(holds("nothing > 1"));
  CHECK_FALSE(holds("nothing"));
  CHECK_FALSE(holds("0 / 0"));
}

TEST_CASE("expressions: each name once, in order") {
  CHECK(Expression::parse("b + a * b <= a.c").names() == std::vector<std::string>{"b", "a", "a.c"});
}

TEST_CASE("expressions: errors say what and where") {
  using Catch::Contains;
  CHECK_THROWS_WITH(Expression::parse(""), Contains("found the end"));
  CHECK_THROWS_WITH(Expression::parse("area_mm2 <="), Contains("found the end"));
  CHECK_THROWS_WITH(Expression::parse("area_mm2 = 6"), Contains("write =="));
  CHECK_THROWS_WITH(Expression::parse("1 <= a <= 2"), Contains("do not chain"));
  CHECK_THROWS_WITH(Expression::parse("(1 + 2"), Contains("expected )"));
  CHECK_THROWS_WITH(Expression::parse("1 2"), Contains("expected an operator at character 3"));
  CHECK_THROWS_WITH(Expression::parse("a && b"), Contains("expected an operator"));
  CHECK_THROWS_WITH(Expression::parse("and 1"), Contains("before \"and\""));
  CHECK_THROWS_WITH(Expression::parse("'int8"), Contains("without its end"));
  CHECK_THROWS_WITH(holds("precision <= 6"), Contains("used as a number"));
  CHECK_THROWS_WITH(holds("precision == 6"), Contains("compares a string with a number"));
  for (const std::string& deep : {std::string(100000, '('), std::string(100000, '-')})
    CHECK_THROWS_AS(Expression::parse(deep), InputError);
  std::string sum = "1", balanced = "1";
  for (int i = 0; i < 499; ++i) sum += "+1";
  CHECK(value(sum) == 500);
  CHECK_THROWS_WITH(Expression::parse(sum + "+1"), Contains("operators in a row"));
  for (int i = 0; i < 9; ++i) balanced = "(" + balanced + "+" + balanced + ")";
  CHECK(value(balanced) == 512);
  CHECK_THROWS_WITH(Expression::parse(std::string(10001, ' ')), Contains("longer than 10000 bytes"));
  std::string nots;
  for (int i = 0; i < 100000; ++i) nots += "not ";
  CHECK_THROWS_AS(Expression::parse(nots), InputError);
}
