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

struct TrainingSettings {
  ForwardOptions forward;
  OptimizerSettings optimizer;  // its rate is the peak: reached linearly over `warmup_steps`, then down a cosine to 0
  int steps = 0, batch = 0, warmup_steps = 0;
  int threads = 1;  // that share the images of a batch; decides no bit of the result
  std::function<void(int step, double loss)> progress;  // after each step; may be empty
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
// Ends after a step whose loss is not finite.
std::vector<double> train(const VitModel& model, const ImageSource& images, const TrainingSettings& settings,
                          StoredParameters& parameters);

// The share of images [first, first + count) whose largest logit is the label's.
double accuracy(const VitModel& model, const ImageSource& images, std::uint64_t first, int count,
                const ForwardOptions& options, const ParameterSource& parameters);

}  // namespace vitality::reference
