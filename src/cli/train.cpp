// `vitality train`: a small vision transformer learns images, or a synthetic task, in the reference, once with each
// kind of attention, and is then judged with Taylor attention alone: what unified attention's sparse part is worth.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/random.h"
#include "cli/normalisation.h"
#include "cli/options.h"
#include "evaluate/images.h"
#include "evaluate/weights.h"
#include "reference/training.h"
#include "tensor/npy.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

// Test images lie far behind every training image.
constexpr std::uint64_t kFirstTestImage = std::uint64_t{1} << 40;
constexpr Count kMaxParameters = 10000000;

// The kinds that a training run can have.
constexpr AttentionKind kKinds[] = {AttentionKind::kUnified, AttentionKind::kUnifiedAdditive, AttentionKind::kTaylor,
                                    AttentionKind::kSoftmax, AttentionKind::kSparse};

// A file's images in an order that is drawn anew for every pass over them; the last `held_out` are test images.
class FileImages {
 public:
  FileImages(const ImageFile& file, std::vector<int> labels, std::size_t held_out, std::uint64_t seed)
      : file_(file), labels_(std::move(labels)), trained_(file.count() - held_out), seed_(seed) {}

  reference::LabelledImage image(std::uint64_t index) {
    const std::size_t i = index >= kFirstTestImage ? trained_ + static_cast<std::size_t>(index - kFirstTestImage)
                                                   : place(index / trained_, index % trained_);
    return {file_.image(i), labels_[i]};
  }

 private:
  std::size_t place(std::uint64_t pass, std::uint64_t index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (order_.empty() || pass != pass_) {
      order_.resize(trained_), pass_ = pass;
      std::iota(order_.begin(), order_.end(), std::size_t{0});
      Random random(seed_ * 1000003 + pass);
      for (std::size_t i = trained_ - 1; i > 0; --i) std::swap(order_[i], order_[random.below(i + 1)]);
    }
    return order_[index];
  }

  const ImageFile& file_;
  std::vector<int> labels_;
  std::uint64_t trained_, seed_, pass_ = 0;
  std::mutex mutex_;
  std::vector<std::size_t> order_;
};

struct Experiment {
  VitModel model;
  int classes = 0, test_images = 0;
  std::uint64_t seed = 0;
  double signal = 0;
  std::string weights_folder;  // "" = not kept
  reference::TrainingSettings settings;

  std::shared_ptr<ImageFile> file;  // null: the synthetic task
  std::shared_ptr<FileImages> file_images;
  std::shared_ptr<ModelWeights> first_weights;  // null: seeded
  bool single = false;                          // weights are kept as float32

  reference::ImageSource images() const {
    if (file_images) return [images = file_images](std::uint64_t index) { return images->image(index); };
    return reference::SyntheticImages(model.image_height, model.image_width, model.image_channels, classes, seed,
                                      signal);
  }
};

struct Outcome {
  std::string name;
  std::vector<double> losses;
  double accuracy = 0, taylor_accuracy = 0;
  Count kept = 0, entries = 0;  // of the masks seen in training
};

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

void check_model(Experiment& e, const std::string& file) {
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

void read_images(const po::variables_map& values, Experiment& e) {
  const auto text = [&](const char* name) { return values[name].as<std::string>(); };
  if (values.count("init")) e.first_weights = std::make_shared<ModelWeights>(e.model, text("init"));
  if (values.count("images") != values.count("labels"))
    throw InputError("", "", "options --images and --labels: each needs the other");
  if (!e.file) return;
  std::vector<int> labels = read_labels(text("labels"), e.file->count(), e.classes);
  const auto held_out = static_cast<std::size_t>(e.test_images);
  if (held_out >= e.file->count())
    throw InputError(text("images"), "",
                     std::to_string(e.file->count()) + " images, expected more than the " + std::to_string(held_out) +
                         " that are held out (--test-images)");
  e.file_images = std::make_shared<FileImages>(*e.file, std::move(labels), held_out, e.seed);
}

Experiment read_experiment(const po::variables_map& values) {
  Experiment e;
  const auto file = values["workload"].as<std::string>();
  e.model = read_workload(file);
  if (values.count("images"))
    e.file = std::make_shared<ImageFile>(
        values["images"].as<std::string>(), e.model,
        normalisation(values["mean"].as<std::string>(), values["std"].as<std::string>(), e.model.image_channels));
  check_model(e, file);
  e.seed = static_cast<std::uint64_t>(integer(values, "seed", 0, 1000000000));
  e.signal = number(values, "signal", 0, 100);
  if (values.count("save-weights")) e.weights_folder = values["save-weights"].as<std::string>();
  std::error_code none;
  if (std::filesystem::exists(e.weights_folder, none) && !std::filesystem::is_directory(e.weights_folder, none))
    throw InputError(e.weights_folder, "", "is not a folder");
  e.test_images = integer(values, "test-images", 1, 1000000);
  e.single = values["float32"].as<bool>();
  e.settings.threads = integer(values, "jobs", 1, 4096);
  read_images(values, e);
  e.settings.steps = integer(values, "steps", 1, 1000000);
  e.settings.batch = integer(values, "batch", 1, 10000);
  e.settings.warmup_steps = e.settings.steps / 10;
  e.settings.optimizer.rate = number(values, "rate", 0, 10);
  e.settings.optimizer.weight_decay = number(values, "weight-decay", 0, 10);
  e.settings.forward.predictor.threshold = number(values, "threshold", 0, 1);
  const auto optimizer = values["optimizer"].as<std::string>();
  if (optimizer != "adamw" && optimizer != "sgd")
    throw InputError("", "", "option --optimizer: expected adamw or sgd, found \"" + optimizer + "\"");
  e.settings.optimizer.kind = optimizer == "sgd" ? reference::OptimizerKind::kSgd : reference::OptimizerKind::kAdamW;
  return e;
}

// The trained tensors, and a test image, as NAME.npy (workload/stored_parameters.h).
void save_weights(const Experiment& e, AttentionKind attention, const StoredParameters& parameters) {
  const std::filesystem::path folder = std::filesystem::path(e.weights_folder) / to_string(attention);
  OutputSet files;
  files.make_folder(folder.string());
  const auto add = [&](const std::string& name, const MatrixD& tensor) {
    const std::string path = (folder / (name + ".npy")).string();
    write_npy(files.add(path), {tensor.rows(), tensor.cols()},
              std::vector<double>(tensor.data(), tensor.data() + tensor.size()),
              e.single ? NpyType::kFloat32 : NpyType::kFloat64);
    files.finish(path);
  };
  for (const auto& [name, tensor] : parameters.tensors())
    if (name != "input") add(name, tensor);
  add("input", e.images()(kFirstTestImage).pixels);
  files.commit();
}

Outcome run_experiment(const Experiment& e, AttentionKind attention) {
  Outcome outcome{to_string(attention), {}, 0, 0, 0, 0};
  const auto everywhere = [&](AttentionKind kind) { return std::vector<AttentionKind>(e.model.layers.size(), kind); };
  reference::TrainingSettings settings = e.settings;
  settings.forward.attention = everywhere(attention);
  reference::ForwardOptions as_trained = settings.forward, taylor;
  taylor.attention = everywhere(AttentionKind::kTaylor);
  settings.forward.mask_seen = [&](const Mask& mask) {
    outcome.kept += kept_entries(mask);
    outcome.entries += static_cast<Count>(mask.size());
  };
  // Masks are counted as they are seen: by one thread.
  if (traits(attention).uses_mask) settings.threads = 1;
  const reference::ImageSource images = e.images();
  const SeededParameters seeded(e.seed);
  StoredParameters parameters(seeded);
  const ParameterSource* const start =
      e.first_weights ? static_cast<const ParameterSource*>(e.first_weights.get()) : &seeded;
  reference::store_trainable(e.model, *start, parameters);
  outcome.losses = reference::train(e.model, images, settings, parameters);
  if (!std::isfinite(outcome.losses.back())) {
    throw InputError("", "",
                     std::string("training with ") + to_string(attention) + " attention diverged at step " +
                         std::to_string(outcome.losses.size() - 1) + ": try a smaller --rate");
  }
  outcome.accuracy = reference::accuracy(e.model, images, kFirstTestImage, e.test_images, as_trained, parameters);
  outcome.taylor_accuracy = reference::accuracy(e.model, images, kFirstTestImage, e.test_images, taylor, parameters);
  // The folder is a whole model: what training leaves alone (running statistics) too.
  for (const ParameterInfo& info : parameters_of(e.model))
    if (info.role != ParameterRole::kImage)
      parameters.tensors().emplace(info.name,
                                   e.first_weights ? e.first_weights->tensor(info) : parameters.tensor(info));
  if (!e.weights_folder.empty()) save_weights(e, attention, parameters);
  return outcome;
}

void write_losses(std::FILE* stream, const std::vector<Outcome>& outcomes) {
  std::fputs("step", stream);
  for (const Outcome& o : outcomes) std::fprintf(stream, ",%s", o.name.c_str());
  std::fputs("\n", stream);
  for (std::size_t step = 0; step < outcomes[0].losses.size(); ++step) {
    std::fprintf(stream, "%zu", step);
    for (const Outcome& o : outcomes) std::fprintf(stream, ",%.9g", o.losses[step]);
    std::fputs("\n", stream);
  }
}

void print(const Experiment& e, const std::vector<Outcome>& outcomes) {
  std::printf("%s: %lld parameters, %d steps of %d images, signal %g, seed %llu, %d test images\n",
              e.model.name.c_str(), static_cast<long long>(parameter_count(e.model)), e.settings.steps,
              e.settings.batch, e.signal, static_cast<unsigned long long>(e.seed), e.test_images);
  std::printf("%-18s %12s %18s %18s %14s\n", "attention trained", "last loss", "accuracy with it", "with Taylor alone",
              "mask density");
  for (const Outcome& o : outcomes) {
    const std::size_t last = std::max<std::size_t>(1, o.losses.size() / 10);
    double loss = 0;
    for (std::size_t i = o.losses.size() - last; i < o.losses.size(); ++i)
      loss += o.losses[i] / static_cast<double>(last);
    std::printf("%-18s %12.4f %18.4f %18.4f", o.name.c_str(), loss, o.accuracy, o.taylor_accuracy);
    if (o.entries > 0) {
      std::printf(" %14.4f\n", static_cast<double>(o.kept) / static_cast<double>(o.entries));
    } else {
      std::printf(" %14s\n", "-");
    }
  }
}

}  // namespace

int train_command(const Arguments& arguments) {
  po::options_description options("options");
  const auto integers = [](std::int64_t value) { return po::value<std::int64_t>()->default_value(value); };
  // clang-format off
  options.add_options()
      ("workload", po::value<std::string>()->default_value("tiny_vit"), "the model to train")
      ("attention", po::value<std::vector<std::string>>()->composing(), "unified, unified_additive, taylor, softmax or sparse; repeatable (default: unified, taylor, softmax)")
      ("threshold", number_option(0.02), "of the predictor's mask in unified and sparse attention")
      ("steps", integers(300), "optimiser steps")
      ("batch", integers(8), "images a step")
      ("optimizer", po::value<std::string>()->default_value("adamw"), "adamw, or sgd with momentum 0.9")
      ("rate", number_option(0.005), "peak learning rate: a tenth of the steps up, then a cosine down")
      ("weight-decay", number_option(0.0), "of weight matrices")
      ("seed", integers(1), "of the images and of the first weights")
      ("signal", number_option(reference::SyntheticImages::kDefaultSignal), "amplitude of textures and mark, in noise of amplitude 1: less is harder")
      ("test-images", integers(1000), "images that no training run sees; of --images the last so many")
      ("images", po::value<std::string>(), "trains on these images in place of the synthetic task: .npy or IDX, as evaluate reads them")
      ("labels", po::value<std::string>(), "their classes")
      ("mean", po::value<std::string>()->default_value("0"), "subtracted from every value; a number a channel, separated by commas")
      ("std", po::value<std::string>()->default_value("1"), "what the difference is divided by")
      ("init", po::value<std::string>(), "starts from the weights in this folder (fine-tuning)")
      ("float32", po::bool_switch(), "keeps the weights as float32")
      ("jobs,j", integers(std::max(1U, std::thread::hardware_concurrency())), "images at a time; changes no bit of the result")
      ("save-weights", po::value<std::string>(), "writes DIR/KIND/NAME.npy: the trained tensors and a test image")
      ("losses", po::value<std::string>(), "writes the loss of every step as CSV, one column a run");
  // clang-format on
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality train [OPTIONS]\n\nTrains a small model on images or on a synthetic task, in double, with "
          "each kind of attention;\nreports the accuracy with that attention and with Taylor attention alone.",
          options, "", values)) {
    return kDone;
  }
  const Experiment experiment = read_experiment(values);
  std::vector<AttentionKind> kinds;
  if (values.count("attention")) {
    for (const auto& name : values["attention"].as<std::vector<std::string>>()) kinds.push_back(kind_named(name));
  } else {
    kinds = {AttentionKind::kUnified, AttentionKind::kTaylor, AttentionKind::kSoftmax};
  }
  OutputSet files;  // looked at first: hours of training must not end at a folder that is not there
  if (values.count("losses")) files.reserve(values["losses"].as<std::string>());
  std::vector<Outcome> outcomes;
  outcomes.reserve(kinds.size());
  for (const AttentionKind kind : kinds) outcomes.push_back(run_experiment(experiment, kind));
  if (values.count("losses")) write_losses(files.add(values["losses"].as<std::string>()), outcomes);
  files.commit();
  print(experiment, outcomes);
  return kDone;
}

}  // namespace vitality::cli
