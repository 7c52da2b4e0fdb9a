#include "cli/training_run.h"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/output_file.h"
#include "base/random.h"
#include "cli/training_checkpoint.h"
#include "tensor/npy.h"
#include "workload/stored_parameters.h"

namespace vitality::cli {
namespace {

// Test images lie far behind every training image.
constexpr std::uint64_t kFirstTestImage = std::uint64_t{1} << 40;
constexpr int kSyntheticPass = 100;  // steps between two checkpoints where images never repeat

// A file's images in an order that is drawn anew for every pass over them; the last `held_out` are test images.
class FileImages {
 public:
  FileImages(const TrainingPlan& plan, std::uint64_t seed)
      : plan_(plan), trained_(plan.file->count() - static_cast<std::size_t>(plan.test_images)), seed_(seed) {}

  reference::LabelledImage image(std::uint64_t index) {
    const std::size_t i = index >= kFirstTestImage ? trained_ + static_cast<std::size_t>(index - kFirstTestImage)
                                                   : place(index / trained_, index % trained_);
    return {plan_.file->image(i), plan_.labels[i]};
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

  const TrainingPlan& plan_;
  std::uint64_t trained_, seed_, pass_ = 0;
  std::mutex mutex_;
  std::vector<std::size_t> order_;
};

reference::ImageSource images_of(const TrainingPlan& plan, std::uint64_t seed) {
  if (plan.file)
    return [images = std::make_shared<FileImages>(plan, seed)](std::uint64_t index) { return images->image(index); };
  const VitModel& model = plan.model;
  return reference::SyntheticImages(model.image_height, model.image_width, model.image_channels, plan.classes, seed,
                                    plan.signal);
}

int steps_of_a_pass(const TrainingPlan& plan) {
  if (!plan.file) return kSyntheticPass;
  const auto trained = static_cast<int>(plan.file->count()) - plan.test_images;
  return (trained + plan.settings.batch - 1) / plan.settings.batch;
}

// The trained tensors, and a test image, as NAME.npy (workload/stored_parameters.h).
void save_weights(const TrainingPlan& plan, std::size_t run, const reference::ImageSource& images,
                  const StoredParameters& parameters) {
  std::filesystem::path folder = plan.weights_folder;
  if (plan.seeds > 1) folder /= "seed_" + std::to_string(plan.seed_of(run));
  folder /= plan.arm_of(run).name;
  OutputSet files;
  files.make_folder(folder.string());
  const auto add = [&](const std::string& name, const MatrixD& tensor) {
    const std::string path = (folder / (name + ".npy")).string();
    write_npy(files.add(path), {tensor.rows(), tensor.cols()},
              std::vector<double>(tensor.data(), tensor.data() + tensor.size()),
              plan.single ? NpyType::kFloat32 : NpyType::kFloat64);
    files.finish(path);
  };
  for (const auto& [name, tensor] : parameters.tensors())
    if (name != "input") add(name, tensor);
  add("input", images(kFirstTestImage).pixels);
  files.commit();
}

// One run, from where the checkpoint says.
class Run {
 public:
  Run(const TrainingPlan& plan, std::size_t run, const TrainingCheckpointFile& file, TrainingCheckpoint& checkpoint)
      : plan_(plan),
        run_(run),
        file_(file),
        checkpoint_(checkpoint),
        images_(images_of(plan, plan.seed_of(run))),
        seeded_(plan.seed_of(run)),
        parameters_(seeded_),
        settings_(plan.settings) {
    const TrainingArm& arm = plan.arm_of(run);
    settings_.forward.attention.assign(plan.model.layers.size(), arm.attention);
    settings_.forward.predictor.threshold = arm.threshold;
  }

  void train(const std::function<void(int)>& progress) {
    const ParameterSource* const start =
        plan_.first_weights ? static_cast<const ParameterSource*>(plan_.first_weights.get()) : &seeded_;
    reference::store_trainable(plan_.model, *start, parameters_);
    if (!checkpoint_.current.losses.empty()) {
      file_.check(checkpoint_, parameters_.tensors());
      parameters_.tensors() = std::move(checkpoint_.parameters);
    }
    TrainingOutcome& outcome = checkpoint_.current;
    std::atomic<Count> kept = outcome.kept, entries = outcome.entries;
    reference::TrainingSettings settings = settings_;
    settings.forward.mask_seen = [&](const Mask& mask) {
      kept += kept_entries(mask);
      entries += static_cast<Count>(mask.size());
    };
    settings.progress = progress;
    settings.keep_every = file_.kept() ? steps_of_a_pass(plan_) : 0;
    settings.keep = [&](const reference::TrainingState& state) {
      outcome.losses = state.losses, outcome.kept = kept, outcome.entries = entries;
      checkpoint_.optimizer = state.optimizer, checkpoint_.parameters = parameters_.tensors();
      file_.write(checkpoint_);
    };
    outcome.losses = reference::train(plan_.model, images_, settings, parameters_,
                                      {outcome.losses, std::move(checkpoint_.optimizer)});
    outcome.kept = kept, outcome.entries = entries;
    if (!std::isfinite(outcome.losses.back()))
      throw InputError("", "",
                       std::string("training with ") + to_string(plan_.arm_of(run_).attention) +
                           " attention diverged at step " + std::to_string(outcome.losses.size() - 1) +
                           ": try a smaller --rate");
  }

  void judge() {
    checkpoint_.current.right = right_answers(settings_);
    reference::TrainingSettings taylor = settings_;
    taylor.forward.attention.assign(plan_.model.layers.size(), AttentionKind::kTaylor);
    checkpoint_.current.taylor_right = right_answers(taylor);
  }

  void save() {
    if (plan_.weights_folder.empty()) return;
    // The folder is a whole model: what training leaves alone (running statistics) too.
    for (const ParameterInfo& info : parameters_of(plan_.model))
      if (info.role != ParameterRole::kImage)
        parameters_.tensors().emplace(
            info.name, plan_.first_weights ? plan_.first_weights->tensor(info) : parameters_.tensor(info));
    save_weights(plan_, run_, images_, parameters_);
  }

 private:
  int right_answers(const reference::TrainingSettings& settings) const {
    return reference::right_answers(plan_.model, images_, kFirstTestImage, plan_.test_images, settings, parameters_);
  }

  const TrainingPlan& plan_;
  std::size_t run_;
  const TrainingCheckpointFile& file_;
  TrainingCheckpoint& checkpoint_;
  reference::ImageSource images_;
  SeededParameters seeded_;
  StoredParameters parameters_;
  reference::TrainingSettings settings_;
};

}  // namespace

std::vector<TrainingOutcome> run_training(const TrainingPlan& plan, const std::function<void(double)>& progress) {
  const TrainingCheckpointFile file(plan);
  TrainingCheckpoint checkpoint = file.read();
  const auto steps = static_cast<std::size_t>(plan.settings.steps);
  while (checkpoint.finished.size() < plan.runs()) {
    const std::size_t number = checkpoint.finished.size();
    Run run(plan, number, file, checkpoint);
    run.train([&](int done) {
      if (progress)
        progress(static_cast<double>(number * steps + static_cast<std::size_t>(done)) /
                 static_cast<double>(plan.runs() * steps));
    });
    run.judge();
    run.save();
    // Weights are on the disk before the checkpoint calls the run finished: a kill between the two repeats its end.
    std::vector<TrainingOutcome> finished = std::move(checkpoint.finished);
    finished.push_back(std::move(checkpoint.current));
    checkpoint = {};
    checkpoint.finished = std::move(finished);
    if (file.kept()) file.write(checkpoint);
  }
  return std::move(checkpoint.finished);
}

}  // namespace vitality::cli
