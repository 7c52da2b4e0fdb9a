#include "base/json.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/json_settings.h"

using namespace vitality;

namespace {

std::string parse_error(const std::string& text) {
  try {
    parse_json(text, "f");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("json: values and their order survive") {
  const JsonDocument v = parse_json(R"({"b": [1, -2.5, "x\u00e9\n", true, null], "a": {}})", "f");
  REQUIRE(v.members().size() == 2);
  CHECK(v.members()[0].key == "b");
  const auto items = v.members()[0].value.items();
  REQUIRE(items.size() == 5);
  CHECK(items[0].integer() == 1);
  CHECK(items[1].number() == -2.5);
  CHECK(items[2].text() == "x\xc3\xa9\n");
  CHECK(items[3].boolean());
  CHECK(items[4].type() == JsonValue::Type::kNull);
  CHECK(v.find("a")->type() == JsonValue::Type::kObject);
  CHECK(v.find("c") == nullptr);
}

TEST_CASE("json: getters of another type say nothing") {
  const JsonDocument v = parse_json(R"(["12", 3, true, [1], {"a": 1}, null])", "f");
  CHECK(v.items()[0].integer() == 0);
  CHECK(v.items()[1].text().empty());
  CHECK_FALSE(v.items()[1].boolean());
  CHECK(v.items()[1].number() == 3);  // an integer is a number too
  CHECK(v.items()[2].number() == 0);
  CHECK(v.items()[3].members().empty());
  CHECK(v.items()[4].items().empty());
  CHECK(v.items()[5].find("a") == nullptr);
}

TEST_CASE("json: a document is changed without its copies") {
  JsonDocument a = parse_json(R"({"dram": {"channels": 2}, "name": "m"})", "f");
  const JsonDocument before = a;
  a.set(*a.find("name"), parse_json(R"([1, {"x": "y"}])", "f"));
  JsonValue& added = a.add_object(*a.find("dram"), "device");
  a.set(added, JsonDocument::of_text("hbm"));
  CHECK(a.find("name")->items()[1].find("x")->text() == "y");
  CHECK(a.find("dram")->find("device")->text() == "hbm");
  CHECK(a.find("dram")->find("channels")->integer() == 2);
  CHECK(before.find("name")->text() == "m");
  CHECK(before.find("dram")->find("device") == nullptr);
  for (int i = 0; i < 40; ++i) a.add_object(a, "k" + std::to_string(i));  // beyond what is looked through one by one
  CHECK(a.members().size() == 42);
  CHECK(a.find("k39")->type() == JsonValue::Type::kObject);
  CHECK(a.find("dram")->find("device")->text() == "hbm");
  const JsonDocument part(*a.find("name"));
  a = JsonDocument();
  CHECK(part.items()[1].find("x")->text() == "y");
  CHECK(a.type() == JsonValue::Type::kNull);
}

TEST_CASE("json: duplicate keys are told apart by object, and found at any depth") {
  CHECK(parse_error(R"({"a": {"x": 1}, "b": {"x": 1}})").empty());
  CHECK(parse_error(R"([{"a": [0, {"x": 1, "y": 2, "x": 3}]}])") ==
        "f: /0/a/1/x: duplicate key, expected each key once");
  CHECK(parse_error(R"({"a/b~c": 1, "a/b~c": 2})") == "f: /a~1b~0c: duplicate key, expected each key once");
}

TEST_CASE("json: depth is bounded exactly") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_error(nested(kMaxJsonDepth)).empty());
  CHECK_THAT(parse_error(nested(kMaxJsonDepth + 1)), Catch::Contains("nested deeper than 64 levels"));
}

TEST_CASE("json: integers are exact and bounded") {
  const auto read = [](const std::string& text, std::int64_t low, std::int64_t high) -> std::int64_t {
    Diagnostics diagnostics("f");
    std::int64_t out = -99;
    read_integer(parse_json(text, "f"), std::string("/x"), low, high, diagnostics, out);
    return out;
  };
  CHECK(read("64", 1, 64) == 64);
  CHECK(read("64.0", 1, 64) == 64);
  CHECK(read("6.4e1", 1, 64) == 64);
  CHECK(read("9223372036854775807", 0, INT64_MAX) == INT64_MAX);
  CHECK(read("-9223372036854775808", INT64_MIN, 0) == INT64_MIN);
  for (const char* bad :
       {"0", "65", "1.5", "-1", "1e300", "-1e300", "9223372036854775808", "\"1\"", "null", "[]", "{}", "true"}) {
    INFO(bad);
    CHECK_THROWS_AS(read(bad, 1, 64), InputError);
  }
  CHECK_THROWS_AS(read("9007199254740994.0", 0, INT64_MAX),
                  InputError);  // above 2^53 a real number is no exact integer
}

TEST_CASE("json: numbers are written in a form that reads back as the same number") {
  for (const double x : {0.0, 1.0, 500.0, 0.1, 0.833, 1.0 / 3, 1e-5, 1e-7, 123456789.125, 1e15, 1e300, 5e-324,
                         std::numeric_limits<double>::max(), -2.5}) {
    const std::string text = json_number(x);
    INFO(text);
    CHECK(parse_json(text, "f").number() == x);
  }
  CHECK(json_number(100000) == "100000");
  CHECK(json_number(0.0001) == "0.0001");
}

TEST_CASE("json: strings are written in a form that reads back as the same string") {
  const std::string text("a\"b\\c\n\x01/\x7f\xc3\xa9", 11);
  CHECK(parse_json(json_string(text), "f").text() == text);
}

TEST_CASE("json: an object reader names missing and unknown keys") {
  const JsonDocument v = parse_json(R"({"rows": 3, "coolumns": 4})", "f");
  Diagnostics diagnostics("f", Diagnostics::Mode::kCollect);
  ObjectReader reader(v, "/m", diagnostics);
  int rows = 0, columns = 7;
  CHECK(reader.integer("rows", rows, 1, 10));
  CHECK_FALSE(reader.integer("columns", columns, 1, 10, ObjectReader::Presence::kRequired));
  reader.finish();
  CHECK(rows == 3);
  CHECK(columns == 7);
  REQUIRE(diagnostics.errors().size() == 2);
  CHECK(diagnostics.errors()[0].what() == std::string("f: /m: missing key \"columns\""));
  CHECK(diagnostics.errors()[1].what() == std::string("f: /m/coolumns: unknown key (did you mean \"columns\"?)"));
}

TEST_CASE("json: errors name the origin of the value") {
  Diagnostics diagnostics("base.json", Diagnostics::Mode::kCollect);
  diagnostics.set_origin_file("/dram/device", "memory/x.json");
  diagnostics.set_origin_option("/dram/device/trc", "--set dram.device.trc=1");
  diagnostics.add("/dram/channels", "a");
  diagnostics.add("/dram/device/cl", "b");
  diagnostics.add("/dram/device", "c");
  diagnostics.add("/dram/device/trc", "d");
  diagnostics.add("/dram/devices", "e");
  diagnostics.add("", "f");
  const std::vector<std::string> expected{"base.json: /dram/channels: a",
                                          "memory/x.json: /cl: b",
                                          "memory/x.json: c",
                                          "--set dram.device.trc=1: /dram/device/trc: d",
                                          "base.json: /dram/devices: e",
                                          "base.json: f"};
  REQUIRE(diagnostics.errors().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(diagnostics.errors()[i].what() == expected[i]);
}

namespace {

// The document's two numbers after a setting, or the error.
std::string after(const std::string& setting) {
  JsonDocument document =
      parse_json(R"({"layers": {"b.0.x": {"m": 1, "in": {"n": 2}}, "b.12.x": {"m": 3}, "a/~": {"m": 4}}})", "f");
  Diagnostics diagnostics("f", Diagnostics::Mode::kCollect);
  set_values(document, {setting}, "--set", diagnostics);
  if (!diagnostics.ok()) return diagnostics.errors().front().what();
  std::string text;
  for (const JsonMember& layer : document.find("layers")->members()) {
    const JsonValue& m = *layer.value.find("m");
    text += m.type() == JsonValue::Type::kInteger ? std::to_string(m.integer()) : m.text();
    if (const JsonValue* in = layer.value.find("in")) text += std::to_string(in->find("n")->integer());
    text += ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("json: a setting changes what its pointer names, and a star stands for any characters of a name") {
  CHECK(after("/layers/b.0.x/m=7") == "72 3 4 ");
  CHECK(after("/layers/b.*.x/m=7") == "72 7 4 ");
  CHECK(after("/layers/*/m=word") == "word2 word word ");
  CHECK(after("/layers/b.*x/in/n=9") == "19 3 4 ");
  CHECK(after("/layers/a~1~0/m=\"5\"") == "12 3 5 ");
  const std::string nowhere = R"(error: --set /layers/b.1.x/m=7: no value of f lies at "/layers/b.1.x/m")";
  CHECK("error: " + after("/layers/b.1.x/m=7") == nowhere);
  CHECK_THAT(after("/layers/b.0.x=7"), Catch::Contains("no value of f lies at"));  // an object
  CHECK_THAT(after("/layers/b.0.x/m/m=7"), Catch::Contains("no value of f lies at"));
  CHECK_THAT(after("/layers"), Catch::Contains("expected /pointer/to/a/value=VALUE"));
  CHECK_THAT(after("layers=7"), Catch::Contains("expected /pointer/to/a/value=VALUE"));
}

TEST_CASE("json: what a setting put there is refused under its own name") {
  JsonDocument document = parse_json(R"({"a": {"m": 1}})", "f");
  Diagnostics diagnostics("f", Diagnostics::Mode::kCollect);
  set_values(document, {"/a/m=big"}, "axis", diagnostics);
  ObjectReader reader(*document.find("a"), "/a", diagnostics);
  int m = 0;
  CHECK_FALSE(reader.integer("m", m, 0, 9));
  CHECK_THAT(diagnostics.errors().front().what(), Catch::StartsWith("axis /a/m=big: "));
}

TEST_CASE("json: a hostile pattern takes no more than its length times the name's") {
  std::string pattern = "/", name(20000, 'a');
  for (int i = 0; i < 2000; ++i) pattern += "a*";
  JsonDocument document = parse_json("{\"" + name + "\": 1}", "f");
  Diagnostics diagnostics("f", Diagnostics::Mode::kCollect);
  set_values(document, {pattern + "b=2"}, "--set", diagnostics);
  CHECK_FALSE(diagnostics.ok());
}
