#include "cli/run_request.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "workload/batch.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

std::string path_option(const po::variables_map& values, const char* option) {
  if (!values.count(option)) return "";
  std::string value = values[option].as<std::string>();
  if (value.empty()) throw InputError("", "", std::string("option --") + option + ": expected a name, found nothing");
  return value;
}

po::options_description described_options() {
  po::options_description options("options");
  const auto text = [] { return po::value<std::string>(); };
  const auto with_default = [](const char* value) { return po::value<std::string>()->default_value(value); };
  // clang-format off
  options.add_options()
      ("config", text(), "the machine")
      ("workload", text(), "the model")
      ("set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value: another config value; workload.key=value: another size of the model: a dim, image.height, image.width, or image, both sides; /pointer=value: another value of --mapping's file (repeatable)")
      ("mode", with_default("inference"), "inference, or training: one step of forward, backward and update")
      ("numerics", with_default("check"), "check: compute every value on the machine and compare with the reference; off: cycles alone")
      ("seed", po::value<std::int64_t>()->default_value(1), "of the random weights and images where --inputs gives none")
      ("inputs", text(), "folder of .npy tensors: every weight, NAME.npy by `list tensors`; images input.npy, input.1.npy, ... for the whole batch or none")
      ("allow-seeded", po::bool_switch(), "weights that are not in --inputs come from --seed")
      ("mapping", text(), "how the layers run, from a file of --mapping-out, perhaps edited; the search maps the layers that it leaves out")
      ("layers", text(), "simulate only layers whose name matches this pattern (*, ?, [abc])")
      ("batch", po::value<std::int64_t>()->default_value(1), "images of the run; image i is the one of seed + i")
      ("result", text(), "writes the result as JSON; - is stdout, here and for every other file")
      ("csv", text(), "folder for totals.csv, layers.csv, units.csv (training: phases.csv)")
      ("mapping-out", text(), "writes how the layers were run, as --mapping takes it (`vitality schema mapping`)")
      ("outputs", text(), "folder for the machine's outputs of layers, LAYER.npy (float64, real values; image i of a batch: imagei/LAYER.npy)")
      ("outputs-of", text(), "the layers whose name matches this pattern; without it the last one")
      ("trace", text(), "writes a Perfetto/Chrome trace (JSON)")
      ("vcd", text(), "writes unit states as VCD")
      ("dram-commands", text(), "writes every DRAM command as CSV (dram.model banked)")
      ("what-if", po::bool_switch(), "also simulates the machine with each resource doubled, and says what that would buy")
      ("check", po::bool_switch(), "checks the schedule before it runs (indices, places in the scratchpad, who waits for whom), and what the units count against the accounts")
      ("checkpoint", text(), "keeps what mapping.search simulate has simulated in this file, and goes on from there")
      ("search-budget", po::value<std::int64_t>()->default_value(kSearchBudget), "simulations that mapping.search simulate may use")
      ("quiet", po::bool_switch(), "prints no table")
      ("progress", with_default("auto"), "auto (on a terminal), always or never; on stderr");
  // clang-format on
  return options;
}

// Words of letters that no shell interprets are not quoted.
std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string("_-./=:,+@%").find(static_cast<char>(c)) != std::string::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::vector<std::string> RunRequest::arguments() const {
  std::vector<std::string> words{"--config", config, "--workload", workload};
  for (const std::string& value : overrides) words.insert(words.end(), {"--set", value});
  words.insert(words.end(), {"--mode", training ? "training" : "inference", "--numerics", numerics ? "check" : "off",
                             "--seed", std::to_string(seed)});
  if (!inputs.empty()) words.insert(words.end(), {"--inputs", inputs});
  if (allow_seeded) words.push_back("--allow-seeded");
  if (!mapping.empty()) words.insert(words.end(), {"--mapping", mapping});
  if (!layers.empty()) words.insert(words.end(), {"--layers", layers});
  if (images > 1) words.insert(words.end(), {"--batch", std::to_string(images)});
  if (search_budget != kSearchBudget) words.insert(words.end(), {"--search-budget", std::to_string(search_budget)});
  if (what_if) words.push_back("--what-if");
  return words;
}

bool parse_run(const Arguments& arguments, RunRequest& request) {
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality run --config C.json --workload W.json [OPTIONS]\n\nSimulates a model on a machine; "
          "prints a table of totals, layers and units. Exit code 3 when values are outside tolerance.",
          described_options(), "", values)) {
    return false;
  }
  for (const char* name : {"config", "workload"}) {
    if (!values.count(name)) throw InputError("", "", std::string("option --") + name + " is required; see --help");
  }
  request.config = path_option(values, "config");
  request.workload = path_option(values, "workload");
  if (values.count("set")) request.overrides = values["set"].as<std::vector<std::string>>();
  request.training = choice(values["mode"].as<std::string>(), "mode", {"inference", "training"}) == 1;
  request.numerics = choice(values["numerics"].as<std::string>(), "numerics", {"off", "check"}) == 1;
  const auto seed = values["seed"].as<std::int64_t>(), images = values["batch"].as<std::int64_t>();
  check_range("--seed", seed, 0, std::numeric_limits<std::int64_t>::max());
  check_range("--batch", images, 1, kMaxImages);
  request.seed = static_cast<std::uint64_t>(seed);
  request.images = static_cast<int>(images);
  request.inputs = path_option(values, "inputs");
  request.allow_seeded = values["allow-seeded"].as<bool>();
  request.layers = path_option(values, "layers");
  request.mapping = path_option(values, "mapping");
  request.mapping_out = path_option(values, "mapping-out");
  request.result = path_option(values, "result");
  request.csv = path_option(values, "csv");
  request.outputs = path_option(values, "outputs");
  request.outputs_of = path_option(values, "outputs-of");
  if (!request.outputs_of.empty() && request.outputs.empty())
    throw InputError("", "", "option --outputs-of needs --outputs, the folder to write to");
  if (!request.outputs.empty() && (!request.numerics || request.training))
    throw InputError("", "", "option --outputs: expected --mode inference and --numerics check, which compute values");
  for (const auto& [option, file] : {std::pair{"mapping", &request.mapping}, {"mapping-out", &request.mapping_out}})
    if (!file->empty() && request.training)
      throw InputError("", "",
                       std::string("option --") + option +
                           ": a training step is mapped by the search alone, expected --mode inference");
  request.trace = path_option(values, "trace");
  request.vcd = path_option(values, "vcd");
  request.dram_commands = path_option(values, "dram-commands");
  request.checkpoint = path_option(values, "checkpoint");
  check_checkpoint(request.checkpoint,
                   {request.result, request.mapping_out, request.trace, request.vcd, request.dram_commands});
  const auto budget = values["search-budget"].as<std::int64_t>();
  check_range("--search-budget", budget, 1, 1'000'000);
  request.search_budget = static_cast<int>(budget);
  request.what_if = values["what-if"].as<bool>();
  request.check = values["check"].as<bool>();
  request.quiet = values["quiet"].as<bool>();
  request.progress = parse_progress(values["progress"].as<std::string>());
  return true;
}

std::string command_line(const std::string& subcommand, const std::vector<std::string>& arguments) {
  std::string line = "vitality " + subcommand;
  for (const std::string& word : arguments) line += " " + shell_word(word);
  return line;
}

}  // namespace vitality::cli
