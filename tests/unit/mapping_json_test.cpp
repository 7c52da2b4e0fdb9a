// Mapping files: what is written is read back the same, and what is wrong is said with its pointer.
#include "mapping/mapping_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "workload/workload_json.h"

using namespace vitality;
using Catch::Contains;
using Json = nlohmann::ordered_json;

namespace {

const char* const kGemm =
    R"({"form": "input_stationary", "tile_rows": 8, "tile_columns": 4, "row_tile": 17, "contraction_group": 2, )"
    R"("column_group": 3, "loop_order": ["contraction", "columns", "rows"], "streamed": {"kept": 1, "buffers": 2}, )"
    R"("stationary": {"kept": 0, "buffers": 1}, "result_buffers": 2, "results": "scratchpad"})";
const char* const kOutputStationary =
    R"({"form": "output_stationary", "tile_rows": 8, "tile_columns": 4, "segment": 5, "outer_loop": "columns", )"
    R"("outer_kept": true, "result_buffers": 1})";
const char* const kResident =
    R"({"form": "output_stationary", "tile_rows": 8, "tile_columns": 4, "segment": 5, "outer_loop": "columns", )"
    R"("outer_kept": true, "result_buffers": 1, "rows": "scratchpad", "results": "both"})";
const char* const kAttention =
    R"({"form": "attention", "key_chunk": 17, "query_chunk": 9, "buffers": {"keys": 2, "values": 1, "queries": 0, )"
    R"("results": 3, "sums": 2}, "softmax": "online", "results": "memory"})";

GivenMapping read(const std::string& text) {
  Diagnostics diagnostics("m.json");
  return read_mapping(parse_json(text, "m.json"), nullptr, diagnostics);
}
std::string file_with(const std::string& mapping) {
  return R"({"layers": {"fc": )" + mapping + "}}";
}
std::string error_of(const std::string& text) {
  try {
    read(text);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}
// With one value changed, or, where it is null, removed.
std::string changed(const char* mapping, const char* pointer, const Json& value) {
  Json json = Json::parse(mapping);
  const Json::json_pointer at(pointer);
  if (value.is_null())
    json.at(at.parent_pointer()).erase(at.back());
  else
    json[at] = value;
  return error_of(file_with(json.dump()));
}

}  // namespace

TEST_CASE("mapping file: what is read is written the same") {
  for (const std::string text :
       {kGemm, kOutputStationary, kResident, kAttention, R"({"form": "row_tiles", "row_tile": 99})",
        R"({"form": "epilogue"})", R"({"form": "uncharged"})", R"({"form": "folded"})"}) {
    const GivenMapping given = read(file_with(text));
    CHECK(write_json(given.layers.at("fc")) == text);
    const std::string file = write_json(MappingFile{"machine \"x\"", "w", {{"fc", text}, {"left out", ""}}});
    const GivenMapping again = read(file);
    CHECK(again.layers.size() == 1);
    CHECK(write_json(again.layers.at("fc")) == text);
  }
  const auto gemm = std::get<InputStationaryMapping>(read(file_with(kGemm)).layers.at("fc"));
  CHECK(gemm.tile_rows == 8);
  CHECK(gemm.tile_cols == 4);
  CHECK(gemm.m_tile == 17);
  CHECK(gemm.k_group == 2);
  CHECK(gemm.n_group == 3);
  CHECK(gemm.order == GemmOrder{GemmLoop::kContraction, GemmLoop::kColumns, GemmLoop::kRows});
  CHECK(gemm.streamed.kept == 1);
  CHECK(gemm.streamed.sets == 2);
  CHECK(gemm.out_sets == 2);
  CHECK(gemm.results == ResultPlace::kScratchpad);
}

TEST_CASE("mapping file: an output stationary layer's rows and results lie in memory where nothing else is said") {
  const auto form = [](const char* text) {
    return std::get<OutputStationaryMapping>(read(file_with(text)).layers.at("fc"));
  };
  CHECK_FALSE(form(kOutputStationary).rows_on_chip);
  CHECK(form(kOutputStationary).results == ResultPlace::kMemory);
  CHECK(form(kResident).rows_on_chip);
  CHECK(form(kResident).results == ResultPlace::kBoth);
  for (const auto& [pointer, wrong] :
       {std::pair{"/rows", "dram"}, {"/rows", "both"}, {"/results", "scratchpad_in_parts"}})
    CHECK_THAT(changed(kResident, pointer, wrong), Contains(std::string("/layers/fc") + pointer + ": expected "));
}

TEST_CASE("mapping file: every field is required, and another type or range is refused at its pointer") {
  for (const char* mapping : {kGemm, kOutputStationary, kAttention}) {
    const Json flat = Json::parse(mapping).flatten();
    for (const auto& [pointer, value] : flat.items()) {
      const std::string at = "m.json: /layers/fc" + pointer;
      INFO(pointer);
      CHECK_THAT(changed(mapping, pointer.c_str(), Json{{"no", "such thing"}}), Catch::StartsWith(at + ": expected "));
      if (value.is_number()) {
        for (const Json& wrong : {Json(-1), Json(1.5), Json(1e300), Json(16777217), Json("8")})
          CHECK_THAT(changed(mapping, pointer.c_str(), wrong), Catch::StartsWith(at + ": expected "));
      }
      if (pointer.find("loop_order") == std::string::npos)
        CHECK_THAT(changed(mapping, pointer.c_str(), nullptr), Contains("missing key"));
    }
  }
  CHECK_THAT(changed(kGemm, "/loop_order/2", "columns"), Contains("/layers/fc/loop_order/2: expected each loop once"));
  CHECK_THAT(changed(kGemm, "/loop_order/0", "column"), Contains("/layers/fc/loop_order/0: ") && Contains("columns"));
  CHECK_THAT(changed(kGemm, "/loop_order/3", "rows"), Contains("/layers/fc/loop_order: expected a list of"));
  CHECK_THAT(changed(kGemm, "/results", "dram"), Contains("/layers/fc/results: "));
  CHECK_THAT(changed(kGemm, "/form", "input_stationry"), Contains("/layers/fc/form: ") && Contains("did you mean"));
  CHECK_THAT(changed(kGemm, "/row_tiel", 4), Contains("/layers/fc/row_tiel") && Contains("did you mean \"row_tile\"?"));
  CHECK_THAT(changed(kGemm, "/streamed/set", 4), Contains("/layers/fc/streamed/set"));
}

TEST_CASE("mapping file: hostile documents are refused") {
  CHECK_THAT(error_of(""), Contains("m.json"));
  CHECK_THAT(error_of("[]"), Contains("m.json"));
  CHECK_THAT(error_of("{}"), Contains("missing key \"layers\""));
  CHECK_THAT(error_of(R"({"layers": []})"), Contains("m.json: /layers: expected an object"));
  CHECK_THAT(error_of(R"({"layers": {}, "lairs": 1})"), Contains("lairs"));
  CHECK_THAT(error_of(R"({"layers": {"a": 1}})"), Contains("m.json: /layers/a: expected an object"));
  CHECK_THAT(error_of(R"({"layers": {"a": {}}})"), Contains("m.json: /layers/a") && Contains("missing key \"form\""));
  CHECK_THAT(error_of(R"({"layers": {"a": {"form": "folded"}, "a": {"form": "folded"}}})"), Contains("a"));
  CHECK_THAT(error_of(R"({"layers": {"a": {"form": "row_tiles", "row_tile": NaN}}})"), Contains("m.json"));
  CHECK_THAT(error_of(R"({"layers": )" + std::string(100000, '[')), Contains("m.json"));
  CHECK(error_of(R"({"$schema": "x", "machine": "m", "workload": "w", "layers": {}})").empty());
}

TEST_CASE("mapping file: layers are the model's") {
  const VitModel model =
      parse_workload(R"({"name":"one","image":{"height":1,"width":2,"channels":4},"layers":[)"
                     R"({"name":"a.b","kind":"linear","out_features":4},{"name":"c","kind":"layer_norm"}]})",
                     "one.json");
  const auto error = [&](const std::string& text) -> std::string {
    Diagnostics diagnostics("m.json");
    try {
      read_mapping(parse_json(text, "m.json"), &model, diagnostics);
      return "";
    } catch (const InputError& wrong) {
      return wrong.what();
    }
  };
  CHECK(error(R"({"layers": {"a.b": {"form": "folded"}}})").empty());
  CHECK_THAT(error(R"({"layers": {"a.d": {"form": "folded"}}})"),
             Contains("m.json: /layers/a.d: no layer of workload one has this name (did you mean \"a.b\"?)"));
}

TEST_CASE("mapping file: the schema knows the forms and keys that the reader knows") {
  const Json schema = Json::parse(mapping_schema());
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  const Json& kinds = schema["$defs"]["layer"]["oneOf"];
  REQUIRE(kinds.size() == 7);
  for (const Json& kind : kinds) {
    Json made = Json::object();
    const std::function<Json(const Json&)> example = [&](const Json& of) -> Json {
      if (of.contains("const")) return of["const"];
      if (of.contains("enum")) return of["enum"].back();
      const std::string type = of["type"];
      if (type == "integer") return of["maximum"];
      if (type == "boolean") return true;
      if (type == "array") return of["items"]["enum"];
      Json object = Json::object();
      // All keys but these, which mean "memory" where they are missing, and the end of the scratchpad.
      static const std::set<std::pair<std::string, std::string>> optional{{"epilogue", "operand"},
                                                                          {"uncharged", "results"},
                                                                          {"output_stationary", "rows"},
                                                                          {"output_stationary", "results"}};
      const std::string form = of["properties"].contains("form") ? of["properties"]["form"]["const"] : Json("");
      Json required = Json::array();
      for (const auto& [key, value] : of["properties"].items()) {
        if (key != "end" && optional.count({form, key}) == 0) required.push_back(key);
      }
      CHECK(of["required"] == required);
      for (const auto& [key, value] : of["properties"].items()) object[key] = example(value);
      return object;
    };
    made = example(kind);
    INFO(made.dump());
    CHECK(error_of(file_with(made.dump())).empty());
    CHECK(Json::parse(write_json(read(file_with(made.dump())).layers.at("fc"))) == made);
  }
}
