// `vitality compare`: any machines on any models, side by side; the first machine is 1.0.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "analytic/like_for_like.h"
#include "analytic/provenance.h"
#include "base/cores.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/given_tensors.h"
#include "cli/options.h"
#include "cli/point_evaluator.h"
#include "config/hardware_config_json.h"
#include "explore/child_pool.h"
#include "explore/interrupt.h"
#include "report/comparison.h"
#include "sim/analytic_machines.h"
#include "sim/attention_masks.h"
#include "workload/settings.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

struct Request {
  std::vector<std::string> configs, workloads, overrides, inputs;
  bool allow_seeded = false;
  Normalization normalization = Normalization::kNone;
  bool same_dram = false, same_clock = false, numerics = true, quiet = false;
  std::uint64_t seed = 1;
  int jobs = 1;
  double time_limit_s = 0;
  std::map<std::string, std::string> files;  // format -> path
  TableView view;
};

struct Format {
  const char* option;
  const char* help;
  std::string (*write)(const Comparison&, const TableView&);
};
constexpr Format kFormats[] = {
    {"text", "writes the tables as text", comparison_text},
    {"csv", "writes one row a pair and scope", [](const Comparison& c, const TableView&) { return comparison_csv(c); }},
    {"json", "writes the comparison as JSON", [](const Comparison& c, const TableView&) { return comparison_json(c); }},
    {"markdown", "writes the tables as Markdown", comparison_markdown},
    {"latex", "writes the tables as LaTeX floats for a two-column article (booktabs, graphicx)", comparison_latex},
};

// The index of the option's word.
int choice(const po::variables_map& values, const char* name, const std::vector<std::string>& words) {
  const std::string& word = values[name].as<std::string>();
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<int>(i);
    list += (i == 0 ? "" : ", ") + words[i];
  }
  throw InputError("", "",
                   std::string("option --") + name + ": expected one of " + list + "; found \"" + word + "\"" +
                       suggestion(word, words));
}

std::vector<std::string> words_between_commas(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

void read_view(const po::variables_map& values, TableView& view) {
  for (const auto& [option, list] :
       {std::pair{"columns", &view.columns}, {"machines", &view.machines}, {"labels", &view.labels}})
    if (values.count(option)) *list = words_between_commas(values[option].as<std::string>());
  if (values.count("caption")) view.caption = values["caption"].as<std::string>();
}

// Over 60 lines: a statement for each option.
bool parse(const Arguments& arguments, Request& request) {
  po::options_description options("options");
  const auto list = [] { return po::value<std::vector<std::string>>()->composing()->multitoken(); };
  const auto word = [](const char* value) { return po::value<std::string>()->default_value(value); };
  // clang-format off
  options.add_options()
      ("config", list(), "machines; the first is the reference; FILE,key=value,... sets values of one alone")
      ("workload", list(), "models")
      ("set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value for every machine, workload.key=value for every model (repeatable)")
      ("normalize", word("none"), "none, macs, area or power: resizes every machine to the first one's budget")
      ("dram", word("auto"), "own or first: whose memory; auto = first when normalized, else own")
      ("clock", word("auto"), "own or first: whose clock; auto = first when normalized, else own")
      ("numerics", word("check"), "check: values and attention errors too; off: time and energy alone")
      ("seed", po::value<std::int64_t>()->default_value(1), "of the weights and images that --inputs does not give")
      ("inputs", po::value<std::vector<std::string>>()->composing(), "folder of a model's tensors, as run takes it; one for each model, in their order")
      ("allow-seeded", po::bool_switch(&request.allow_seeded), "weights that are not in --inputs come from --seed")
      ("jobs,j", po::value<std::int64_t>()->default_value(available_cores()), "pairs at a time, each in a process of its own")
      ("time-limit", number_option(0), "seconds a pair may take; 0 = no limit")
      ("columns", po::value<std::string>(), "columns of the tables, commas between: latency_ms, speedup, energy_mj, inf_per_j, gain, chip_gain, gops, gops_per_w, util; of attention also density, kept, error")
      ("machines", po::value<std::string>(), "the machines that the tables show, by name, commas between; the first --config stays the reference")
      ("labels", po::value<std::string>(), "what the tables call these machines, one each, commas between")
      ("caption", po::value<std::string>(), "of the LaTeX tables, before what each one shows")
      ("quiet,q", po::bool_switch(&request.quiet), "prints no table");
  for (const Format& format : kFormats) options.add_options()(format.option, po::value<std::string>(), format.help);
  // clang-format on
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality compare --config C1.json --config C2.json ... --workload W.json ... "
                     "[OPTIONS]\n\nOne run a pair, "
                     "in parallel; latency, energy, efficiency and attention error of every machine against the first.",
                     options, "", values))
    return false;
  for (const char* name : {"config", "workload"})
    if (!values.count(name)) throw InputError("", "", std::string("option --") + name + " is required; see --help");
  request.configs = values["config"].as<std::vector<std::string>>();
  request.workloads = values["workload"].as<std::vector<std::string>>();
  if (values.count("set")) request.overrides = values["set"].as<std::vector<std::string>>();
  if (values.count("inputs")) request.inputs = values["inputs"].as<std::vector<std::string>>();
  if (!request.inputs.empty() && request.inputs.size() != request.workloads.size())
    throw InputError("", "",
                     "option --inputs: " + std::to_string(request.inputs.size()) + " folders for " +
                         std::to_string(request.workloads.size()) + " workloads, expected one for each in their order");
  request.normalization = static_cast<Normalization>(choice(values, "normalize", {"none", "macs", "area", "power"}));
  const bool normalized = request.normalization != Normalization::kNone;
  const auto first = [&](const char* name) {
    const int which = choice(values, name, {"auto", "own", "first"});
    return which == 0 ? normalized : which == 2;
  };
  request.same_dram = first("dram"), request.same_clock = first("clock");
  request.numerics = choice(values, "numerics", {"off", "check"}) == 1;
  check_range("--seed", values["seed"].as<std::int64_t>(), 0, std::numeric_limits<std::int64_t>::max());
  request.seed = static_cast<std::uint64_t>(values["seed"].as<std::int64_t>());
  check_range("--jobs", values["jobs"].as<std::int64_t>(), 1, 4096);
  request.jobs = static_cast<int>(values["jobs"].as<std::int64_t>());
  request.time_limit_s = values["time-limit"].as<double>();
  if (!(request.time_limit_s >= 0))
    throw InputError("", "", "option --time-limit: expected a number of seconds, 0 or more");
  read_view(values, request.view);
  for (const Format& format : kFormats) {
    if (!values.count(format.option)) continue;
    const std::string path = values[format.option].as<std::string>();
    if (path.empty())
      throw InputError("", "", std::string("option --") + format.option + ": expected a file's name, found nothing");
    request.files[format.option] = path;
  }
  return true;
}

// FILE, or FILE,key=value,...: overrides for only this machine.
struct MachineWord {
  std::string path;
  std::vector<std::string> overrides;
};

MachineWord parse_machine(const std::string& word) {
  std::error_code ignored;
  if (std::filesystem::exists(word, ignored)) return {word, {}};
  MachineWord out;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = word.find(',', begin);
    const std::string part = word.substr(begin, end == std::string::npos ? end : end - begin);
    if (begin == 0)
      out.path = part;
    else
      out.overrides.push_back(part);
  }
  return out;
}

class Comparer {
 public:
  explicit Comparer(const Request& request) : request_(request), seeded_(request.seed) {
    const Settings settings = split_settings(request.overrides);
    if (!settings.mapping.empty())
      throw InputError("--set " + settings.mapping.front(), "",
                       "a pointer changes a mapping file, and compare has the search map each machine");
    for (const std::string& path : request.workloads) models_.push_back(read_workload(path, settings.workload));
    for (std::size_t i = 0; i < request.inputs.size(); ++i)
      inputs_.push_back(read_inputs(request.inputs[i], models_[i], request.allow_seeded, seeded_));
    std::vector<HardwareConfig> originals;
    for (const std::string& word : request.configs) {
      const MachineWord machine = parse_machine(word);
      std::vector<std::string> overrides = settings.machine;
      overrides.insert(overrides.end(), machine.overrides.begin(), machine.overrides.end());
      originals.push_back(read_hardware_config(machine.path, overrides));
      std::string& name = originals.back().name;
      for (const std::string& override : machine.overrides) name += " " + override;
      // Two machines with the same name could not be told apart in a table.
      const std::string once = name;
      const auto taken = [&] {
        return std::any_of(originals.begin(), originals.end() - 1,
                           [&](const auto& other) { return other.name == name; });
      };
      for (int count = 2; taken(); ++count) name = once + " (" + std::to_string(count) + ")";
    }
    candidates_ = like_for_like(originals, {request.normalization, request.same_dram, request.same_clock});
  }

  // Throws InputError if the masks make every pair impossible.
  Comparison run() {
    Comparison out;
    out.normalize = to_string(request_.normalization), out.numerics = request_.numerics, out.seed = request_.seed;
    for (const VitModel& model : models_) out.workloads.push_back(model.name);
    out.random_weights = false;
    for (std::size_t w = 0; w < models_.size(); ++w) {
      NumericsResult seeded;
      count_seeded(w < inputs_.size() ? inputs_[w].parameters.get() : nullptr, models_[w], seeded);
      out.random_weights = out.random_weights || seeded.seeded_weights > 0;
    }
    for (std::size_t m = 0; m < candidates_.size(); ++m) out.machines.push_back(describe(m));
    for (const Pair& pair : measure(request_.numerics)) {
      ComparedPair compared;
      compared.machine = pair.machine, compared.workload = pair.workload;
      const HardwareConfig& config = candidates_[pair.machine].config;
      fill_pair(pair.result, compared);
      if (is_simulated(config) && has_attention(models_[pair.workload])) fill_attention(pair.attention, compared);
      ComparedMachine& machine = out.machines[pair.machine];
      if (!is_simulated(config))  // devices and published models do not split their power
        compared.whole.on_chip_energy_mj = compared.attention.on_chip_energy_mj = kUnknown;
      if (compared.status == PointStatus::kOk) {
        if (std::isnan(machine.area_mm2) && pair.result.totals[Total::kAreaMm2] > 0)
          machine.area_mm2 = pair.result.totals[Total::kAreaMm2];
        // A machine that computes softmax attention has no approximation to measure.
        if (request_.numerics && std::isnan(compared.attention_error) && all_softmax(models_[pair.workload], config) &&
            config.cost_model == CostModel::kSimulated)
          compared.attention_error = 0;
      }
      out.pairs.push_back(std::move(compared));
    }
    complete(out);
    return out;
  }
  std::vector<std::string> machine_names() const {
    std::vector<std::string> names;
    for (const ComparableMachine& candidate : candidates_) names.push_back(candidate.config.name);
    return names;
  }
  bool interrupted() const { return interrupted_; }
  bool lost_a_pair() const { return lost_; }  // some pair was stopped by the environment again and again

 private:
  struct Pair {
    std::size_t machine, workload;
    PointResult result;
    PointResult attention;  // of the attention layers alone, if that is a run of its own
  };

  static bool all_softmax(const VitModel& model, const HardwareConfig& config) {
    return !any_attention(model, config.attention, [](AttentionKind kind) { return kind != AttentionKind::kSoftmax; });
  }
  // Why this pair is not even started; "" if it is.
  std::string refuse(const ComparableMachine& candidate, const VitModel& model) {
    if (!candidate.refusal.empty()) return candidate.refusal;
    const HardwareConfig& config = candidate.config;
    if (!is_simulated(config) || !any_mask(model, config.attention) || config.sparsity.source != SparsitySource::kFile)
      return "";
    try {
      MaskSource(model, config, request_.seed);
    } catch (const InputError& error) {
      if (!bad_masks_) bad_masks_ = error;
      return error.what();
    }
    return "";
  }

  // Runs every pair in a process of its own, ordered by machine. The layers of a simulated machine overlap, so its
  // attention alone needs a second run, of only those layers; other machines run one layer after the other.
  std::vector<Pair> measure(bool numerics) {
    std::vector<Pair> pairs;
    for (std::size_t m = 0; m < candidates_.size(); ++m)
      for (std::size_t w = 0; w < models_.size(); ++w) {
        const std::string refusal = refuse(candidates_[m], models_[w]);
        Pair pair{m, w, {}, {}};
        pair.result.status = refusal.empty() ? PointStatus::kFailed : PointStatus::kInfeasible;
        pair.result.reason = refusal.empty() ? "interrupted" : refusal;
        pair.attention = pair.result;
        pairs.push_back(pair);
      }
    const auto config_of = [&](std::size_t run) -> const HardwareConfig& {
      return candidates_[pairs[run / 2].machine].config;
    };
    const auto measures = [&](std::size_t run) { return is_measured(config_of(run)); };
    std::vector<std::size_t> order;  // of the runs: 2 x pair, + 1 for its attention
    for (const bool measured : {false, true})
      for (std::size_t run = 0; run < 2 * pairs.size(); ++run) {
        if (pairs[run / 2].result.status != PointStatus::kFailed || measures(run) != measured) continue;
        if (run % 2 == 0 || (is_simulated(config_of(run)) && has_attention(models_[pairs[run / 2].workload])))
          order.push_back(run);
      }
    if (order.empty() && bad_masks_) throw *bad_masks_;
    const InterruptGuard interrupts;
    ChildPool pool({request_.jobs, request_.time_limit_s, 0});
    Retries retries;
    std::size_t next = 0;
    while ((next < order.size() || !pool.empty()) && !interrupted_) {
      while (next < order.size() && pool.has_free_slot()) {
        const std::size_t run = order[next];
        if (measures(run) && !pool.empty()) break;  // a measurement of wall-clock time must run alone
        ++next;
        pool.start(run, [&, run] {
          const std::size_t workload = pairs[run / 2].workload;
          return run % 2 == 0 ? evaluate(config_of(run), workload, numerics, {})
                              : evaluate(config_of(run), workload, false, attention_layers(models_[workload]));
        });
      }
      std::vector<ChildPool::Finished> finished;
      pool.collect(-1, interrupts.mask_while_waiting(), finished);
      for (ChildPool::Finished& done : finished) {
        const Retries::Verdict verdict = retries.judge(done);
        if (verdict == Retries::Verdict::kRunAgain) {
          // It runs again next, and so before every run that measures time.
          order.insert(order.begin() + static_cast<std::ptrdiff_t>(next), done.id);
          continue;
        }
        lost_ = lost_ || verdict == Retries::Verdict::kGiveUp;
        Pair& pair = pairs[done.id / 2];
        (done.id % 2 == 0 ? pair.result : pair.attention) = std::move(done.result);
      }
      interrupted_ = interrupts.requested();
    }
    return pairs;
  }

  static std::vector<bool> attention_layers(const VitModel& model) {
    std::vector<bool> selected;
    for (const Layer& layer : model.layers) selected.push_back(std::holds_alternative<Attention>(layer.parameters));
    return selected;
  }
  static bool has_attention(const VitModel& model) {
    const std::vector<bool> layers = attention_layers(model);
    return std::find(layers.begin(), layers.end(), true) != layers.end();
  }

  PointTotals evaluate(const HardwareConfig& config, std::size_t workload, bool numerics,
                       const std::vector<bool>& selected) const {
    SimulationOptions options;
    if (!inputs_.empty()) options.parameters = inputs_[workload].parameters.get();
    options.numerics = numerics;
    options.seed = request_.seed;
    options.selected = selected;
    options.totals_only = true;
    return totals_of(simulate(config, models_[workload], options));
  }

  ComparedMachine describe(std::size_t m) const {
    const ComparableMachine& candidate = candidates_[m];
    ComparedMachine machine;
    machine.name = candidate.config.name, machine.file = request_.configs[m];
    machine.tag = candidate.resized ? "scaled" : provenance(candidate.config);
    machine.notes = provenance_notes(candidate.config, inputs_.empty() || request_.allow_seeded);
    machine.how = candidate.how;
    machine.factors = energy_factors(candidate.config), machine.dram = candidate.config.dram.device.name;
    if (is_simulated(candidate.config) || is_roofline(candidate.config))
      machine.peak_gops = 2e-9 * peak_macs_per_second(candidate.config);
    return machine;
  }

  const Request& request_;
  SeededParameters seeded_;
  std::vector<VitModel> models_;
  std::vector<GivenTensors> inputs_;  // one per model; empty: all are seeded
  std::vector<ComparableMachine> candidates_;
  std::optional<InputError> bad_masks_;  // the first file of masks that cannot be read or does not fit a model
  bool interrupted_ = false, lost_ = false;
};

std::string command_line(const Arguments& arguments) {
  std::string line = "vitality compare";
  for (const std::string& word : arguments) line += " " + word;
  return line;
}

// Success if any pair is done; otherwise the most important reason.
int judge(const Comparison& comparison) {
  bool any = false, infeasible = false, outside = false;
  for (const ComparedPair& pair : comparison.pairs) {
    any = any || pair.status == PointStatus::kOk;
    infeasible = infeasible || pair.status == PointStatus::kInfeasible;
    outside = outside || pair.outside_tolerance;
    if (pair.status != PointStatus::kOk)
      std::cerr << "warning: " << harmless(comparison.machines[pair.machine].name) << " on "
                << harmless(comparison.workloads[pair.workload]) << ": " << to_string(pair.status) << ": "
                << harmless(pair.reason) << "\n";
  }
  if (outside) return kOutsideTolerance;
  return any ? kDone : infeasible ? kInfeasible : kInternalError;
}

}  // namespace

int compare_command(const Arguments& arguments) {
  Request request;
  if (!parse(arguments, request)) return kDone;
  Comparer comparer(request);
  check_view(request.view, comparer.machine_names());
  OutputSet files;
  bool prints = !request.quiet;
  for (const auto& [format, path] : request.files) {
    files.reserve(path);  // says before a long run what would fail after it
    prints = prints && !is_standard_output(path);
  }
  Comparison comparison = comparer.run();
  comparison.command = command_line(arguments);
  for (const Format& format : kFormats) {
    const auto file = request.files.find(format.option);
    if (file != request.files.end()) files.add(file->second, format.write(comparison, request.view));
  }
  files.commit();
  if (prints) std::cout << comparison_text(comparison, request.view);
  std::cout.flush();
  const int code = judge(comparison);
  if (comparer.interrupted()) return kInterrupted;
  return comparer.lost_a_pair() ? kInternalError : code;
}

}  // namespace vitality::cli
