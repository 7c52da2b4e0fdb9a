#include "workload/batch.h"

namespace vitality {

VitModel batched(const VitModel& model, int images) {
  if (images == 1) return model;
  VitModel batch = model;
  batch.images = images;
  batch.layers.clear();
  batch.layers.reserve(model.layers.size() * static_cast<std::size_t>(images));
  for (int image = 0; image < images; ++image) {
    const int offset = image * static_cast<int>(model.layers.size());
    for (Layer layer : model.layers) {
      layer.shared_parameters = layer.name;
      layer.name = "image" + std::to_string(image) + "/" + layer.name;
      for (int& input : layer.inputs) input = is_model_input(input) ? kModelInput - image : input + offset;
      if (auto* norm = std::get_if<BatchNorm>(&layer.parameters)) norm->folded_into += offset;
      batch.layers.push_back(std::move(layer));
    }
  }
  return batch;
}

}  // namespace vitality
