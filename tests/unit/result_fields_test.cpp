// A field of a result that is written is read and described: a result in which nothing has its default value goes
// through the writer, the reader and the schema. tests/unit/report_page_test.cpp shows that a page holds the document.
#include "report/result_fields.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json.h"
#include "report/read/read_result.h"
#include "report/result_csv.h"
#include "report/result_json.h"
#include "report/result_schema.h"

using namespace vitality;
using Json = nlohmann::ordered_json;

namespace {

// Gives every field a value of its own, in the order of the walk.
class Fill : public ResultVisitor {
 public:
  void count(const ResultField& field, std::int64_t& value) override {
    if (std::string(field.name) != "schema_version") value = ++next_;
  }
  void seed(const ResultField&, std::uint64_t& value) override { value = static_cast<std::uint64_t>(++next_); }
  void number(const ResultField&, double& value) override { value = 0.5 + static_cast<double>(++next_); }
  void boolean(const ResultField&, bool& value) override { value = !value; }
  void text(const ResultField& field, std::string& value) override { value = name(field); }
  void texts(const ResultField& field, std::vector<std::string>& value) override { value = {name(field), name(field)}; }
  void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>& value) override {
    value = {{name(field), ++next_}, {name(field), ++next_}};
  }
  void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>& value) override {
    value = {{name(field), 0.25 + static_cast<double>(++next_)}};
  }
  void values(const ResultField&, std::vector<double>& value) override {
    value = {0.5 + static_cast<double>(++next_), 0.25 + static_cast<double>(++next_)};
  }
  void traffic(const ResultField& field, std::vector<DramTraffic>& value) override {
    value = {{"weights", name(field), ++next_}, {"input", name(field), ++next_}};
  }
  void occupied(const ResultField&, std::vector<UnitResult>& units, Cycles) override {
    for (UnitResult& unit : units) unit.occupied = {3, 1, 2};
  }
  void json(const ResultField&, std::string& text) override { text = "{\"name\":\"filled\"}"; }
  void group(const ResultField&, bool& present, const Fields& fields) override {
    present = true;
    fields();
  }
  void together(bool, const Fields& fields) override { fields(); }
  void null_unless(bool, const Fields& fields) override { fields(); }
  void items(const ResultField&, std::size_t size, const Element& append, const Element& element) override {
    for (std::size_t i = size; i < 2; ++i) append(2);
    for (std::size_t i = 0; i < 2; ++i) element(i);
  }
  void expect(bool, const char*, const char*) override {}

 private:
  std::string name(const ResultField& field) { return std::string(field.name) + std::to_string(++next_); }
  std::int64_t next_ = 100;
};

SimulationResult filled() {
  SimulationResult result;
  Fill fill;
  visit_fields(fill, result);
  return result;
}

SimulationResult read_back(const std::string& text, std::string& errors) {
  const JsonDocument document = parse_json(text, "result.json");
  Diagnostics diagnostics("result.json", Diagnostics::Mode::kCollect);
  SimulationResult result = read_result(document, diagnostics);
  errors.clear();
  for (const InputError& error : diagnostics.errors()) errors += std::string(error.what()) + "\n";
  const Json json = Json::parse(text);  // what has a list of its own is not read
  result.config_json = json["config"].dump();
  for (std::size_t i = 0; i < result.layers.size(); ++i) result.layers[i].mapping = json["layers"][i]["mapping"].dump();
  return result;
}

// What of `value` the schema does not allow or describe.
void check(const Json& value, const Json& schema, const std::string& at, std::string& wrong) {
  std::string type = value.is_object()           ? "object"
                     : value.is_array()          ? "array"
                     : value.is_string()         ? "string"
                     : value.is_boolean()        ? "boolean"
                     : value.is_null()           ? "null"
                     : value.is_number_integer() ? "integer"
                                                 : "number";
  bool fits = false;
  for (const Json& allowed : schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]}))
    fits = fits || allowed == type || (allowed == "number" && type == "integer");
  if (!fits) wrong += at + " is of type " + type + "\n";
  if (type == "array")
    for (const Json& item : value) check(item, schema["items"], at + "[]", wrong);
  if (type != "object" || at == "/config" || at == "/layers[]/mapping") return;
  for (const auto& [name, item] : value.items()) {
    const std::string below = at + "/" + name;
    if (!schema.contains("properties")) {
      check(item, schema["additionalProperties"], below, wrong);
    } else if (!schema["properties"].contains(name)) {
      wrong += below + " is not described\n";
    } else {
      const Json& field = schema["properties"][name];
      if (field.value("description", "").empty()) wrong += below + " has no description\n";
      if ((item.is_number()) && field.value("unit", "").empty()) wrong += below + " has no unit\n";
      check(item, field, below, wrong);
    }
  }
  if (schema.contains("required"))
    for (const Json& name : schema["required"])
      if (!value.contains(name.get<std::string>())) wrong += at + " lacks " + name.get<std::string>() + "\n";
}

std::string against_schema(const std::string& text) {
  std::string wrong;
  check(Json::parse(text), Json::parse(result_schema()), "", wrong);
  return wrong;
}

}  // namespace

TEST_CASE("Every field of a result that is written is read back") {
  const std::string written = write_json(filled());
  std::string errors;
  const SimulationResult again = read_back(written, errors);
  CHECK(errors == "");
  CHECK(write_json(again) == written);
  // The filling reached what a default result has not.
  for (const char* name : {"inputs_sha256", "approximation", "pack_utilization", "phases", "errors", "timeline",
                           "energy_uncertainty", "mask_source", "attention_choices", "what_if", "dram_by_cause"})
    CHECK(written.find(std::string("\"") + name + "\"") != std::string::npos);
}

TEST_CASE("A result of schema_version 1 is read: its mapping was the text for people") {
  Json json = Json::parse(write_json(filled()));
  json["schema_version"] = 1;
  for (Json& layer : json["layers"]) layer["mapping"] = layer["mapping_text"], layer.erase("mapping_text");
  std::string errors;
  const SimulationResult before = read_back(json.dump(), errors);
  CHECK(errors == "");
  REQUIRE(before.layers.size() == 2);
  CHECK(before.layers[1].mapping_text == json["layers"][1]["mapping"]);
  json["schema_version"] = 3;
  read_back(json.dump(), errors);
  CHECK(errors.find("/schema_version: expected 1 or 2") != std::string::npos);
}

TEST_CASE("The schema of a result describes every field, and an empty result has what it requires") {
  CHECK(against_schema(write_json(filled())) == "");
  SimulationResult empty;
  empty.config_json = "{}";
  CHECK(against_schema(write_json(empty)) == "");
  CHECK(Json::parse(result_schema())["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  const Json layer = Json::parse(result_schema())["properties"]["layers"]["items"]["properties"];
  CHECK(layer["energy_pj"]["unit"] == "pJ");
  CHECK(layer["start_cycle"]["type"] == "integer");
}

TEST_CASE("The schema of a result refuses an unknown field and a value of another type") {
  Json json = Json::parse(write_json(filled()));
  json["totals"]["cycles"] = "many";
  json["surprise"] = 1;
  CHECK(against_schema(json.dump()) == "/totals/cycles is of type string\n/surprise is not described\n");
}

// Independent of the list's walk: the document's own members are looked for in the tables.
TEST_CASE("Every number and text of totals, layers, units and phases that is written stands in the CSV tables") {
  const SimulationResult result = filled();
  const Json document = Json::parse(write_json(result));
  std::map<std::string, std::string> tables;
  for (const auto& [name, text] : csv_tables(result)) tables[name] = text;
  REQUIRE(tables.size() == 4);
  std::string missing;
  const std::function<void(const Json&, const std::string&, const std::string&)> look =
      [&](const Json& value, const std::string& at, const std::string& table) {
        if (value.is_object() || value.is_array()) {
          for (const auto& [name, item] : value.items())
            if (name != "mapping") look(item, at + "/" + name, table);  // one cell of JSON text
          return;
        }
        const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        std::string cells = tables.at(table);
        std::replace(cells.begin(), cells.end(), '\n', ',');
        if (value.is_boolean() || value.is_null()) return;  // 1 and 0 stand anywhere
        if (("," + cells).find("," + text + ",") == std::string::npos) missing += table + " lacks " + at + "\n";
      };
  look(document["totals"], "totals", "totals.csv");
  look(document["attention_totals"], "attention_totals", "totals.csv");
  look(document["layers"], "layers", "layers.csv");
  look(document["units"], "units", "units.csv");
  look(document["training"]["phases"], "phases", "phases.csv");
  CHECK(missing == "");
}

TEST_CASE("Columns of the tables keep their names, and what a row lacks is empty or 0") {
  SimulationResult result;
  result.config_json = "{}";
  result.layers.resize(2);
  result.layers[0].name = "a", result.layers[1].name = "b";
  result.layers[0].time_split = {{"matrix_engine", 7}};
  result.layers[1].time_split = {{"adders", 5}, {"matrix_engine", 2}};
  result.layers[1].has_mask = true;
  result.layers[1].mask_density = 0.25;
  result.layers[1].dram_traffic = {{"weights", "refetch", 9}};
  const auto tables = csv_tables(result);
  REQUIRE(tables[1].first == "layers.csv");
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(tables[1].second);
  for (std::string line, cell; std::getline(lines, line);) {
    rows.emplace_back();
    for (std::istringstream cells(line); std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  REQUIRE(rows.size() == 3);
  const auto cell = [&](std::size_t row, const std::string& column) {
    const auto at = std::find(rows[0].begin(), rows[0].end(), column);
    REQUIRE(at != rows[0].end());
    const std::size_t index = static_cast<std::size_t>(at - rows[0].begin());
    return index < rows[row].size() ? rows[row][index] : std::string();
  };
  CHECK(cell(1, "matrix_engine_cycles") == "7");
  CHECK(cell(2, "matrix_engine_cycles") == "2");
  CHECK(cell(1, "adders_cycles") == "0");
  CHECK(cell(2, "adders_cycles") == "5");
  CHECK(cell(1, "mask_density").empty());
  CHECK(cell(2, "mask_density") == "0.25");
  CHECK(cell(1, "dram_weights_refetch_bytes") == "0");
  CHECK(cell(2, "dram_weights_refetch_bytes") == "9");
  for (const char* column : {"name",
                             "kind",
                             "charged",
                             "executed",
                             "start_cycle",
                             "end_cycle",
                             "latency_ms",
                             "macs",
                             "mul",
                             "add",
                             "div",
                             "exp",
                             "cmp",
                             "energy_pj",
                             "dram_read_bytes",
                             "dram_write_bytes",
                             "sram_read_bytes",
                             "sram_write_bytes",
                             "noc_byte_hops",
                             "macs_per_dram_byte",
                             "bottleneck",
                             "bound_cycles",
                             "prefetch_start_cycle",
                             "prefetch_exposed_cycles"})
    CHECK(std::find(rows[0].begin(), rows[0].end(), column) != rows[0].end());
}
