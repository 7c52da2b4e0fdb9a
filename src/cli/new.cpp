// `vitality new config|workload`: a start for a machine or a model of one's own. JSON has no comments, so the words
// stand in "description", and of a config in "sources", which says of each key what it does.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "config/key_meanings.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

// The keys that most machines of one's own differ in.
constexpr const char* kFirstKeys[] = {"clock_mhz",
                                      "precision",
                                      "attention",
                                      "matrix_engine.rows",
                                      "matrix_engine.cols",
                                      "matrix_engine.dataflow",
                                      "matrix_engine.stationary_prefetch",
                                      "diagonal_engine.rows",
                                      "accumulators.lanes",
                                      "dividers.lanes",
                                      "dividers.latency_cycles",
                                      "adders.lanes",
                                      "scratchpad.capacity_kib",
                                      "scratchpad.banks",
                                      "scratchpad.port_bytes",
                                      "dram.device",
                                      "dram.channels",
                                      "mapping.objective",
                                      "energy"};

std::string new_config(const std::string& name) {
  const Json defaults = Json::parse(write_json(HardwareConfig{}));
  Json config = {{"name", name},
                 {"description",
                  "The published machine's values, to be changed. A key that is left out has its default; "
                  "docs/interface/config.md has every key. `sources` is for people: what each key does, and where its "
                  "value comes from."}};
  Json sources = Json::object();
  for (const std::string key : kFirstKeys) {
    Json::json_pointer pointer("/" + key);
    if (const std::size_t dot = key.find('.'); dot != std::string::npos)
      pointer = Json::json_pointer("/" + key.substr(0, dot) + "/" + key.substr(dot + 1));
    const Json& value = defaults.at(pointer);
    config[pointer] = value.is_object() ? value.at("name") : value;
    sources[key] = std::string(meaning_of(key).meaning) + " Default.";
  }
  config["sources"] = std::move(sources);
  return config.dump(2) + "\n";
}

std::string new_workload(const std::string& name) {
  return "{\n  \"name\": " + json_string(name) + R"(,
  "description": "A small vision transformer, to be changed. Sizes are numbers, or expressions in the names of dims. A layer reads the layer before it unless it has inputs; docs/interface/workload.md has every key and kind of layer.",
  "image": {"height": 64, "width": 64, "channels": 3},
  "dims": {"patch": 16, "dim": 64, "heads": 4, "hidden": "4*dim", "classes": 10},
  "blocks": {
    "encoder": [
      {"name": "{block}.norm1", "kind": "layer_norm"},
      {"name": "{block}.qkv", "kind": "linear", "out_features": "3*dim"},
      {"name": "{block}.attn", "kind": "attention", "heads": "heads", "d_qk": "dim/heads", "layout": "qkv"},
      {"name": "{block}.proj", "kind": "linear", "out_features": "dim"},
      {"name": "{block}.residual1", "kind": "add", "inputs": ["previous", "block_input"]},
      {"name": "{block}.norm2", "kind": "layer_norm"},
      {"name": "{block}.fc1", "kind": "linear", "out_features": "hidden"},
      {"name": "{block}.gelu", "kind": "activation", "function": "gelu"},
      {"name": "{block}.fc2", "kind": "linear", "out_features": "dim"},
      {"name": "{block}.residual2", "kind": "add", "inputs": ["previous", "{block}.residual1"]}
    ]
  },
  "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": "dim", "kernel": "patch", "stride": "patch"},
    {"name": "cls_token", "kind": "concat_token"},
    {"name": "pos_embed", "kind": "position_embedding"},
    {"block": "encoder", "name": "blocks.{i}", "repeat": 4},
    {"name": "norm", "kind": "layer_norm"},
    {"name": "head", "kind": "linear", "rows": 1, "out_features": "classes"}
  ]
}
)";
}

}  // namespace

int new_command(const Arguments& arguments) {
  po::options_description options("options");
  // clang-format off
  options.add_options()
      ("what", po::value<std::vector<std::string>>(), "config or workload (the word without a dash)")
      ("name", po::value<std::string>()->default_value("mine"), "name of the machine or the model")
      ("out", po::value<std::string>()->default_value("-"), "a file that is not there yet; - is stdout");
  // clang-format on
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality new config|workload [--name NAME] [--out F.json]\n\nA start for a machine or a "
                     "model of your own: what to change, with a word on each key.",
                     options, "what", values)) {
    return kDone;
  }
  const auto words = values.count("what") ? values["what"].as<std::vector<std::string>>() : std::vector<std::string>{};
  if (words.size() != 1) throw InputError("", "", "expected one of config, workload");
  const bool config = choice(words[0], "what", {"config", "workload"}) == 0;
  const std::string name = values["name"].as<std::string>(), out = values["out"].as<std::string>();
  if (name.empty()) throw InputError("", "", "option --name: expected a name, found nothing");
  std::error_code ignored;
  if (!is_standard_output(out) && std::filesystem::is_regular_file(out, ignored))
    throw InputError(out, "", "is there already, expected a new file");
  OutputSet files;
  files.add(out, config ? new_config(name) : new_workload(name));
  files.commit();
  return kDone;
}

}  // namespace vitality::cli
