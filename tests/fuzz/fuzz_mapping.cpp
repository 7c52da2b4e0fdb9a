// Mapping files: the input is a file, before its opening brace a setting a line (/pointer=value, as --set takes them).
// Its "machine" names one of the cases below. A mapping that is accepted makes a schedule that the checker accepts, and
// what that schedule says of its layers gives the same schedule again.
#include <algorithm>
#include <map>

#include "base/json_settings.h"
#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "mapping/mapping_json.h"
#include "schedule/check_schedule.h"
#include "tests/fuzz/fuzz.h"
#include "workload/batch.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kSource = VITALITY_SOURCE_DIR;

struct Case {
  HardwareConfig config;
  VitModel model;
};

VitModel shipped(const std::string& workload) {
  return read_workload(kSource + "/workloads/" + workload + ".json");
}

Case make_case(const VitModel& model, std::vector<std::string> settings, const std::string& machine = "vitality") {
  settings.insert(settings.begin(), {"matrix_engine.rows=16", "matrix_engine.cols=16"});
  return {read_hardware_config(kSource + "/configs/" + machine + ".json", settings), model};
}

// Small arrays, so that a layer has several tiles; between them they have every form of a mapping.
const Case& case_of(const JsonValue& document) {
  // Its first two layers work on the same rows in turn.
  static const VitModel rows = parse_workload(
      R"({"name": "rows", "image": {"height": 16, "width": 16, "channels": 8},
          "layers": [{"name": "a", "kind": "linear", "out_features": 64},
                     {"name": "b", "kind": "activation", "function": "gelu"},
                     {"name": "c", "kind": "linear", "out_features": 8},
                     {"name": "d", "kind": "add", "inputs": ["c", "image"]}]})",
      "rows.json");
  static const std::map<std::string, Case> cases{
      {"taylor", make_case(shipped("tiny_vit"), {})},
      {"layer", make_case(shipped("tiny_vit"), {"mapping.residency=layer"})},
      {"heads", make_case(shipped("tiny_vit"), {"scratchpad.capacity_kib=14"})},
      {"rows", make_case(rows, {"scratchpad.capacity_kib=14"})},
      {"batch", make_case(batched(shipped("tiny_vit"), 3), {})},
      {"softmax", make_case(shipped("tiny_levit"), {}, "dense_softmax")},
      {"g_stationary", make_case(shipped("tiny_vit"), {}, "vitality_g_stationary")},
      {"output_stationary", make_case(shipped("tiny_mobilevit"), {"matrix_engine.dataflow=output_stationary"})}};
  const JsonValue* name = document.find("machine");
  const auto found = name == nullptr ? cases.end() : cases.find(name->text());
  return found == cases.end() ? cases.at("taylor") : found->second;
}

Schedule mapped(const Case& c, const GivenMapping& given) {
  MappingOptions options;
  options.given = &given;
  return map_model(c.model, c.config, options);
}

std::string file_of(const Case& c, const Schedule& schedule) {
  MappingFile file{"again", c.model.name, {}, c.model.images > 1 ? to_string(schedule.batch_order) : ""};
  for (std::size_t i = 0; i < c.model.layers.size(); ++i)
    file.layers.emplace_back(c.model.layers[i].name, write_json(schedule.mappings[i]));
  return write_json(file);
}

void check(const Case& c, const GivenMapping& given) {
  const Schedule schedule = mapped(c, given);
  const std::vector<std::string> findings =
      check_schedule(schedule, {Bytes{c.config.scratchpad.capacity_kib} * 1024, storage_bytes(c.config.precision)});
  if (!findings.empty()) fuzz::broken("a mapping makes a right schedule: " + findings.front());
  const std::string written = file_of(c, schedule);
  try {
    Diagnostics diagnostics("written");
    const Schedule again = mapped(c, read_mapping(parse_json(written, "written"), &c.model, diagnostics));
    if (file_of(c, again) != written || again.jobs.size() != schedule.jobs.size() ||
        again.transfers.size() != schedule.transfers.size() || again.buffers.size() != schedule.buffers.size())
      fuzz::broken("a written mapping makes the same schedule again:\n" + written);
  } catch (const std::runtime_error& error) {
    fuzz::broken(std::string("a written mapping is accepted: ") + error.what() + "\n" + written);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input = fuzz::text_of(data, size);
  const std::size_t begin = std::min(input.find('{'), input.size());
  std::vector<std::string> settings;
  for (std::size_t at = 0, end; at < begin; at = end + 1) {
    end = std::min(input.find('\n', at), begin);
    if (end > at) settings.push_back(input.substr(at, end - at));
  }
  fuzz::accepts_or_refuses([&] {
    JsonDocument document = parse_json(input.substr(begin), "input");
    Diagnostics diagnostics("input");
    set_values(document, settings, "--set", diagnostics);
    const Case& c = case_of(document);
    try {
      check(c, read_mapping(document, &c.model, diagnostics));
    } catch (const InfeasibleError&) {
    }
  });
  return 0;
}
