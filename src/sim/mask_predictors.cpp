#include "sim/mask_predictors.h"

#include <algorithm>
#include <map>
#include <memory>

#include "reference/cascade_pruning.h"
#include "reference/hash_filter.h"
#include "reference/weak_attention_detector.h"

namespace vitality {
namespace {

// The predictor of Sanger and of the training unit: low-precision scores, softmax, threshold.
MaskPredictor sanger(const SparsityConfig& sparsity) {
  const PredictorOptions options{sparsity.predictor_bits, sparsity.normalize_qk, sparsity.threshold};
  return {[options](int, int, int, const MatrixD& q, const MatrixD& k) { return predict_mask(q, k, options); }, {}, {}};
}

MaskPredictor elsa(const SparsityConfig& sparsity) {
  HashFilterOptions options;
  options.p = sparsity.hash_p;
  auto filters = std::make_shared<std::map<int, HashFilter>>();  // by features of a head
  return {[options, filters](int, int, int, const MatrixD& q, const MatrixD& k) {
            return filters->try_emplace(q.cols(), q.cols(), options).first->second.mask(q, k);
          },
          {},
          {}};
}

MaskPredictor dota(const SparsityConfig& sparsity) {
  DetectorOptions options;
  options.rank = sparsity.detector_rank, options.bits = sparsity.predictor_bits, options.keep = sparsity.row_keep;
  return {
      [options](int, int, int, const MatrixD& q, const MatrixD& k) { return detect_strong(q, k, options); }, {}, {}};
}

// One cascade per image: the layers of the first image come first, then those of the next.
class Cascades {
 public:
  Cascades(const VitModel& model, const SparsityConfig& sparsity) : model_(model) {
    options_.token_keep = sparsity.token_keep, options_.head_keep = sparsity.head_keep;
    options_.token_front = sparsity.token_front, options_.head_front = sparsity.head_front;
    const auto is_attention = [](const Layer& layer) { return std::holds_alternative<Attention>(layer.parameters); };
    layers_ = static_cast<int>(std::count_if(model.layers.begin(), model.layers.end(), is_attention)) / model.images;
    class_token_ = std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
      return std::holds_alternative<ConcatToken>(layer.parameters);
    });
  }

  Mask mask(int layer, int instance, int head) {
    if (instance == 0 && head == 0) {
      const auto& a = std::get<Attention>(model_.layers[static_cast<std::size_t>(layer)].parameters);
      if (begun_++ % layers_ == 0) pruning_ = std::make_unique<CascadePruning>(options_, layers_);
      pruning_->begin_layer({a.heads, a.instances, a.n_q, a.n_kv, class_token_});
    }
    return pruning_->mask(instance, head);
  }
  void observe(int instance, int head, const SparseAttention& attention) {
    pruning_->observe(instance, head, attention.p, attention.z);
  }

 private:
  const VitModel& model_;
  CascadeOptions options_;
  int layers_ = 0, begun_ = 0;
  bool class_token_ = false;
  std::unique_ptr<CascadePruning> pruning_;
};

MaskPredictor spatten(const VitModel& model, const SparsityConfig& sparsity) {
  auto cascades = std::make_shared<Cascades>(model, sparsity);
  const double keep = sparsity.value_keep;
  reference::ValueChooser values;
  if (keep < 1)
    values = [keep](int, int, int, const MatrixD& p, const Mask& mask) { return strongest_values(p, mask, keep); };
  return {[cascades](int layer, int instance, int head, const MatrixD&, const MatrixD&) {
            return cascades->mask(layer, instance, head);
          },
          values,
          [cascades](int, int instance, int head, const SparseAttention& attention) {
            cascades->observe(instance, head, attention);
          }};
}

}  // namespace

MaskPredictor mask_predictor(const VitModel& model, const HardwareConfig& config) {
  switch (traits(config.machine).prediction) {
    case MaskPrediction::kScores:
      return sanger(config.sparsity);
    case MaskPrediction::kCascade:
      return spatten(model, config.sparsity);
    case MaskPrediction::kHash:
      return elsa(config.sparsity);
    case MaskPrediction::kDetector:
      return dota(config.sparsity);
  }
  return {};
}

}  // namespace vitality
