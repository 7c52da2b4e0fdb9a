// The report's inputs and what is embedded in its page: nothing in a file may end the script element it stands in.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "report/page/figures.h"
#include "report/page/html_page.h"
#include "report/page/page_data.h"
#include "report/read/report_input.h"

using namespace vitality;

namespace {

std::string golden(const std::string& name) {
  return read_text_file(std::string(VITALITY_SOURCE_DIR) + "/tests/golden/report/" + name);
}
ReportInput input_of(const std::string& text) {
  ReportInput input;
  add_report_document(text, "in.json", input);
  return input;
}
std::string data_text(const ReportInput& input, const std::string& title) {
  std::string out;
  write_page_data(input, title, [&](std::string_view text) { out += text; });
  return out;
}
std::string html_text(const ReportInput& input, const std::string& title) {
  std::string out;
  write_html_page(input, title, [&](std::string_view text) { out += text; });
  return out;
}
nlohmann::json data_of(const ReportInput& input) {
  return nlohmann::json::parse(data_text(input, "title"));
}
std::string error_of(const std::string& text) {
  try {
    input_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}
// The golden result with one value replaced or, without a value, removed.
std::string changed(const std::string& pointer, const char* value) {
  nlohmann::json json = nlohmann::json::parse(golden("vitality.json"));
  const nlohmann::json::json_pointer at(pointer);
  if (value != nullptr)
    json[at] = nlohmann::json::parse(value);
  else
    json[at.parent_pointer()].erase(at.back());
  return json.dump();
}

const std::string kEvil = "</script><script>alert(1)</script><!-- \"'`\\ \xe2\x80\xa8 \xf0\x9f\x9a\x80";

std::string sweep_text(const std::string& points) {
  return R"({"schema_version":1,"spec":{"axes":{"dram.channels":[1,2],"precision":["int8","int16"],"f":[true,0.5]},)"
         R"("objectives":{"latency_ms":"min","gops":"max"},"constraints":["area_mm2 <= 6"]},"points":[)" +
         points + "]}";
}
const std::string kPoint =
    R"({"axes":{"dram.channels":2,"precision":"int8","f":0.5},"workload":"w","status":"ok","reason":"",)"
    R"("totals":{"latency_ms":1.23456789012,"gops":2000000001,"cycles":7},"pareto":true})";
const std::string kInfeasible =
    R"({"axes":{"dram.channels":1,"precision":"int16","f":true},"workload":"w","status":"infeasible","reason":"why",)"
    R"("totals":{},"pareto":false})";

}  // namespace

TEST_CASE("a result's numbers arrive in the page") {
  const ReportInput input = input_of(golden("vitality.json"));
  REQUIRE(input.results.size() == 1);
  const nlohmann::json source = nlohmann::json::parse(golden("vitality.json"));
  const nlohmann::json run = data_of(input)["results"][0];
  CHECK(run["machine"] == "vitality");
  for (const auto& [key, value] : source.items())
    if (key != "config") CHECK(run["result"][key] == value);
  const LayerResult& layer = input.results[0].result.layers[0];
  CHECK(layer.end_cycle == source["layers"][0]["end_cycle"]);
  CHECK(layer.energy.compute == source["layers"][0]["energy_breakdown_pj"]["compute"]);
  // 64 x 64 and the diagonal's 64 multiply-accumulators at 500 MHz; four channels of DDR4-2400.
  CHECK(run["peak_gops"].get<double>() == Approx(2 * 4160 * 0.5));
  CHECK(run["dram_gb_s"].get<double>() == Approx(4 * 8 * 2 / 0.833));
  CHECK(run["clock_mhz"].get<double>() == Approx(500));
}

TEST_CASE("no text of an input can leave the script element") {
  nlohmann::json json = nlohmann::json::parse(golden("vitality.json"));
  json["config"]["name"] = kEvil;
  json["workload"]["name"] = kEvil;
  json["layers"][0]["name"] = kEvil;
  json["layers"][0]["time_split"] = {{kEvil, 5}, {"__proto__", 6}};
  json["units"][0]["name"] = kEvil;
  json["config"][kEvil] = kEvil;
  const ReportInput input = input_of(json.dump());
  const std::string data = data_text(input, kEvil);
  CHECK(data.find('<') == std::string::npos);
  CHECK(std::all_of(data.begin(), data.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  const nlohmann::json back = nlohmann::json::parse(data);
  CHECK(back["title"] == kEvil);
  CHECK(back["results"][0]["machine"] == kEvil);
  CHECK(back["results"][0]["result"]["layers"][0]["name"] == kEvil);
  CHECK(back["results"][0]["result"]["layers"][0]["time_split"][kEvil] == 5);
  // The page has exactly the script elements of its frame, whatever the data says.
  const auto count = [](const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
    return found;
  };
  const std::string page = html_text(input, kEvil), plain = html_text(input_of(golden("vitality.json")), "title");
  CHECK(count(page, "</script") == count(plain, "</script"));
  CHECK(count(page, "<script") == count(plain, "<script"));
  CHECK(count(page, "<!--") == count(plain, "<!--"));
}

TEST_CASE("text that looks like a mark of the page's frame stays text") {
  const std::string page = html_text(input_of(changed("/workload/name", "\"{{script}} {{library}} {{data}}\"")), "t");
  CHECK(page.find("\"{{script}} {{library}} {{data}}\"") != std::string::npos);
  CHECK(page.find("selfTest()") != std::string::npos);
  CHECK(page.rfind("<!DOCTYPE html>", 0) == 0);
}

TEST_CASE("the page asks for nothing from elsewhere") {
  const std::string page = html_text(input_of(golden("vitality.json")), "t");
  CHECK(page.find("default-src 'none'") != std::string::npos);
  for (const char* way : {"<script src", "<link rel=\"stylesheet\"", "@import", "src=\"http", "url(http"})
    CHECK(page.find(way) == std::string::npos);
}

TEST_CASE("names that are not UTF-8 do not stop the page") {
  ReportInput input = input_of(golden("vitality.json"));
  input.results[0].file = "\xff\xfe.json";
  CHECK(data_of(input)["results"][0]["file"] == "\xef\xbf\xbd\xef\xbf\xbd.json");
}

TEST_CASE("a sweep is stored by columns") {
  const ReportInput input = input_of(sweep_text(kPoint + "," + kInfeasible));
  const nlohmann::json sweep = data_of(input)["sweeps"][0];
  CHECK(sweep["points"] == 2);
  CHECK(sweep["axes"][0]["key"] == "dram.channels");
  CHECK(sweep["axes"][0]["values"] == nlohmann::json({1, 2}));
  CHECK(sweep["axes"][0]["column"] == nlohmann::json({1, 0}));
  CHECK(sweep["axes"][2]["values"] == nlohmann::json({true, 0.5}));
  CHECK(sweep["axes"][2]["column"] == nlohmann::json({1, 0}));
  CHECK(sweep["status"] == nlohmann::json({0, 1}));
  CHECK(sweep["pareto"] == nlohmann::json({1, 0}));
  CHECK(sweep["workload"] == nlohmann::json::array({0}));  // the same for all
  CHECK(sweep["reasons"] == nlohmann::json({"", "why"}));
  CHECK(sweep["reason"] == nlohmann::json({0, 1}));
  CHECK(sweep["metrics"] == nlohmann::json({"latency_ms", "gops", "cycles"}));
  CHECK(sweep["totals"][0] == nlohmann::json({1.234568, nullptr}));    // seven digits
  CHECK(sweep["totals"][1] == nlohmann::json({2000000001, nullptr}));  // whole numbers as they are
  CHECK(sweep["objectives"][1]["max"] == true);
}

TEST_CASE("a metric that only later points have is unknown for the earlier ones") {
  std::string later = kPoint;
  later.replace(later.find("\"cycles\""), 8, "\"tokens\"");
  const ReportInput input = input_of(sweep_text(kPoint + "," + later));
  REQUIRE(input.sweeps[0].metrics == std::vector<std::string>{"latency_ms", "gops", "cycles", "tokens"});
  CHECK(std::isnan(input.sweeps[0].points[0].totals[3]));
  CHECK(std::isnan(input.sweeps[0].points[1].totals[2]));
  CHECK(input.sweeps[0].points[1].totals[3] == 7);
}

TEST_CASE("a comparison's pairs know their machine and model") {
  const ReportInput input = input_of(golden("comparison.json"));
  REQUIRE(input.comparisons.size() == 1);
  const ReportComparison& comparison = input.comparisons[0];
  CHECK(comparison.machines.size() == 3);
  CHECK(comparison.machines[1].tag == "scaled");
  CHECK(comparison.workloads == std::vector<std::string>{"deit_tiny", "deit_small"});
  REQUIRE(comparison.pairs.size() == 6);
  CHECK(comparison.pairs[4].machine == 2);
  CHECK(comparison.pairs[4].workload == 0);
  CHECK(comparison.pairs[4].whole.latency_ms == Approx(9));
  CHECK(comparison.pairs[3].status == PointStatus::kInfeasible);
  CHECK(std::isnan(comparison.pairs[3].whole.speedup));
  CHECK(data_of(input)["comparisons"][0]["pairs"][3]["whole"]["speedup"].is_null());
}

TEST_CASE("errors in inputs name the file, the place and what was expected") {
  CHECK(error_of("{}").find("in.json: expected a result") == 0);
  CHECK(error_of("[1]").find("in.json: expected a result") == 0);
  CHECK(error_of("{\"layers\":[").find("in.json: ") == 0);
  CHECK(error_of(changed("/schema_version", "3")).find("in.json: /schema_version: ") == 0);
  CHECK(error_of(changed("/totals/cycles", "-1")).find("in.json: /totals/cycles: ") == 0);
  CHECK(error_of(changed("/totals/latency_ms", "\"fast\"")).find("in.json: /totals/latency_ms: ") == 0);
  CHECK(error_of(changed("/totals/latency_ms", nullptr)).find("in.json: /totals: missing key \"latency_ms\"") == 0);
  CHECK(error_of(changed("/workload", nullptr)).find("in.json: missing key \"workload\"") == 0);
  CHECK(error_of(changed("/layers/0/name", "7")).find("in.json: /layers/0/name: expected a string") == 0);
  CHECK(error_of(changed("/layers/1", "null")).find("in.json: /layers/1: ") == 0);
  CHECK(error_of(changed("/layers/0/end_cycle", "-5")).find("in.json: /layers/0/end_cycle: ") == 0);
  CHECK(error_of(changed("/layers/0/time_split", "[1]")).find("in.json: /layers/0/time_split: ") == 0);
  CHECK(error_of(changed("/units/0/stall_cycles/dram", "0.5")).find("in.json: /units/0/stall_cycles/dram: ") == 0);
  CHECK(error_of(changed("/units", "{}")).find("in.json: /units: expected a list") == 0);
  CHECK(error_of(sweep_text("7")).find("in.json: /points/0/axes: ") == 0);
  std::string point = kPoint;
  point.replace(point.find("\"int8\""), 6, "\"int4\"");
  CHECK(error_of(sweep_text(point)).find("in.json: /points/0/axes/precision: ") == 0);
  point = kPoint;
  point.replace(point.find("\"ok\""), 4, "\"fine\"");
  CHECK(error_of(sweep_text(point)).find("in.json: /points/0/status: expected ok, infeasible") == 0);
  const auto steps = [](const std::string& convergence) {
    std::string text = sweep_text(kPoint);
    return text.insert(text.find("\"points\":"), "\"convergence\":" + convergence + ",");
  };
  CHECK(error_of(steps("7")).find("in.json: /convergence: expected a list") == 0);
  CHECK(error_of(steps("[[1,0.5],[2]]")).find("in.json: /convergence/1: expected a number of designs") == 0);
  CHECK(error_of(steps("[[0.5,1]]")).find("in.json: /convergence/0: ") == 0);
  const nlohmann::json arrived = data_of(input_of(steps("[[1,0.25],[9,1]]")))["sweeps"][0]["convergence"];
  CHECK(arrived == nlohmann::json::parse("[[1,0.25],[9,1]]"));
  CHECK(error_of(R"({"kind":"comparison"})").find("in.json: /machines: expected a list") == 0);
  CHECK(error_of(
            R"({"kind":"comparison","machines":[{"name":"a"}],"pairs":[{"machine":"b","workload":"w","status":"ok"}]})")
            .find("in.json: /pairs/0/machine: not among /machines") == 0);
}

TEST_CASE("the units' timeline arrives in the page and as a figure, and what does not fit it is refused") {
  const auto with = [](const char* timeline) {
    nlohmann::json json = nlohmann::json::parse(golden("vitality.json"));
    json["timeline"] = nlohmann::json::parse(timeline);
    return json.dump();
  };
  const ReportInput input =
      input_of(with(R"({"bin_cycles":300,"occupied_cycles":{"sa_general":[300,0,7],"else":[1]}})"));
  const SimulationResult& result = input.results[0].result;
  CHECK(result.bin_cycles == 300);
  CHECK(result.units[0].occupied == std::vector<Cycles>{300, 0, 7});
  CHECK(result.units[1].occupied.empty());
  const std::vector<Figure> figures = figures_of(input);
  const auto figure = std::find_if(figures.begin(), figures.end(),
                                   [](const Figure& f) { return f.name.find("unit-timeline") != std::string::npos; });
  REQUIRE(figure != figures.end());
  // 300 of 300 cycles at 500 MHz: from 0 to 0.0006 ms, full.
  CHECK_THAT(figure->commands, Catch::Contains("0.0003 0 0 0.0006 -0.36 0.36 1\n"));

  CHECK(error_of(with(R"({"occupied_cycles":{}})")).find("in.json: /timeline: missing key \"bin_cycles\"") == 0);
  CHECK(error_of(with(R"({"bin_cycles":0,"occupied_cycles":{}})")).find("in.json: /timeline/bin_cycles: ") == 0);
  CHECK(error_of(with(R"({"bin_cycles":5,"occupied_cycles":{"sa_general":[6]}})"))
            .find("in.json: /timeline/occupied_cycles/sa_general/0: ") == 0);
  CHECK(error_of(with(R"({"bin_cycles":5,"occupied_cycles":{"sa_general":7}})"))
            .find("in.json: /timeline/occupied_cycles/sa_general: expected a list") == 0);
}

TEST_CASE("what a result does not have is not needed, what later versions add is let through") {
  nlohmann::json json = nlohmann::json::parse(golden("vitality.json"));
  for (const char* key : {"config", "manifest", "attention_totals", "critical_path_cycles", "not_charged", "numerics"})
    json.erase(key);
  json["new"] = {{"a", 1}};
  json["layers"][0]["new"] = "x";
  const ReportInput input = input_of(json.dump());
  CHECK(input.results[0].machine == "in");  // the file's name
  CHECK(input.results[0].dram_gb_s == 0);
  CHECK(data_of(input)["results"][0]["result"]["new"]["a"] == 1);
}

TEST_CASE("the reader keeps the operands of a training step and refuses parts that are not what they should be") {
  nlohmann::json json = nlohmann::json::parse(golden("vitality.json"));
  json["layers"][0]["bytes"]["dram_by_cause"] = {{"gradients", {{"store", 5}}}, {"optimizer_state", {{"load", 7}}}};
  json["training"] = {{"optimizer", "adamw"}, {"phases", {{{"name", "forward"}, {"cycles", 9}}}}};
  json["what_if"] = {{{"resource", "dram.channels"}, {"change", "4 -> 8"}, {"cycles", -1}}};
  const SimulationResult result = input_of(json.dump()).results[0].result;
  REQUIRE(result.layers[0].dram_traffic.size() == 2);
  CHECK(result.layers[0].dram_traffic[1].operand == "optimizer_state");
  CHECK(result.layers[0].dram_traffic[1].bytes == 7);
  CHECK(result.training.phases[0].cycles == 9);
  CHECK(result.what_if[0].cycles == -1);

  for (const auto& [pointer, wrong] :
       std::vector<std::pair<std::string, const char*>>{{"/training", "5"},
                                                        {"/training/phases", "{}"},
                                                        {"/training/phases/0/cycles", "-1"},
                                                        {"/what_if", "\"x\""},
                                                        {"/what_if/0/cycles", "-2"},
                                                        {"/batch", "{\"images\": \"x\"}"},
                                                        {"/numerics/seeded_weights", "-1"},
                                                        {"/layers/0/mask", "[]"},
                                                        {"/layers/0/bytes/dram_by_cause/gradients", "3"}}) {
    nlohmann::json bad = json;
    bad[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(wrong);
    INFO(pointer);
    CHECK(error_of(bad.dump()).find("in.json: " + pointer) == 0);
  }
}

TEST_CASE("bars of a comparison in figures: a colour for every machine, a logarithmic axis beyond a decade") {
  nlohmann::json json = nlohmann::json::parse(golden("comparison.json"));
  json["machines"] = nlohmann::json::array(), json["pairs"] = nlohmann::json::array();
  for (int m = 0; m < 40; ++m) {
    const std::string name = "m" + std::to_string(m);
    json["machines"].push_back({{"name", name}});
    const double speedup = 1 + 0.2 * m;
    json["pairs"].push_back({{"machine", name},
                             {"workload", "w"},
                             {"status", "ok"},
                             {"end_to_end", {{"speedup", speedup}}},
                             {"attention", {{"speedup", 2 * speedup * speedup}}}});
  }
  std::string ends, attention;
  for (const Figure& figure : figures_of(input_of(json.dump()))) {
    if (figure.name.find("attention-speedup") != std::string::npos)
      attention = figure.commands;
    else if (figure.name.find("speedup") != std::string::npos)
      ends = figure.commands;
  }
  std::set<std::string> colors;
  for (std::size_t at = 0; (at = ends.find("lc rgb '#", at)) != std::string::npos; ++at) {
    const std::string color = ends.substr(at + 8, 7);
    if (color != "#e6e9ed") colors.insert(color);  // the grid
  }
  CHECK(colors.size() >= 40);
  CHECK(ends.find("logscale") == std::string::npos);  // 1 to 8.8
  CHECK(attention.find("set logscale y") != std::string::npos);
}

TEST_CASE("too many results are refused with the limit") {
  ReportInput input;
  for (std::size_t i = 0; i < kMaxReportResults; ++i) add_report_document(golden("vitality.json"), "in.json", input);
  CHECK_THROWS_WITH(add_report_document(golden("vitality.json"), "in.json", input),
                    Catch::Contains("at most 64 results"));
}

TEST_CASE("text in gnuplot scripts cannot become a command") {
  CHECK(gnuplot_text("DeiT-Tiny") == "'DeiT-Tiny'");
  const std::string evil = gnuplot_text("a'; system \"x\" `y` \\\n\nEOD\nplot");
  CHECK(evil.front() == '\'');
  CHECK(evil.back() == '\'');
  CHECK(evil.substr(1, evil.size() - 2).find_first_of("'\"`\\\n") == std::string::npos);
}

TEST_CASE("an axis' main effect comes from matched points, or from a fit where none match") {
  // latency = a + 10 b; `missing` are infeasible.
  const auto figure = [](const std::vector<std::pair<int, int>>& missing, const std::string& name) {
    std::string points;
    for (const int a : {1, 2, 4})
      for (const int b : {1, 2}) {
        const bool ok = std::find(missing.begin(), missing.end(), std::make_pair(a, b)) == missing.end();
        points += std::string(points.empty() ? "" : ",") + R"({"axes":{"dividers.lanes":)" + std::to_string(a) +
                  R"(,"dram.channels":)" + std::to_string(b) + R"(},"workload":"w","status":")" +
                  (ok ? "ok" : "infeasible") + R"(","reason":"","totals":{)" +
                  (ok ? "\"latency_ms\":" + std::to_string(a + 10 * b) : "") + R"(},"pareto":false})";
      }
    const ReportInput input =
        input_of(R"({"schema_version":1,"spec":{"axes":{"dividers.lanes":[1,2,4],"dram.channels":[1,2]},)"
                 R"("objectives":{"latency_ms":"min"},"constraints":[]},"points":[)" +
                 points + "]}");
    for (const Figure& drawn : figures_of(input))
      if (drawn.name.find(name) != std::string::npos) return drawn.commands;
    return std::string();
  };
  using Catch::Contains;
  // (4, 1) is missing: the lanes are compared at 2 channels only, the channels at 1 and 2 lanes only.
  CHECK_THAT(figure({{4, 1}}, "by-dividers"),
             Contains("\"1\" 0 21 ") && Contains("\"2\" 1 22 ") && Contains("\"4\" 2 24 ") && Contains("matched"));
  CHECK_THAT(figure({{4, 1}}, "by-dram"), Contains("\"1\" 0 11.5 ") && Contains("\"2\" 1 21.5 "));
  // No two points differ in the lanes alone: 4 lanes are fitted 3 above 1 lane, though their mean is 13 above.
  const std::string fitted = figure({{4, 1}, {1, 2}}, "by-dividers");
  CHECK_THAT(fitted, Contains("fitted"));
  double one = 0, four = 0;
  REQUIRE(std::sscanf(fitted.c_str() + fitted.find("\"1\" 0 "), "\"1\" 0 %lf", &one) == 1);
  REQUIRE(std::sscanf(fitted.c_str() + fitted.find("\"4\" 2 "), "\"4\" 2 %lf", &four) == 1);
  CHECK(four - one == Approx(3).margin(1e-3));
}

TEST_CASE("every chart has a figure, with a name fit for a file") {
  ReportInput input = input_of(golden("vitality.json"));
  add_report_document(golden("dense_softmax.json"), "in.json", input);
  add_report_document(golden("comparison.json"), "in.json", input);
  add_report_document(sweep_text(kPoint + "," + kInfeasible), "in.json", input);
  input.results[0].label = "../../" + kEvil;
  const std::vector<Figure> figures = figures_of(input);
  std::vector<std::string> names;
  for (const Figure& figure : figures) {
    names.push_back(figure.name);
    CHECK(figure.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos);
    CHECK(figure.commands.find("</script>\n") == std::string::npos);
  }
  for (const char* chart :
       {"roofline", "time", "units", "energy-layers", "energy-units", "timeline", "speedup", "runs-latency", "pareto"})
    CHECK(std::any_of(names.begin(), names.end(),
                      [&](const std::string& name) { return name.find(chart) != std::string::npos; }));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
