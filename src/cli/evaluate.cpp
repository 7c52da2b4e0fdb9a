// `vitality evaluate`: runs images and labels through a trained model, with the double reference for each kind of
// attention, and with a machine's arithmetic.
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/search_path.h"
#include "base/sha256.h"
#include "base/vectorised.h"
#include "cli/evaluation.h"
#include "cli/normalisation.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/run_request.h"
#include "config/hardware_config_json.h"
#include "sim/analytic_machines.h"
#include "sim/attention_masks.h"
#include "sim/child_simulation.h"
#include "tensor/npy.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

// The default cannot be one fixed number: all images, but at most this many.
constexpr std::size_t kDefaultImages = 100;

struct Request {
  std::string config, workload, weights, images, labels, logits, machine_logits, result, checkpoint;  // "": none
  std::vector<std::string> overrides, kinds;
  std::string mean, deviation;
  std::int64_t limit = 0, machine_images = -1, calibrate = -1, jobs = 1;  // limit 0: all; -1: the default
  bool quiet = false;
  ProgressMode progress = ProgressMode::kAuto;
};

std::string path_option(const po::variables_map& values, const char* option) {
  if (!values.count(option)) return "";
  auto value = values[option].as<std::string>();
  if (value.empty()) throw InputError("", "", std::string("option --") + option + ": expected a name, found nothing");
  return value;
}

po::options_description described_options(bool& quiet) {
  po::options_description options("options");
  const auto text = [] { return po::value<std::string>(); };
  const auto integer = [] { return po::value<std::int64_t>(); };
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  // clang-format off
  options.add_options()
      ("workload", text(), "the model")
      ("weights", text(), "folder of its weights, NAME.npy by `list tensors`; every one has to be there")
      ("images", text(), "uint8 or float .npy (n, height, width[, channels]), or IDX, gzipped or not; bytes count as value / 255")
      ("labels", text(), "classes of the images: .npy of integers, or IDX; without them: logits and agreement only")
      ("mean", po::value<std::string>()->default_value("0"), "subtracted from every value; a number a channel, separated by commas")
      ("std", po::value<std::string>()->default_value("1"), "what the difference is divided by")
      ("attention", po::value<std::vector<std::string>>()->composing(), "kind of attention (repeatable; default: softmax and the config's)")
      ("limit", integer(), "only the first so many images")
      ("config", text(), "a machine whose arithmetic runs too")
      ("set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value: another config value (repeatable)")
      ("machine-images", integer(), "the machine runs the first so many (default: 100, or what calibration leaves)")
      ("calibrate", integer(), "the last so many images give the scales of fixed formats (default: 100, at most half of all)")
      ("logits", text(), "writes the reference's logits of the first kind as .npy, images x classes")
      ("machine-logits", text(), "writes the machine's logits, machine images x classes")
      ("result", text(), "writes the result as JSON; - is stdout")
      ("checkpoint", text(), "keeps what is finished in this file, and goes on from there")
      ("jobs,j", po::value<std::int64_t>()->default_value(cores), "images at a time")
      ("quiet", po::bool_switch(&quiet), "prints no table")
      ("progress", po::value<std::string>()->default_value("auto"), "auto (on a terminal), always or never; on stderr");
  // clang-format on
  return options;
}

std::int64_t integer_option(const po::variables_map& values, const std::string& name, std::int64_t low,
                            std::int64_t absent) {
  if (!values.count(name)) return absent;
  const auto value = values[name].as<std::int64_t>();
  check_range("--" + name, value, low, std::numeric_limits<std::int32_t>::max());
  return value;
}

bool parse(const Arguments& arguments, Request& r) {
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality evaluate --workload W.json --weights DIR --images F [--labels F] [OPTIONS]\n\n"
                     "Accuracy of a trained model: top-1 with its interval of 95 % for each kind of attention in the "
                     "double\nreference, and with --config on the machine, with its cycles and energy.",
                     described_options(r.quiet), "", values))
    return false;
  for (const char* name : {"workload", "weights", "images"}) required(values, name);
  r.workload = path_option(values, "workload"), r.weights = path_option(values, "weights");
  r.images = find_data(path_option(values, "images")), r.labels = find_data(path_option(values, "labels"));
  r.config = path_option(values, "config");
  r.logits = path_option(values, "logits"), r.machine_logits = path_option(values, "machine-logits");
  r.result = path_option(values, "result"), r.checkpoint = path_option(values, "checkpoint");
  r.mean = values["mean"].as<std::string>(), r.deviation = values["std"].as<std::string>();
  if (values.count("set")) r.overrides = values["set"].as<std::vector<std::string>>();
  if (values.count("attention")) r.kinds = values["attention"].as<std::vector<std::string>>();
  r.limit = integer_option(values, "limit", 1, 0);
  r.machine_images = integer_option(values, "machine-images", 1, -1);
  r.calibrate = integer_option(values, "calibrate", 1, -1);
  r.jobs = integer_option(values, "jobs", 1, 1);
  check_range("--jobs", r.jobs, 1, 4096);
  r.progress = parse_progress(values["progress"].as<std::string>());
  if (!r.config.empty()) return true;
  for (const char* name : {"set", "machine-images", "calibrate", "machine-logits"})
    if (values.count(name)) throw InputError("", "", std::string("option --") + name + " needs --config");
  return true;
}

int check_classes(const VitModel& model, const std::string& file) {
  const MatrixShape out = output_shape(model.layers.back());
  if (out.rows == 1) return out.cols;
  throw InputError(file, "",
                   "the last layer gives " + std::to_string(out.rows) + " x " + std::to_string(out.cols) +
                       ", expected one row of logits");
}

// One word of --attention; each kind is evaluated once.
AttentionKind kind_named(const std::string& word, bool has_auto) {
  std::vector<std::string> names;
  for (const AttentionKind kind : all_of_enum<AttentionKind>())
    if (kind != AttentionKind::kAuto || has_auto) names.emplace_back(to_string(kind));
  return static_cast<AttentionKind>(choice(word, "attention", names));
}

class Evaluator {
 public:
  explicit Evaluator(const Request& request)
      : request_(request),
        workload_file_(find_file(request.workload, "workloads")),
        workload_text_(read_text_file(workload_file_)),
        model_(parse_workload(workload_text_, workload_file_)),
        classes_(check_classes(model_, workload_file_)) {
    note_input(request.workload);
    if (!request.config.empty()) read_machine();
    images_ = std::make_unique<ImageFile>(request.images, model_,
                                          normalisation(request.mean, request.deviation, model_.image_channels));
    if (!request.labels.empty()) labels_ = read_labels(request.labels, images_->count(), classes_);
    count_ = images_->count();
    if (request.limit > 0) count_ = std::min(count_, static_cast<std::size_t>(request.limit));
    weights_ = std::make_unique<ModelWeights>(model_, find_folder(request.weights, "workloads"));
    if (!request.config.empty()) divide_images();
    choose_kinds();
    describe_inputs();
  }

  Evaluation run() {
    const auto begin = std::chrono::steady_clock::now();
    ProgressLine line(request_.progress, request_.quiet);
    const auto phase = [&](const char* name) -> std::function<void(double)> {
      if (!line.shown()) return {};
      return [&line, name](double fraction) { line.show(name, fraction); };
    };
    Checkpoint checkpoint(request_.checkpoint, "evaluation", identity());
    Evaluation e = std::move(evaluation_);
    e.model = &model_, e.images = count_;
    e.reference =
        evaluate_reference({model_, *weights_, *images_, count_, request_.labels.empty() ? nullptr : &labels_, kinds_,
                            static_cast<int>(request_.jobs), !request_.logits.empty(), phase("reference")},
                           checkpoint);
    if (!request_.config.empty()) {
      e.has_machine = true;
      e.machine.config = config_, e.machine.calibrated = calibrated_;
      e.machine.depends_on_data = depends_on_data(config_, model_);
      e.machine.images =
          evaluate_on_machine({config_, model_, machine_attention_, *weights_, *images_, machine_images_,
                               count_ - calibrated_, calibrated_, static_cast<int>(request_.jobs), phase("machine")},
                              checkpoint);
      judge_machine(e.machine);
    }
    e.manifest.host_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return e;
  }

  int classes() const { return classes_; }

 private:
  void read_machine() {
    config_ = read_hardware_config(request_.config, request_.overrides);
    note_input(request_.config);
    if (!is_simulated(config_))
      throw InputError("", "",
                       "option --config: " + config_.name +
                           " is not simulated and computes no values, expected a simulated machine");
    machine_attention_.assign(model_.layers.size(), config_.attention);
    if (config_.attention == AttentionKind::kAuto) machine_attention_ = choose_attention(config_, model_).kinds;
  }

  // The machine runs the first images; its scales come from the last ones.
  void divide_images() {
    const bool scaled = is_scaled(config_.precision);
    calibrated_ = !scaled                  ? 0
                  : request_.calibrate > 0 ? static_cast<std::size_t>(request_.calibrate)
                                           : std::min(kDefaultImages, count_ / 2);
    if (request_.calibrate > static_cast<std::int64_t>(count_))
      throw InputError(
          "", "",
          "option --calibrate: " + std::to_string(request_.calibrate) + " of " + std::to_string(count_) + " images");
    if (scaled && calibrated_ == 0)
      throw InputError(request_.images, "",
                       std::string("one image, expected two or more: precision ") + to_string(config_.precision) +
                           " takes its scales from images that the machine does not run");
    machine_images_ = request_.machine_images > 0 ? static_cast<std::size_t>(request_.machine_images)
                                                  : std::min(kDefaultImages, count_ - calibrated_);
    if (machine_images_ + calibrated_ > count_ || machine_images_ == 0)
      throw InputError("", "",
                       "options --machine-images and --calibrate: the first " + std::to_string(machine_images_) +
                           " and the last " + std::to_string(calibrated_) + " of " + std::to_string(count_) +
                           " images overlap, expected other images for the scales");
  }

  void choose_kinds() {
    const bool machine = !request_.config.empty();
    std::vector<std::string> words = request_.kinds;
    if (words.empty()) {
      words = {to_string(AttentionKind::kSoftmax)};
      if (machine && config_.attention != AttentionKind::kSoftmax) words.emplace_back(to_string(config_.attention));
    }
    for (const std::string& word : words) {
      const AttentionKind kind = kind_named(word, machine && config_.attention == AttentionKind::kAuto);
      for (const EvaluatedKind& other : kinds_)
        if (other.name == word) throw InputError("", "", "option --attention: " + word + " is given twice");
      const bool own = machine && kind == config_.attention;
      const std::vector<AttentionKind> everywhere(model_.layers.size(), kind);
      reference::ForwardOptions options;
      if (machine) options = reference_options(model_, config_);
      options.attention = everywhere;
      auto shared = std::make_shared<const reference::ForwardOptions>(options);
      kinds_.push_back({word, kind == AttentionKind::kSoftmax,
                        own ? machine_options(model_, config_, machine_attention_)
                            : ForwardOptionsSource([shared] { return shared; })});
    }
  }

  void describe_inputs() {
    Manifest& manifest = evaluation_.manifest;
    manifest.version = VITALITY_VERSION;
    manifest.workload_sha256 = sha256_hex(workload_text_);
    manifest.inputs_sha256 = weights_->sha256();
    if (!request_.config.empty()) manifest.config_sha256 = sha256_hex(write_json(config_));
    manifest.kernels = to_string(instruction_set());
    evaluation_.images_sha256 = sha256_of_file(request_.images);
    if (!request_.labels.empty()) evaluation_.labels_sha256 = sha256_of_file(request_.labels);
  }

  // A hash of everything that decides the result of an image.
  std::string identity() const {
    std::string text = evaluation_.manifest.version + "\n" + evaluation_.manifest.workload_sha256 + "\n" +
                       evaluation_.manifest.inputs_sha256 + "\n" + evaluation_.images_sha256 + "\n" +
                       evaluation_.manifest.config_sha256 + "\n" + request_.mean + "\n" + request_.deviation + "\n" +
                       std::to_string(count_) + " " + std::to_string(calibrated_);
    for (const EvaluatedKind& kind : kinds_) text += "\n" + kind.name;
    return sha256_hex(text);
  }

  void judge_machine(MachineEvaluation& machine) const {
    double worst = 0, peak = 0;
    for (std::size_t i = 0; i < machine.images.size(); ++i) {
      const MachineImage& image = machine.images[i];
      const int best = best_class(image.logits);
      machine.agreement.add(best == best_class(image.reference));
      if (!request_.labels.empty()) machine.top1.add(best == labels_[i]);
      for (std::size_t c = 0; c < image.logits.size(); ++c) {
        worst = std::max(worst, std::fabs(image.logits[c] - image.reference[c]));
        peak = std::max(peak, std::fabs(image.reference[c]));
      }
    }
    machine.max_rel_error = peak > 0 ? worst / peak : worst;
  }

  const Request& request_;
  std::string workload_file_, workload_text_;
  VitModel model_;
  int classes_;
  HardwareConfig config_;
  std::vector<AttentionKind> machine_attention_;
  std::unique_ptr<ImageFile> images_;
  std::vector<int> labels_;
  std::size_t count_ = 0, machine_images_ = 0, calibrated_ = 0;
  std::unique_ptr<ModelWeights> weights_;
  std::vector<EvaluatedKind> kinds_;
  Evaluation evaluation_;
};

void write_logits(const std::string& path, const std::vector<double>& logits, int classes, OutputSet& files) {
  if (path.empty()) return;
  const int rows = static_cast<int>(logits.size()) / classes;
  write_npy(files.add(path), {rows, classes}, logits, NpyType::kFloat64);
}

}  // namespace

int evaluate_command(const Arguments& arguments) {
  Request request;
  if (!parse(arguments, request)) return kDone;
  check_checkpoint(request.checkpoint, {request.logits, request.machine_logits, request.result});
  Evaluator evaluator(request);
  OutputSet files;  // reports before a long evaluation what would fail after it
  bool prints = !request.quiet;
  for (const std::string* path : {&request.logits, &request.machine_logits, &request.result}) {
    if (path->empty()) continue;
    files.reserve(*path);
    prints = prints && !is_standard_output(*path);
  }
  Evaluation evaluation = evaluator.run();
  evaluation.manifest.command = command_line("evaluate", arguments);
  write_logits(request.logits, evaluation.reference.logits, evaluator.classes(), files);
  std::vector<double> machine_logits;
  for (const MachineImage& image : evaluation.machine.images)
    machine_logits.insert(machine_logits.end(), image.logits.begin(), image.logits.end());
  write_logits(request.machine_logits, machine_logits, evaluator.classes(), files);
  if (!request.result.empty()) files.add(request.result, evaluation_json(evaluation));
  files.commit();
  if (prints) std::cout << evaluation_text(evaluation);
  return kDone;
}

}  // namespace vitality::cli
