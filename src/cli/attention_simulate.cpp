// `vitality attention --simulate`: one attention problem through the SystemC machine, as a model of one layer whose Q,
// K and V are given.
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/sha256.h"
#include "base/vectorised.h"
#include "cli/attention_problem.h"
#include "cli/simulation.h"
#include "config/hardware_config_json.h"
#include "report/result_json.h"
#include "sim/analytic_machines.h"
#include "sim/values/value_executor.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

// Turns (heads, tokens, depth) into the form of the model: tokens x (heads * depth).
MatrixD side_by_side(const NpyArray& array, int heads) {
  const MatrixD first = head_of(array, 0);
  MatrixD all(first.rows(), heads * first.cols());
  for (int head = 0; head < heads; ++head) {
    const MatrixD one = head_of(array, head);
    for (int r = 0; r < one.rows(); ++r) std::copy(one.row(r), one.row(r) + one.cols(), all.row(r) + head * one.cols());
  }
  return all;
}

VitModel model_of(const AttentionProblem& p) {
  VitModel model;
  model.name = "attention";
  model.layers = {{"q", {}, GivenTensor{p.m, p.heads * p.d}},
                  {"k", {}, GivenTensor{p.n, p.heads * p.d}},
                  {"v", {}, GivenTensor{p.n, p.heads * p.e}},
                  {"attention",
                   {0, 1, 2},
                   Attention{p.heads, 1, p.m, p.n, p.d, p.e, {0, 0, p.d}, {1, 0, p.d}, {2, 0, p.e}, 0, 0, 1}}};
  return model;
}
constexpr std::size_t kAttentionLayer = 3;

class GivenOperands : public ParameterSource {
 public:
  explicit GivenOperands(const AttentionProblem& p)
      : operands_{
            {"q", side_by_side(p.q, p.heads)}, {"k", side_by_side(p.k, p.heads)}, {"v", side_by_side(p.v, p.heads)}} {}
  MatrixD tensor(const ParameterInfo& info) const override {
    const auto found = operands_.find(info.name);
    return found != operands_.end() ? found->second : MatrixD(info.rows, info.cols);
  }
  std::string sha256() const {
    std::string list;
    for (const auto& [name, x] : operands_)
      list += name + " " +
              sha256_hex(std::string_view(reinterpret_cast<const char*>(x.data()), x.size() * sizeof(double))) + "\n";
    return sha256_hex(list);
  }

 private:
  std::map<std::string, MatrixD> operands_;
};

// The options describe the problem, so they come before what --set says of the machine.
std::vector<std::string> overrides_of(const AttentionProblem& p, const po::variables_map& values) {
  std::vector<std::string> list{std::string("attention=") + to_string(p.kind)};
  if (!values["precision"].defaulted()) list.push_back(std::string("precision=") + to_string(p.precision));
  if (has_mask(p.kind)) {
    list.push_back("sparsity.threshold=" + json_number(p.predictor.threshold));
    list.push_back("sparsity.predictor_bits=" + std::to_string(p.predictor.bits));
    list.push_back(std::string("sparsity.normalize_qk=") + (p.predictor.normalize_qk ? "true" : "false"));
  }
  if (values.count("set")) {
    const auto& given = values["set"].as<std::vector<std::string>>();
    list.insert(list.end(), given.begin(), given.end());
  }
  return list;
}

// The arguments without those that say where to write: the same problem has the same manifest.
Arguments recorded(const po::variables_map& values) {
  Arguments words{"--simulate"};
  for (const char* name : {"config", "q", "k", "v", "kind", "precision", "normalize-qk"})
    if (!values[name].defaulted())
      words.insert(words.end(), {std::string("--") + name, values[name].as<std::string>()});
  if (!values["threshold"].defaulted())
    words.insert(words.end(), {"--threshold", json_number(values["threshold"].as<double>())});
  if (!values["predictor-bits"].defaulted())
    words.insert(words.end(), {"--predictor-bits", std::to_string(values["predictor-bits"].as<std::int64_t>())});
  if (values.count("set"))
    for (const std::string& value : values["set"].as<std::vector<std::string>>())
      words.insert(words.end(), {"--set", value});
  return words;
}

}  // namespace

int simulate_attention(const AttentionProblem& p, const po::variables_map& values) {
  const HardwareConfig config = read_hardware_config(required(values, "config"), overrides_of(p, values));
  if (!is_simulated(config))
    throw InfeasibleError("machine " + config.name + " is no simulation: it has no values of its own");
  const VitModel model = model_of(p);
  const GivenOperands operands(p);
  required(values, "out");
  OutputSet files;
  for (const char* option : {"out", "mask-out", "result"})
    if (values.count(option)) files.reserve(values[option].as<std::string>());

  HeadsOutput z(p, p.m, p.e, NpyType::kFloat64), masks(p, p.m, p.n, NpyType::kUint8);
  SimulationOptions options;
  options.numerics = true;
  options.parameters = &operands;
  options.observe = [&](const FinishedRun& run) {
    const MatrixD all = run.values->real_values(run.schedule.layer_output[kAttentionLayer]);
    for (int head = 0; head < p.heads; ++head) {
      MatrixD one(p.m, p.e);
      for (int r = 0; r < p.m; ++r) std::copy(all.row(r) + head * p.e, all.row(r) + (head + 1) * p.e, one.row(r));
      z.append(one);
    }
    for (const ScheduledMask& scheduled : run.schedule.masks) masks.append(scheduled.mask);
  };
  SimulationResult result = simulate(config, model, options);
  z.check_finite("the machine's result");
  result.config_json = write_json(config);
  Manifest& manifest = result.manifest;
  manifest.version = VITALITY_VERSION;
  manifest.arguments = recorded(values);
  manifest.command = command_line("attention", manifest.arguments);
  manifest.config_sha256 = sha256_hex(result.config_json);
  manifest.inputs_sha256 = operands.sha256();
  manifest.kernels = to_string(instruction_set());
  manifest.host_seconds = result.simulation_seconds;

  z.write(files.add(required(values, "out")));
  if (values.count("mask-out")) masks.write(files.add(values["mask-out"].as<std::string>()));
  if (values.count("result")) files.add(values["result"].as<std::string>(), write_json(result));
  files.commit();
  if (!values.count("result")) std::cout << write_json(result);
  return report_numerics(result);
}

}  // namespace vitality::cli
