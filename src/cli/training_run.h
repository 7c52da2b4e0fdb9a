// The runs of `vitality train`: each seed with each kind of attention, one after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/units.h"
#include "evaluate/images.h"
#include "evaluate/weights.h"
#include "reference/training.h"
#include "workload/attention_kind.h"

namespace vitality::cli {

// What is trained: a kind of attention, and the threshold of its masks where it has any.
struct TrainingArm {
  std::string name;  // the kind; with several thresholds KIND_THRESHOLD
  AttentionKind attention;
  double threshold;
};

struct TrainingOutcome {
  std::vector<double> losses;       // of every step
  int right = 0, taylor_right = 0;  // test images, with the attention that was trained and with Taylor alone
  Count kept = 0, entries = 0;      // of the masks seen in training
};

// All that decides the results of `vitality train`, read and checked.
struct TrainingPlan {
  VitModel model;
  int classes = 0, test_images = 0, seeds = 1;
  std::uint64_t seed = 0;  // of the first run; the next ones follow
  double signal = 0;
  std::vector<TrainingArm> arms;
  reference::TrainingSettings settings;
  std::shared_ptr<ImageFile> file;              // null: the synthetic task
  std::vector<int> labels;                      // of the file's images; the last `test_images` are never trained on
  std::shared_ptr<ModelWeights> first_weights;  // null: seeded
  std::string weights_folder;                   // "": trained weights are not written
  bool single = false;                          // they are written as float32
  std::string checkpoint;                       // "": none
  std::string identity;                         // of all the above that decides a bit: whose checkpoint it is

  std::size_t runs() const { return arms.size() * static_cast<std::size_t>(seeds); }
  const TrainingArm& arm_of(std::size_t run) const { return arms[run % arms.size()]; }
  std::uint64_t seed_of(std::size_t run) const { return seed + run / arms.size(); }
};

// Every run, in the order of TrainingPlan::arm_of and seed_of. With a checkpoint it goes on where the file says.
// progress: the share of all steps that is done; may be empty. InputError: training diverged, the checkpoint is no such
// file or another command's.
std::vector<TrainingOutcome> run_training(const TrainingPlan& plan, const std::function<void(double)>& progress);

}  // namespace vitality::cli
