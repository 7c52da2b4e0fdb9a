// Parameter tensors that do not come from a seed: held in memory, or read from a folder of .npy files.
#pragma once

#include <map>
#include <string>

#include "workload/parameters.h"

namespace vitality {

// Tensors by name; a name that is missing here comes from `fallback`, which must outlive this object.
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

// A folder of files NAME.npy, float32 or float64, where NAME is a tensor of the model (parameters.h): `input.npy` is
// pixels x channels, the weight of a linear layer inputs x outputs; a tensor of one row may have one dimension. A
// tensor is read whenever it is asked for, and not kept. Throws InputError in the constructor if the folder or a file
// cannot be read or a name is not of the model; when a tensor is read, for another shape, NaN or infinity.
class DirectoryParameters : public ParameterSource {
 public:
  DirectoryParameters(const VitModel& model, const std::string& directory, const ParameterSource& fallback);
  MatrixD tensor(const ParameterInfo& info) const override;
  // The file that holds a tensor, or "" if it comes from the fallback.
  std::string path_of(const std::string& name) const;

 private:
  const ParameterSource& fallback_;
  std::map<std::string, std::string> paths_;  // by tensor name
};

}  // namespace vitality
