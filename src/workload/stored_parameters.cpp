#include "workload/stored_parameters.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <unordered_set>

#include "base/error.h"
#include "base/folder.h"
#include "base/json.h"
#include "tensor/npy.h"

namespace vitality {

MatrixD StoredParameters::tensor(const ParameterInfo& info) const {
  const auto found = tensors_.find(info.name);
  return found == tensors_.end() ? fallback_.tensor(info) : found->second;
}

namespace {

// ", but in DIR/taylor": `train --save-weights DIR` writes a folder for each kind of attention.
std::string folders_with_tensors(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> found;
  for (const fs::path& folder : entries_of(directory, error)) {
    if (!fs::is_directory(folder, error)) continue;
    const auto entries = entries_of(folder, error);
    if (std::any_of(entries.begin(), entries.end(), [](const fs::path& f) { return f.extension() == ".npy"; }))
      found.push_back(folder.string());
  }
  std::sort(found.begin(), found.end());
  std::string text;
  for (std::size_t i = 0; i < found.size() && i < 3; ++i)
    text += (i == 0 ? ", but in " : ", ") + vitality::quoted(found[i]);
  return text;
}

}  // namespace

DirectoryParameters::DirectoryParameters(const VitModel& model, const std::string& directory,
                                         const ParameterSource& fallback)
    : fallback_(fallback) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const ParameterInfo& info : parameters_of(model)) names.push_back(info.name);
  const std::unordered_set<std::string> known(names.begin(), names.end());
  std::error_code error;
  std::vector<std::string> paths;
  for (const fs::path& entry : entries_of(directory, error))
    if (entry.extension() == ".npy") paths.push_back(entry.string());
  if (error) throw InputError(directory, "", "can't be read as a folder of .npy files: " + error.message());
  std::sort(paths.begin(), paths.end());  // the same error is reported first, whatever order the file system has
  for (const std::string& path : paths) {
    const std::string name = fs::path(path).stem().string();
    if (known.count(name) == 0) {
      throw InputError(path, "",
                       "workload " + model.name + " has no tensor \"" + name + "\"" + suggestion(name, names));
    }
    paths_[name] = path;
  }
  if (paths_.empty()) throw InputError(directory, "", "no .npy file in this folder" + folders_with_tensors(directory));
}

std::string DirectoryParameters::path_of(const std::string& name) const {
  const auto found = paths_.find(name);
  return found == paths_.end() ? "" : found->second;
}

MatrixD DirectoryParameters::tensor(const ParameterInfo& info) const {
  const auto found = paths_.find(info.name);
  if (found == paths_.end()) return fallback_.tensor(info);
  NpyRules rules;
  rules.layout = info.layout;
  const NpyArray array = read_npy(found->second, rules);
  const NpyShape expected = {info.rows, info.cols};
  const bool row = info.rows == 1 && array.shape == NpyShape{info.cols};
  if (array.shape != expected && !row) {
    const bool transposed = array.shape == NpyShape{info.cols, info.rows};
    throw InputError(found->second, "",
                     "array of shape " + to_string(array.shape) + ", expected " + to_string(expected) +
                         (*info.layout ? std::string(", ") + info.layout : "") +
                         (transposed ? " (this is its transpose)" : ""));
  }
  MatrixD values(info.rows, info.cols);
  std::copy(array.values.begin(), array.values.end(), values.data());
  return values;
}

}  // namespace vitality
