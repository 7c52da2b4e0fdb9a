#include "explore/sweep_spec.h"

#include <catch2/catch.hpp>
#include <ctime>

#include "base/error.h"

using namespace vitality;
using Catch::Contains;

namespace {

SweepSpec spec_of(const std::string& members, const std::string& head = "") {
  const std::string root = VITALITY_SOURCE_DIR;
  const std::string text = "{" +
                           (head.empty() ? "\"base\": \"" + root + "/configs/vitality.json\", \"workloads\": [\"" +
                                               root + "/workloads/deit_tiny.json\"]"
                                         : head) +
                           (members.empty() ? "" : ", ") + members + "}";
  Diagnostics diagnostics("spec.json");
  return read_sweep_spec(parse_json(text, "spec.json"), {}, diagnostics);
}
std::vector<std::string> axis_values(const std::string& key, const std::string& axis) {
  const SweepSpec spec = spec_of("\"axes\": {\"" + key + "\": " + axis + "}");
  std::vector<std::string> out;
  for (const AxisValue& value : spec.axes.at(0).values) out.push_back(to_string(value));
  return out;
}
std::vector<std::string> values(const std::string& axis) {
  return axis_values("scratchpad.capacity_kib", axis);
}
std::vector<std::string> clocks(const std::string& axis) {
  return axis_values("clock_mhz", axis);
}
using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("spec: lists and ranges") {
  CHECK(values("[64, 100]") == Strings{"64", "100"});
  CHECK(values(R"({"from": 50, "to": 800, "scale": "log2", "steps": 5})") == Strings{"50", "100", "200", "400", "800"});
  CHECK(values(R"({"from": 100, "to": 400, "steps": 4})") == Strings{"100", "200", "300", "400"});
  CHECK(values(R"({"from": 100, "to": 102, "steps": 5})") == Strings{"100", "101", "102"});  // whole numbers, each once
  CHECK(clocks(R"({"from": 1, "to": 1000, "scale": "log10", "steps": 4})") == Strings{"1", "10", "100", "1000"});
  CHECK(clocks(R"({"from": 1.5, "to": 2.0, "steps": 3})") == Strings{"1.5", "1.75", "2"});
  CHECK(clocks(R"({"from": 1.5, "to": 1.5, "steps": 1})") == Strings{"1.5"});
}

TEST_CASE("spec: what it says comes back from a store") {
  const SweepSpec spec = spec_of(
      R"("axes": {"precision": ["int8"], "clock_mhz": [1.5, 2], "pipeline.intra_layer": [true, false]}, "numerics": "check",
      "sampler": {"kind": "nsga2", "points": 10, "seed": 9007199254740992, "population": 8, "crossover": 0.5},
      "constraints": ["area_mm2 <= 6", "cosine_similarity > 0.9"], "objectives": {"gops": "max", "clock_mhz": "min"})");
  const SweepSpec again = parse_stored_spec(write_json(spec), "store");
  CHECK(write_json(again) == write_json(spec));
  CHECK(again.axes[2].values == spec.axes[2].values);
  CHECK(again.sampler.seed == 9007199254740992ULL);
  CHECK(again.sampler.population == 8);
  CHECK(again.objectives[0].maximize);
  CHECK(again.constraints[1].text() == "cosine_similarity > 0.9");
  CHECK(again.numerics);
}

TEST_CASE("spec: given designs are read, stored, counted and refused where a value is not its axis'") {
  const std::string axes =
      R"("axes": {"matrix_engine.rows": [8, 16, 32], "precision": ["int8", "int16"]}, "sampler": )";
  const auto given = [&](const std::string& designs) {
    return axes + R"({"kind": "given", "designs": )" + designs + "}";
  };
  const SweepSpec spec = spec_of(given(R"([[32, "int8"], [8, "int16"], [32.0, "int8"]])"));
  CHECK(spec.sampler.designs == std::vector<Design>{{2, 0}, {0, 1}, {2, 0}});
  CHECK(spec.row_limit() == 3);
  CHECK(parse_stored_spec(write_json(spec), "store").sampler.designs == spec.sampler.designs);
  CHECK_THROWS_WITH(spec_of(given(R"([[8, "int8"], [9, "int8"]])")),
                    Contains("/sampler/designs/1/0") && Contains("matrix_engine.rows") && Contains("found 9"));
  CHECK_THROWS_WITH(spec_of(given(R"([["int8", 8]])")), Contains("/sampler/designs/0/0"));
  CHECK_THROWS_WITH(spec_of(given(R"([["8", "int8"]])")), Contains("/sampler/designs/0/0"));
  CHECK_THROWS_WITH(spec_of(given(R"([[8, null]])")), Contains("/sampler/designs/0/1"));
  CHECK_THROWS_WITH(spec_of(given("[[8]]")), Contains("/sampler/designs/0") && Contains("a list of 2 values"));
  CHECK_THROWS_WITH(spec_of(given("[]")), Contains("/sampler/designs") && Contains("at least one"));
  CHECK_THROWS_WITH(spec_of(given("7")), Contains("/sampler/designs"));
  CHECK_THROWS_WITH(spec_of(axes + R"({"kind": "given"})"), Contains("/sampler") && Contains("designs"));
  CHECK_THROWS_WITH(spec_of(axes + R"({"kind": "given", "designs": [[8, "int8"]], "points": 3})"),
                    Contains("/sampler/points"));
  CHECK_THROWS_WITH(spec_of(axes + R"({"kind": "grid", "designs": [[8, "int8"]]})"), Contains("/sampler/designs"));
}

TEST_CASE("spec: mistakes are named with their place") {
  const std::string axes = R"("axes": {"matrix_engine.rows": [8, 16]})";
  CHECK_THROWS_WITH(spec_of(axes + R"(, "sampler": {"kind": "gird"})"), Contains("/sampler/kind") && Contains("grid"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "samplr": {"kind": "grid"})"), Contains("/samplr") && Contains("sampler"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "sampler": {"kind": "random"})"), Contains("/sampler") && Contains("points"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "sampler": {"kind": "random", "points": 1000001})"),
                    Contains("/sampler/points"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "sampler": {"kind": "grid", "population": 8})"),
                    Contains("/sampler/population"));
  CHECK_THROWS_WITH(spec_of(""), Contains("axes"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": []})"),
                    Contains("/axes/matrix_engine.rows") && Contains("without values"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": [8, 8.0]})"), Contains("there twice"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": [8, null]})"), Contains("/axes/matrix_engine.rows/1"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": 8})"), Contains("expected a list of values"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.row": [8]})"),
                    Contains("/axes/matrix_engine.row") && Contains("matrix_engine.rows"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": [8, 0]})"),
                    Contains("/axes/matrix_engine.rows") && Contains("value 0"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": ["many"]})"), Contains("value many"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"precision": ["int16", "int9"]})"), Contains("value int9"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"clock_mhz": {"from": 0, "to": 9, "scale": "log2", "steps": 3}})"),
                    Contains("above 0"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"clock_mhz": {"from": 1, "to": 9}})"), Contains("steps"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"clock_mhz": {"from": 1, "to": 9, "step": 2, "steps": 3}})"),
                    Contains("/step"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "constraints": ["area_mm <= 6"])"),
                    Contains("/constraints/0") && Contains("area_mm2"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "constraints": ["area_mm2 <="])"), Contains("/constraints/0"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "constraints": ["max_rel_error < 1"])"), Contains("numerics"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "objectives": {"latency": "min"})"),
                    Contains("/objectives/latency") && Contains("unknown name"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "objectives": {"latency_m": "min"})"), Contains("did you mean \"latency_ms\""));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "objectives": {"latency_ms": "less"})"), Contains("\"min\" or \"max\""));
  CHECK_THROWS_WITH(spec_of(axes, R"("base": "nothere.json", "workloads": ["x.json"])"),
                    Contains("/base") && Contains("nothere.json"));
  CHECK_THROWS_WITH(spec_of(axes + R"(, "point_time_limit_s": -1)"), Contains("/point_time_limit_s"));
}

TEST_CASE("spec: a value of the wrong type is refused where it stands, though it reads the same") {
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": [64, "64"]})"),
                    Contains("/axes/matrix_engine.rows/1") && Contains("\"64\""));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": ["6.4e1"]})"), Contains("/axes/matrix_engine.rows/0"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"matrix_engine.rows": [64, 6.4e1]})"),
                    Contains("/axes/matrix_engine.rows/1") && Contains("there twice"));
  CHECK_THROWS_WITH(spec_of(R"("axes": {"name": ["a", 64]})"),
                    Contains("/axes/name/1") && Contains("expected a string, found 64"));
  CHECK(spec_of(R"("axes": {"name": ["a", "64"]})").axes[0].values.size() == 2);
  CHECK_THROWS_WITH(spec_of(R"("axes": {"workload.image": [224, "64"]})"), Contains("/axes/workload.image/1"));
}

TEST_CASE("spec: an expression has as many operators in a row as its evaluation can take") {
  const auto chain = [](int operators) {
    std::string text = "area_mm2 <= 6";
    for (int i = 0; i < operators; ++i) text += "+0";
    return R"("axes": {"matrix_engine.rows": [8]}, "constraints": [")" + text + R"("])";
  };
  CHECK(spec_of(chain(400)).constraints.size() == 1);
  for (const int operators : {600, 15000, 20000})
    CHECK_THROWS_WITH(spec_of(chain(operators)), Contains("/constraints/0") && Contains("than"));
}

TEST_CASE("spec: 200,000 unknown axes and an axis of 500,000 values are read in a second or two") {
  std::string many = R"("axes": {)", longest = R"("axes": {"scratchpad.capacity_kib": [200)";
  for (int i = 0; i < 200000; ++i)
    many += (i ? ",\"" : "\"") + std::string("matrix_engine.rows") + std::to_string(i) + "\": [1]";
  for (int i = 201; i < 500200; ++i) longest += "," + std::to_string(i);
  const std::clock_t started = std::clock();  // processor time: other tests run beside this one
  const JsonDocument document = parse_json("{" + many + "}}", "spec.json");
  Diagnostics diagnostics("spec.json", Diagnostics::Mode::kCollect);
  read_sweep_spec(document, {}, diagnostics);
  CHECK(!diagnostics.ok());
  CHECK(spec_of(longest + "]}").axes[0].values.size() == 500000);
  // 26 s and more when every name was looked for among all others.
  CHECK(static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC < 15);
}

TEST_CASE("spec: too many points are refused with their number, at once") {
  const std::string thousand = R"({"from": 1, "to": 1000, "steps": 1000})";
  const std::string axes = R"("axes": {"matrix_engine.rows": )" + thousand + R"(, "matrix_engine.cols": )" + thousand +
                           R"(, "dividers.lanes": )" + thousand + R"(, "adders.lanes": )" + thousand + "}";
  CHECK_THROWS_WITH(spec_of(axes), Contains("/axes: 1000000000000 points"));
  CHECK(spec_of(axes + R"(, "sampler": {"kind": "random", "points": 10})").row_limit() == 10);
}
