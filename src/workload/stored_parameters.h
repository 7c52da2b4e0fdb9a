// Parameter tensors that do not come from a seed: held in memory, or read from a folder of .npy files.
#pragma once

#include <map>
#include <string>

#include "workload/parameters.h"

namespace vitality {

// Tensors by name; what is not there comes from `fallback`, which has to outlive this.
class StoredParameters : public ParameterSource {
 public:
  explicit StoredParameters(const ParameterSource& fallback) : fallback_(fallback) {}
  std::map<std::string, MatrixD>& tensors() { return tensors_; }
  const std::map<std::string, MatrixD>& tensors() const { return tensors_; }
  MatrixD tensor(const ParameterInfo& info) const override;

 private:
  const ParameterSource& fallback_;
  std::map<std::string, MatrixD> tensors_;
};

// A folder of files NAME.npy, float32 or float64, NAME a tensor of the model (parameters.h): `input.npy` is pixels x
// channels, a weight of a linear layer inputs x outputs; a tensor of one row may have one dimension. A tensor is read
// when it is asked for and not kept. InputError: the folder or a file cannot be read, a name that the model does not
// have (when made), another shape, NaN or infinity (when read).
class DirectoryParameters : public ParameterSource {
 public:
  DirectoryParameters(const VitModel& model, const std::string& directory, const ParameterSource& fallback);
  MatrixD tensor(const ParameterInfo& info) const override;
  // The file that gives a tensor, "" where the fallback does.
  std::string path_of(const std::string& name) const;

 private:
  const ParameterSource& fallback_;
  std::map<std::string, std::string> paths_;  // by tensor name
};

}  // namespace vitality
