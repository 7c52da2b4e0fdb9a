#include "evaluate/weights.h"

#include <stdexcept>

#include "base/error.h"
#include "base/sha256.h"
#include "workload/stored_parameters.h"

namespace vitality {

ModelWeights::ModelWeights(const VitModel& model, const std::string& folder) : layers_(model.layers.size()) {
  const SeededParameters none(0);  // never asked: every weight has to be there
  const DirectoryParameters files(model, folder, none);
  std::string list;
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    if (info.role == ParameterRole::kImage) continue;
    if (files.path_of(info.name).empty())
      throw InputError(folder, "",
                       "no file " + info.name + ".npy, expected every weight of workload " + model.name +
                           " (vitality list tensors names them all)");
    MatrixD values = files.tensor(info);
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    list += info.name + " " + sha256_hex(bytes) + "\n";
    tensors_[info.name] = std::move(values);
  }
  sha256_ = sha256_hex(list);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    if (!std::holds_alternative<Linear>(layer.parameters) && !std::holds_alternative<Conv2d>(layer.parameters))
      continue;
    const std::vector<ParameterInfo> own = parameters_of(layer);
    layers_[i] = effective_weights(model, static_cast<int>(i), *this, false);
    tensors_.erase(own[0].name);
    layer_of_[own[0].name] = i;
  }
}

MatrixD ModelWeights::tensor(const ParameterInfo& info) const {
  const auto layer = layer_of_.find(info.name);
  if (layer != layer_of_.end()) return layers_[layer->second].weight;
  const auto found = tensors_.find(info.name);
  if (found == tensors_.end()) throw std::logic_error("no weight " + info.name);
  return found->second;
}

}  // namespace vitality
