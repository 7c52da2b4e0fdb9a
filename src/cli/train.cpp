// `vitality train`: a small vision transformer learns images, or a synthetic task, in the reference, once with each
// kind of attention, and is then judged with Taylor attention alone: what unified attention's sparse part is worth.
#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/search_path.h"
#include "base/sha256.h"
#include "cli/normalisation.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/training_report.h"
#include "cli/training_run.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

constexpr Count kMaxParameters = 10000000;

// The kinds that a training run can have.
constexpr AttentionKind kKinds[] = {AttentionKind::kUnified, AttentionKind::kUnifiedAdditive, AttentionKind::kTaylor,
                                    AttentionKind::kSoftmax, AttentionKind::kSparse};

AttentionKind kind_named(const std::string& name) {
  std::vector<std::string> names;
  std::string expected;
  for (const AttentionKind known : kKinds) {
    if (name == to_string(known)) return known;
    names.emplace_back(to_string(known));
    expected += (expected.empty() ? "" : ", ") + names.back();
  }
  throw InputError(
      "", "", "option --attention: expected one of " + expected + ", found \"" + name + "\"" + suggestion(name, names));
}

int integer(const po::variables_map& values, const std::string& name, int low, int high) {
  const auto value = values[name].as<std::int64_t>();
  check_range("--" + name, value, low, high);
  return static_cast<int>(value);
}

double number(const po::variables_map& values, const std::string& name, double low, double high) {
  const auto value = values[name].as<double>();
  if (value >= low && value <= high) return value;
  throw InputError("", "",
                   "option --" + name + ": expected a number from " + json_number(low) + " to " + json_number(high));
}

void check_model(TrainingPlan& e, const std::string& file) {
  constexpr int kGrid = reference::SyntheticImages::kGrid;
  if (!e.file && (e.model.image_height % kGrid != 0 || e.model.image_width % kGrid != 0)) {
    throw InputError(file, "/image",
                     "the synthetic task needs a height and a width divisible by " + std::to_string(kGrid));
  }
  const MatrixShape out = output_shape(e.model.layers.back());
  if (!std::holds_alternative<Linear>(e.model.layers.back().parameters) || out.rows != 1 || out.cols < 2) {
    throw InputError(file, "",
                     "the last layer gives " + std::to_string(out.rows) + " x " + std::to_string(out.cols) +
                         ", expected a linear layer with one row and two classes or more");
  }
  e.classes = out.cols;
  if (parameter_count(e.model) > kMaxParameters) {
    throw InputError(file, "",
                     std::to_string(parameter_count(e.model)) +
                         " parameters are too many to train in the reference, expected at most " +
                         std::to_string(kMaxParameters));
  }
}

std::string text(const po::variables_map& values, const char* name) {
  return values.count(name) ? values[name].as<std::string>() : std::string();
}

void read_images(const po::variables_map& values, TrainingPlan& plan) {
  if (values.count("init"))
    plan.first_weights = std::make_shared<ModelWeights>(plan.model, find_folder(text(values, "init"), "workloads"));
  if (!plan.file) return;
  plan.labels = read_labels(text(values, "labels"), plan.file->count(), plan.classes);
  const auto held_out = static_cast<std::size_t>(plan.test_images);
  if (held_out >= plan.file->count())
    throw InputError(text(values, "images"), "",
                     std::to_string(plan.file->count()) + " images, expected more than the " +
                         std::to_string(held_out) + " that are held out (--test-images)");
}

void read_arms(const po::variables_map& values, TrainingPlan& plan) {
  std::vector<AttentionKind> kinds = {AttentionKind::kUnified, AttentionKind::kTaylor, AttentionKind::kSoftmax};
  if (values.count("attention")) {
    kinds.clear();
    for (const auto& name : values["attention"].as<std::vector<std::string>>()) kinds.push_back(kind_named(name));
  }
  std::vector<double> thresholds = {0.02};
  if (values.count("threshold")) thresholds = values["threshold"].as<std::vector<double>>();
  for (const double threshold : thresholds)
    if (!(threshold >= 0 && threshold <= 1))
      throw InputError("", "", "option --threshold: expected a number from 0 to 1");
  for (const AttentionKind kind : kinds) {
    const std::string name = to_string(kind);
    const bool several = traits(kind).uses_mask && thresholds.size() > 1;
    for (std::size_t i = 0; i < (several ? thresholds.size() : 1); ++i)
      plan.arms.push_back({several ? name + "_" + json_number(thresholds[i]) : name, kind, thresholds[i]});
  }
  std::set<std::string> names;
  for (const TrainingArm& arm : plan.arms)
    if (!names.insert(arm.name).second)
      throw InputError("", "", "options --attention and --threshold: " + arm.name + " twice, expected once");
}

// Steps, from --steps or --epochs.
int read_steps(const po::variables_map& values, const TrainingPlan& plan) {
  if (!values.count("epochs")) return integer(values, "steps", 1, 1000000);
  if (!values["steps"].defaulted()) throw InputError("", "", "options --steps and --epochs: expected one of them");
  if (!plan.file) throw InputError("", "", "option --epochs needs --images: images of the synthetic task never repeat");
  const std::int64_t trained = static_cast<std::int64_t>(plan.file->count()) - plan.test_images;
  const std::int64_t steps =
      integer(values, "epochs", 1, 100000) * ((trained + plan.settings.batch - 1) / plan.settings.batch);
  check_range("--epochs, in steps", steps, 1, 1000000);
  return static_cast<int>(steps);
}

void read_settings(const po::variables_map& values, TrainingPlan& plan) {
  reference::TrainingSettings& settings = plan.settings;
  settings.threads = integer(values, "jobs", 1, 4096);
  settings.batch = integer(values, "batch", 1, 10000);
  settings.steps = read_steps(values, plan);
  settings.warmup_steps =
      values.count("warmup-steps") ? integer(values, "warmup-steps", 0, 1000000) : settings.steps / 10;
  if (settings.warmup_steps >= settings.steps && settings.warmup_steps > 0)
    throw InputError("", "",
                     "option --warmup-steps: expected fewer than the " + std::to_string(settings.steps) + " steps");
  settings.schedule = static_cast<reference::RateSchedule>(
      choice(text(values, "schedule"), "schedule", {"cosine", "linear", "constant"}));
  settings.optimizer.rate = number(values, "rate", 0, 10);
  settings.optimizer.weight_decay = number(values, "weight-decay", 0, 10);
  const auto optimizer = text(values, "optimizer");
  if (optimizer != "adamw" && optimizer != "sgd")
    throw InputError("", "", "option --optimizer: expected adamw or sgd, found \"" + optimizer + "\"");
  settings.optimizer.kind = optimizer == "sgd" ? reference::OptimizerKind::kSgd : reference::OptimizerKind::kAdamW;
}

// Of everything that decides a bit of the results or where weights go.
std::string identity_of(const po::variables_map& values, const std::string& workload, const TrainingPlan& plan) {
  std::string all = std::string(VITALITY_VERSION) + "\n" + sha256_of_file(workload);
  for (const char* name : {"images", "labels"})
    if (values.count(name)) all += "\n" + sha256_of_file(text(values, name));
  if (plan.first_weights) all += "\ninit " + plan.first_weights->sha256();
  for (const TrainingArm& arm : plan.arms) all += "\n" + arm.name + " " + json_number(arm.threshold);
  for (const char* name : {"mean", "std", "optimizer", "save-weights"}) all += "\n" + text(values, name);
  const reference::TrainingSettings& s = plan.settings;
  for (const double value : {s.optimizer.rate, s.optimizer.weight_decay, plan.signal}) all += "\n" + json_number(value);
  for (const std::int64_t value :
       {std::int64_t{s.steps}, std::int64_t{s.batch}, std::int64_t{s.warmup_steps},
        static_cast<std::int64_t>(s.schedule), std::int64_t{plan.test_images}, std::int64_t{plan.seeds},
        static_cast<std::int64_t>(plan.seed), std::int64_t{plan.single}})
    all += "\n" + std::to_string(value);
  return sha256_hex(all);
}

TrainingPlan read_plan(const po::variables_map& values) {
  if (values.count("images") != values.count("labels"))
    throw InputError("", "", "options --images and --labels: each needs the other");
  TrainingPlan plan;
  const auto file = text(values, "workload");
  plan.model = read_workload(file);
  if (values.count("images"))
    plan.file = std::make_shared<ImageFile>(
        text(values, "images"), plan.model,
        normalisation(text(values, "mean"), text(values, "std"), plan.model.image_channels));
  check_model(plan, file);
  plan.seed = static_cast<std::uint64_t>(integer(values, "seed", 0, 1000000000));
  plan.seeds = integer(values, "seeds", 1, 20);
  plan.signal = number(values, "signal", 0, 100);
  plan.weights_folder = text(values, "save-weights");
  std::error_code none;
  if (std::filesystem::exists(plan.weights_folder, none) && !std::filesystem::is_directory(plan.weights_folder, none))
    throw InputError(plan.weights_folder, "", "is not a folder");
  plan.test_images = integer(values, "test-images", 1, 1000000);
  plan.single = values["float32"].as<bool>();
  read_images(values, plan);
  read_settings(values, plan);
  read_arms(values, plan);
  if (values.count("checkpoint")) {
    plan.checkpoint = text(values, "checkpoint");
    if (plan.checkpoint.empty()) throw InputError("", "", "option --checkpoint: expected a name, found nothing");
    plan.identity = identity_of(values, find_file(file, "workloads"), plan);
  }
  return plan;
}

po::options_description described_options() {
  po::options_description options("options");
  const auto integers = [](std::int64_t value) { return po::value<std::int64_t>()->default_value(value); };
  // clang-format off
  options.add_options()
      ("workload", po::value<std::string>()->default_value("tiny_vit"), "the model to train")
      ("attention", po::value<std::vector<std::string>>()->composing(), "unified, unified_additive, taylor, softmax or sparse; repeatable (default: unified, taylor, softmax)")
      ("threshold", po::value<std::vector<double>>()->composing(), "of the predictor's mask in unified and sparse attention; repeatable (default: 0.02)")
      ("steps", integers(300), "optimiser steps")
      ("epochs", po::value<std::int64_t>(), "in place of --steps: passes over the images of --images")
      ("batch", integers(8), "images a step")
      ("optimizer", po::value<std::string>()->default_value("adamw"), "adamw, or sgd with momentum 0.9")
      ("rate", number_option(0.005), "peak learning rate")
      ("schedule", po::value<std::string>()->default_value("cosine"), "of the rate after the warmup: cosine or linear down to 0, or constant")
      ("warmup-steps", po::value<std::int64_t>(), "steps in which the rate rises from 0 (default: a tenth of all)")
      ("weight-decay", number_option(0.0), "of weight matrices")
      ("seed", integers(1), "of the images and of the first weights")
      ("seeds", integers(1), "runs of every kind, each with the next seed: means with intervals of 95 %")
      ("signal", number_option(reference::SyntheticImages::kDefaultSignal), "amplitude of textures and mark, in noise of amplitude 1: less is harder")
      ("test-images", integers(1000), "images that no training run sees; of --images the last so many")
      ("images", po::value<std::string>(), "trains on these images in place of the synthetic task: .npy or IDX, as evaluate reads them")
      ("labels", po::value<std::string>(), "their classes")
      ("mean", po::value<std::string>()->default_value("0"), "subtracted from every value; a number a channel, separated by commas")
      ("std", po::value<std::string>()->default_value("1"), "what the difference is divided by")
      ("init", po::value<std::string>(), "starts from the weights in this folder (fine-tuning)")
      ("float32", po::bool_switch(), "keeps the weights as float32")
      ("jobs,j", integers(std::max(1U, std::thread::hardware_concurrency())), "images at a time; changes no bit of the result")
      ("save-weights", po::value<std::string>(), "writes DIR/KIND/NAME.npy: the trained tensors and a test image (with --seeds: DIR/seed_N/KIND)")
      ("checkpoint", po::value<std::string>(), "keeps what is done in this file after every pass over the images, and goes on from there")
      ("result", po::value<std::string>(), "writes the accuracies as JSON; - is stdout")
      ("progress", po::value<std::string>()->default_value("auto"), "auto (on a terminal), always or never; on stderr")
      ("losses", po::value<std::string>(), "writes the loss of every step as CSV, one column a run");
  // clang-format on
  return options;
}

}  // namespace

int train_command(const Arguments& arguments) {
  const po::options_description options = described_options();
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality train [OPTIONS]\n\nTrains a small model on images or on a synthetic task, in double, with "
          "each kind of attention;\nreports the accuracy with that attention and with Taylor attention alone.",
          options, "", values)) {
    return kDone;
  }
  grow_heap_by_huge_pages();  // every image takes and frees the same tensors
  const TrainingPlan plan = read_plan(values);
  check_checkpoint(plan.checkpoint, {text(values, "losses"), text(values, "result")});
  OutputSet files;  // looked at first: hours of training must not end at a folder that is not there
  bool prints = true;
  for (const char* name : {"losses", "result"}) {
    if (!values.count(name)) continue;
    files.reserve(text(values, name));
    prints = prints && !is_standard_output(text(values, name));
  }
  std::vector<TrainingOutcome> outcomes;
  {
    ProgressLine line(parse_progress(text(values, "progress")), false);
    std::function<void(double)> progress;
    if (line.shown()) progress = [&](double fraction) { line.show("training", fraction); };
    outcomes = run_training(plan, progress);
  }
  if (values.count("losses")) write_losses(files.add(text(values, "losses")), plan, outcomes);
  if (values.count("result")) files.add(text(values, "result"), training_json(plan, outcomes));
  files.commit();
  if (prints) print_training(plan, outcomes);
  return kDone;
}

}  // namespace vitality::cli
