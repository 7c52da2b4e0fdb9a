#include "sim/attention_masks.h"

#include <memory>

#include "base/error.h"
#include "cost/sparse_machine.h"
#include "tensor/npy.h"

namespace vitality {
namespace {

// A stack of masks from a file, and which of its planes each head uses.
class MaskFile {
 public:
  MaskFile(const std::string& path, const VitModel& model)
      : path_(path), array_(read_npy(path, {{NpyType::kUint8}, false})) {
    for (const double value : array_.values) {
      if (value != 0 && value != 1)
        throw InputError(path, "",
                         "mask with the value " + std::to_string(static_cast<int>(value)) + ", expected 0 and 1 only");
    }
    int layers = 0;
    for (const Layer& layer : model.layers) layers += std::holds_alternative<Attention>(layer.parameters);
    layers /= model.images;
    if (array_.shape.size() < 2)
      throw InputError(path, "", "mask of shape " + to_string(array_.shape) + ", expected 2 to 4 dimensions");
    if (array_.shape.size() == 4 && layers != array_.shape[0])
      throw InputError(path, "",
                       "masks of shape " + to_string(array_.shape) + " for the " + std::to_string(layers) +
                           " attention layers of the model");
  }

  Mask of(const Layer& layer, int attention_layer, int head) const {
    const auto& a = std::get<Attention>(layer.parameters);
    const NpyShape& shape = array_.shape;
    const std::size_t n = shape.size();
    if (shape[n - 2] != a.n_q || shape[n - 1] != a.n_kv || (n >= 3 && shape[n - 3] != a.heads)) {
      throw InputError(path_, "",
                       "mask of shape " + to_string(shape) + ": layer " + layer.name + " has " +
                           std::to_string(a.heads) + " heads of " + std::to_string(a.n_q) + " x " +
                           std::to_string(a.n_kv));
    }
    std::size_t plane = n >= 3 ? static_cast<std::size_t>(head) : 0;
    if (n == 4) plane += static_cast<std::size_t>(attention_layer % shape[0]) * static_cast<std::size_t>(shape[1]);
    Mask mask(a.n_q, a.n_kv);
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask.data()[i] = static_cast<std::uint8_t>(array_.values[plane * mask.size() + i]);
    return mask;
  }

 private:
  std::string path_;
  NpyArray array_;
};

// A mask that does not depend on Q and K.
Mask given_mask(const HardwareConfig& config, const Attention& a, std::uint64_t seed) {
  const SparsityConfig& sparsity = config.sparsity;
  if (sparsity.source == SparsitySource::kDensity) return random_mask(a.n_q, a.n_kv, sparsity.density, seed);
  if (traits(config.machine).pattern == MaskPattern::kPolarised)
    return polarised_mask(a.n_q, a.n_kv, sparsity.global_tokens, sparsity.density);
  return window_mask(a.n_q, a.n_kv, {sparsity.window, sparsity.dilation, sparsity.global_tokens});
}

AttentionMasks given_masks(const VitModel& model, const HardwareConfig& config, std::uint64_t seed) {
  AttentionMasks masks;
  masks.of_layer.resize(model.layers.size());
  std::unique_ptr<MaskFile> file;
  if (config.sparsity.source == SparsitySource::kFile)
    file = std::make_unique<MaskFile>(config.sparsity.mask_file, model);
  int attention_layer = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto* a = std::get_if<Attention>(&model.layers[i].parameters);
    if (a == nullptr) continue;
    const bool uses_mask = traits(attention_kind(model.layers[i], config.attention)).uses_mask;
    for (int instance = 0; instance < (uses_mask ? a->instances : 0); ++instance) {
      for (int head = 0; head < a->heads; ++head) {
        const auto own = static_cast<std::uint64_t>((attention_layer * a->instances + instance) * a->heads + head);
        masks.of_layer[i].push_back(file ? file->of(model.layers[i], attention_layer, head)
                                         : given_mask(config, *a, seed * 1000003 + own));
      }
    }
    ++attention_layer;
  }
  return masks;
}

}  // namespace

MaskSource::MaskSource(const VitModel& model, const HardwareConfig& config, std::uint64_t seed) : model_(model) {
  predicted_ = config.sparsity.source == SparsitySource::kPredicted;
  masks_.of_layer.resize(model.layers.size());
  if (predicted_) {
    predictor_ = mask_predictor(model, config);
  } else {
    masks_ = given_masks(model, config, seed);
  }
}

reference::MaskChooser MaskSource::chooser() {
  if (predicted_)
    return [this](int layer, int instance, int head, const MatrixD& q, const MatrixD& k) {
      masks_.of_layer[static_cast<std::size_t>(layer)].push_back(predictor_.choose(layer, instance, head, q, k));
      return masks_.of_layer[static_cast<std::size_t>(layer)].back();
    };
  return [this](int layer, int instance, int head, const MatrixD&, const MatrixD&) {
    const auto& a = std::get<Attention>(model_.layers[static_cast<std::size_t>(layer)].parameters);
    return masks_.of_layer[static_cast<std::size_t>(layer)][static_cast<std::size_t>(instance * a.heads + head)];
  };
}

reference::ValueChooser MaskSource::values() {
  if (!predictor_.values) return {};
  masks_.values_of_layer.resize(model_.layers.size());
  return [this](int layer, int instance, int head, const MatrixD& p, const Mask& mask) {
    masks_.values_of_layer[static_cast<std::size_t>(layer)].push_back(
        predictor_.values(layer, instance, head, p, mask));
    return masks_.values_of_layer[static_cast<std::size_t>(layer)].back();
  };
}

reference::ForwardOptions reference_options(const VitModel& model, const HardwareConfig& config) {
  reference::ForwardOptions options;
  options.score_bias_first_order = config.attention_bias == AttentionBias::kFirstOrder;
  // `auto` counts as Taylor until a kind is chosen for each layer.
  options.attention.assign(model.layers.size(),
                           config.attention == AttentionKind::kAuto ? AttentionKind::kTaylor : config.attention);
  if (traits(config.machine).sparse_baseline) options.empty_rows = sparse_machine(config).empty_rows;
  options.predictor = {config.sparsity.predictor_bits, config.sparsity.normalize_qk, config.sparsity.threshold};
  return options;
}

}  // namespace vitality
