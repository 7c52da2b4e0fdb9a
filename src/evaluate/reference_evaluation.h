// Runs images through the double reference, with several kinds of attention.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/checkpoint.h"
#include "evaluate/images.h"
#include "evaluate/statistics.h"
#include "evaluate/weights.h"
#include "reference/model.h"

namespace vitality {

struct ImageOutcome {
  std::vector<double> logits;
  std::vector<AttentionStatistics> layers;  // of the attention layers, in their order
};
// options: as the model will run; observers in them are not called.
ImageOutcome evaluate_image(const VitModel& model, const ModelWeights& weights,
                            const reference::ForwardOptions& options, MatrixD image);

// Gives the options for one pass; may be called from several threads.
using ForwardOptionsSource = std::function<std::shared_ptr<const reference::ForwardOptions>()>;

struct EvaluatedKind {
  std::string name;
  bool softmax;
  ForwardOptionsSource options;
};

struct EvaluationRequest {
  const VitModel& model;
  const ModelWeights& weights;
  const ImageFile& images;
  std::size_t count;               // of images, from the first one on
  const std::vector<int>* labels;  // null: none
  std::vector<EvaluatedKind> kinds;
  int threads;
  bool keep_logits;                               // of the first kind
  std::function<void(double fraction)> progress;  // may be empty
};

struct KindEvaluation {
  std::string attention;
  Proportion top1, top5;  // no trials if there are no labels
  Proportion agreement;   // with softmax; no trials if softmax is not evaluated
  std::vector<AttentionStatistics> layers;
};

struct ReferenceEvaluation {
  std::vector<KindEvaluation> kinds;
  std::vector<double> logits;  // count x classes
};

ReferenceEvaluation evaluate_reference(const EvaluationRequest& request, Checkpoint& checkpoint);

}  // namespace vitality
