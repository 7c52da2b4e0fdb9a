// An evaluation as an input of the report: what the page counts on is checked, and the whole document reaches the page.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "report/page/html_page.h"
#include "report/page/page_data.h"
#include "report/read/report_input.h"

using namespace vitality;

namespace {

const char* const kEvaluation = R"({"schema_version": 1,
  "manifest": {"version": "1.0", "command": "vitality evaluate", "kernels": "avx2"},
  "workload": {"name": "mine", "parameters": 5, "macs": 6},
  "evaluation": {"images": 10, "classes": 12, "kinds": [
      {"attention": "taylor", "top1": 0.5, "top1_low": 0.24, "top1_high": 0.76, "top5": 1, "top5_low": 0.72, "top5_high": 1,
       "layers": [{"name": "attn", "attention": "softmax", "scores_below_minus_one": 0.25, "z_max_rel_error": 1.5, "z_cosine_similarity": 0.9,
                   "mask_density": 0.3, "mask_kept_density": 0.2}]}],
    "machine": {"name": "m", "attention": "taylor", "precision": "int8", "images": 4, "calibration_images": 6, "saturated": 3,
                "saturated_by_layer": {"attn": 3}, "depends_on_data": true, "cycles": 100.5, "cycles_p5": 90, "cycles_p95": 110,
                "agreement_with_reference": 1, "logits_max_rel_error": 0.01}}})";

ReportInput input_of(const nlohmann::json& json) {
  ReportInput input;
  add_report_document(json.dump(), "in.json", input);
  return input;
}
nlohmann::json changed(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json json = nlohmann::json::parse(kEvaluation);
  json[nlohmann::json::json_pointer(pointer)] = value;
  return json;
}
std::string error_of(const nlohmann::json& json) {
  try {
    input_of(json);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("an evaluation reaches the page whole") {
  const nlohmann::json json = nlohmann::json::parse(kEvaluation);
  std::string text;
  write_page_data(input_of(json), "title", [&](std::string_view part) { text += part; });
  const nlohmann::json data = nlohmann::json::parse(text);
  REQUIRE(data["evaluations"].size() == 1);
  CHECK(data["evaluations"][0]["file"] == "in.json");
  CHECK(data["evaluations"][0]["evaluation"] == json);
  CHECK(data["results"].empty());
  // What a later version adds is not in the way.
  CHECK(error_of(changed("/evaluation/kinds/0/more", {{"a", 1}})) == "no error");
}

TEST_CASE("an evaluation's wrong values are refused with their place") {
  const std::pair<const char*, nlohmann::json> wrong[] = {{"/manifest", 1},
                                                          {"/manifest/command", 1},
                                                          {"/workload", nullptr},
                                                          {"/workload/name", 5},
                                                          {"/evaluation", {1}},
                                                          {"/evaluation/images", 2.5},
                                                          {"/evaluation/classes", -1},
                                                          {"/evaluation/kinds", "softmax"},
                                                          {"/evaluation/kinds", nlohmann::json::array()},
                                                          {"/evaluation/kinds/0", 1},
                                                          {"/evaluation/kinds/0/attention", nullptr},
                                                          {"/evaluation/kinds/0/top1", 1.01},
                                                          {"/evaluation/kinds/0/top5_low", -0.1},
                                                          {"/evaluation/kinds/0/agreement_with_softmax", "all"},
                                                          {"/evaluation/kinds/0/layers", 0},
                                                          {"/evaluation/kinds/0/layers/0", "attn"},
                                                          {"/evaluation/kinds/0/layers/0/name", 1},
                                                          {"/evaluation/kinds/0/layers/0/scores_below_minus_one", 2},
                                                          {"/evaluation/kinds/0/layers/0/z_max_rel_error", -1},
                                                          {"/evaluation/kinds/0/layers/0/z_cosine_similarity", 1.1},
                                                          {"/evaluation/kinds/0/layers/0/mask_density", nullptr},
                                                          {"/evaluation/machine", "m"},
                                                          {"/evaluation/machine/precision", 8},
                                                          {"/evaluation/machine/saturated", 1.5},
                                                          {"/evaluation/machine/saturated_by_layer", 3},
                                                          {"/evaluation/machine/saturated_by_layer/attn", "many"},
                                                          {"/evaluation/machine/depends_on_data", 1},
                                                          {"/evaluation/machine/energy_mj_p95", -1}};
  for (const auto& [pointer, value] : wrong) {
    INFO(pointer << " = " << value);
    CHECK_THAT(error_of(changed(pointer, value)), Catch::StartsWith(std::string("in.json: ") + pointer + ": "));
  }
  for (const char* name : {"/workload/name", "/evaluation/kinds", "/evaluation/machine/name"}) {
    nlohmann::json json = nlohmann::json::parse(kEvaluation);
    const nlohmann::json::json_pointer at(name);
    json[at.parent_pointer()].erase(at.back());
    CHECK_THAT(error_of(json), Catch::Contains(name));
  }
  nlohmann::json many = nlohmann::json::parse(kEvaluation);
  const nlohmann::json kind = many["evaluation"]["kinds"][0];
  for (int i = 0; i < 64; ++i) many["evaluation"]["kinds"].push_back(kind);
  CHECK_THAT(error_of(many), Catch::Contains("at most 64"));
  ReportInput input;
  for (std::size_t i = 0; i < kMaxReportResults; ++i) add_report_document(kEvaluation, "in.json", input);
  CHECK_THROWS_AS(add_report_document(kEvaluation, "in.json", input), InputError);
}
