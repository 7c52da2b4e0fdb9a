// All weights of a model in memory, read from a folder of .npy files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workload/parameters.h"

namespace vitality {

class ModelWeights : public ParameterSource {
 public:
  // Throws InputError if a weight is missing (nothing is seeded) or a file is wrong (workload/stored_parameters.h).
  ModelWeights(const VitModel& model, const std::string& folder);
  // Throws std::logic_error for the image, which is not a weight.
  MatrixD tensor(const ParameterInfo& info) const override;
  // The weights of linear layers and convolutions, by layer.
  const std::vector<EffectiveWeights>& of_layers() const { return layers_; }
  const std::string& sha256() const { return sha256_; }  // of all names and values

 private:
  std::vector<EffectiveWeights> layers_;
  std::map<std::string, MatrixD> tensors_;  // all tensors that are not in layers_
  std::map<std::string, std::size_t> layer_of_;
  std::string sha256_;
};

// The weights and one image.
class ImageParameters : public ParameterSource {
 public:
  ImageParameters(const ModelWeights& weights, MatrixD image) : weights_(weights), image_(std::move(image)) {}
  MatrixD tensor(const ParameterInfo& info) const override {
    return info.role == ParameterRole::kImage ? image_ : weights_.tensor(info);
  }

 private:
  const ModelWeights& weights_;
  MatrixD image_;
};

}  // namespace vitality
