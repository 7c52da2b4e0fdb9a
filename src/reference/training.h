// Training a vision transformer in double through forward() and backward(): softmax cross-entropy of the model's last
// layer (1 x classes), mini-batches of images, and one optimiser step per batch. Made for models of about a hundred
// thousand parameters. Training on the machine is checked against it, and it serves for an
// experiment on what the sparse part of unified attention does for Taylor attention.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "reference/model.h"
#include "reference/optimizer.h"
#include "reference/synthetic_images.h"
#include "workload/model.h"
#include "workload/stored_parameters.h"

namespace vitality::reference {

// Image i of the training set, which goes on as long as one asks; a pure function, called from several threads.
using ImageSource = std::function<LabelledImage(std::uint64_t index)>;

// After the warmup: down a cosine to 0, down a line to 0, or the peak to the end.
enum class RateSchedule { kCosine, kLinear, kConstant };

// Where a training run stands: with the parameters, all that it takes to go on.
struct TrainingState {
  std::vector<double> losses;  // of each step that is done, before its update
  std::map<std::string, Optimizer::State> optimizer;
};

struct TrainingSettings {
  ForwardOptions forward;
  OptimizerSettings optimizer;  // its rate is the peak, reached linearly over `warmup_steps`
  RateSchedule schedule = RateSchedule::kCosine;
  int steps = 0, batch = 0, warmup_steps = 0;
  int threads = 1;     // that share the images of a batch; decides no bit of the result
  int keep_every = 0;  // steps between two calls of `keep`; 0: never
  std::function<void(const TrainingState& state)> keep;  // the parameters are those after its last step
  std::function<void(int steps)> progress;               // steps done, after each of them; may be empty
};

// Loss and gradients of one batch: means over its images, in their order.
struct BatchGradients {
  double loss = 0;
  std::map<std::string, MatrixD> parameters;
};
BatchGradients batch_gradients(const VitModel& model, const ImageSource& images, std::uint64_t first_image, int batch,
                               const ForwardOptions& options, const ParameterSource& parameters);

// The trainable tensors of a model, from `source`: everything but the image and the running statistics.
void store_trainable(const VitModel& model, const ParameterSource& source, StoredParameters& parameters);

// Trains `parameters` in place; returns each step's loss, before its update. Step s sees images [s batch, (s+1) batch).
// Ends after a step whose loss is not finite. `begin` and the parameters are what `keep` saw of an earlier run: the
// same bits as without the interruption.
std::vector<double> train(const VitModel& model, const ImageSource& images, const TrainingSettings& settings,
                          StoredParameters& parameters, TrainingState begin = {});

// How many of the images [first, first + count) have their largest logit at their label.
int right_answers(const VitModel& model, const ImageSource& images, std::uint64_t first, int count,
                  const TrainingSettings& settings, const ParameterSource& parameters);

}  // namespace vitality::reference
