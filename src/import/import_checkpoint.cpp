// Imports only weights, for a workload whose form is known.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "import/checkpoint_names.h"
#include "import/import_model.h"
#include "import/layout_operators.h"
#include "import/report_json.h"
#include "import/resize_positions.h"
#include "import/safetensors.h"
#include "workload/parameters.h"
#include "workload/workload_json.h"

namespace vitality::importing {
namespace {

struct Stored {
  std::string name;  // in the file
  const Tensor* tensor;
};
using Parts = std::map<int, Stored>;

// PyTorch's axes of a weight, reordered as in the workload: outputs last.
Tensor outputs_last(const Tensor& weight) {
  Node turn;
  std::vector<std::int64_t>& order = turn.attributes["perm"].integers;
  if (weight.shape.size() == 4) {
    order = {2, 3, 1, 0};
  } else if (weight.shape.size() == 2) {
    order = {1, 0};
  } else {
    return weight;
  }
  return transpose(turn, {&weight})[0];
}

Tensor joined(const Parts& parts) {
  Tensor whole = *parts.begin()->second.tensor;
  Node join;
  join.attributes["axis"].integer = 0;
  for (auto part = std::next(parts.begin()); part != parts.end(); ++part)
    whole = concat(join, {&whole, part->second.tensor})[0];
  return whole;
}

MatrixD matrix_of(const ParameterInfo& info, const Parts& parts, const std::string& path) {
  const std::string pointer = pointer_of("", parts.begin()->second.name);
  for (const auto& part : parts)
    if (!part.second.tensor->is_real) throw InputError(path, pointer_of("", part.second.name), "has integer elements");
  Tensor tensor;
  try {
    tensor = joined(parts);
  } catch (const NodeError& error) {
    throw InputError(path, pointer, error.what());
  }
  const Shape stored = tensor.shape;
  if (info.role == ParameterRole::kWeight) tensor = outputs_last(tensor);
  Shape plain;  // without axes of size 1, except the last one
  for (std::size_t i = 0; i < tensor.shape.size(); ++i)
    if (tensor.shape[i] != 1 || i + 1 == tensor.shape.size()) plain.push_back(tensor.shape[i]);
  const bool row = info.rows == 1 && tensor.shape.back() == info.cols;
  const bool fits = tensor.size() == static_cast<std::size_t>(info.rows) * static_cast<std::size_t>(info.cols) &&
                    !tensor.shape.empty() && (row || tensor.shape.back() == info.cols);
  if (!fits) {
    throw InputError(path, pointer,
                     "a tensor of shape " + to_string(stored) + " for " + info.name + ", expected " +
                         std::to_string(info.rows) + " x " + std::to_string(info.cols) +
                         (*info.layout ? ", " + std::string(info.layout) : std::string()) +
                         (info.role == ParameterRole::kWeight ? ", in PyTorch's order" : ""));
  }
  MatrixD out(info.rows, info.cols);
  std::copy(tensor.real.begin(), tensor.real.end(), out.data());
  return out;
}

// A position embedding of a square grid, brought to the workload's grid; empty if the tensor is none.
class Positions {
 public:
  Positions(const VitModel& model, bool resize) : grids_(position_grids(model)), resize_(resize) {}

  // Throws InputError if the embeddings are for another grid, and shall not be resized.
  MatrixD resized(const ParameterInfo& info, const Parts& parts, const std::string& path, ImportReport& report) const {
    const auto found = grids_.find(info.name);
    const Tensor& tensor = *parts.begin()->second.tensor;
    const auto cols = static_cast<std::size_t>(info.cols);
    if (found == grids_.end() || !tensor.is_real || tensor.size() % cols != 0) return {};
    if (tensor.shape.empty() || tensor.shape.back() != info.cols) return {};
    const auto rows = static_cast<int>(tensor.size() / cols);
    const PositionGrid& grid = found->second;
    const int side = square_side(rows, grid.front);
    if (rows == info.rows || side == 0) return {};
    const std::string from = std::to_string(side) + " x " + std::to_string(side),
                      to = std::to_string(grid.height) + " x " + std::to_string(grid.width);
    if (!resize_)
      throw InputError(path, pointer_of("", parts.begin()->second.name),
                       "position embeddings for a grid of " + from + " tokens, expected " + to +
                           " of the workload (--resize-positions resizes them)");
    MatrixD stored(rows, info.cols);
    std::copy(tensor.real.begin(), tensor.real.end(), stored.data());
    MatrixD out = resized_positions(stored, grid);
    for (std::size_t i = 0; i < out.size(); ++i) out.data()[i] = static_cast<double>(static_cast<float>(out.data()[i]));
    report.notes.push_back(info.name + " is resized from " + from + " to " + to +
                           " tokens (bicubic, rounded to float32)");
    return out;
  }

 private:
  std::map<std::string, PositionGrid> grids_;
  bool resize_;
};

std::string names_of(const Parts& parts) {
  std::string names;
  for (const auto& part : parts) names += (names.empty() ? "" : ", ") + part.second.name;
  return names;
}

}  // namespace

Imported import_safetensors(const std::string& path, const std::string& workload, bool resize) {
  Imported out;
  out.workload = read_text_file(workload);
  const VitModel model = parse_workload(out.workload, workload);
  const StoredTensors stored = read_safetensors(path);
  out.float32 = stored.float32;
  std::vector<std::string> names;
  for (const auto& entry : stored.tensors) names.push_back(entry.first);
  const std::vector<TensorName> meant = workload_names(names);
  std::map<std::string, Parts> given;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (meant[i].ignored) continue;
    const auto added = given[meant[i].name].emplace(meant[i].part, Stored{names[i], &stored.tensors.at(names[i])});
    if (!added.second)
      throw InputError(path, pointer_of("", names[i]),
                       "is " + meant[i].name + " again, as " + quoted(added.first->second.name) + " is");
  }
  ImportReport report;
  report.source = path, report.format = "safetensors";
  report.notes.push_back(
      "weights alone do not say the form of the model: epsilon of norms, the kind of GELU and the order of tokens are "
      "the workload's");
  const Positions positions(model, resize);
  std::vector<std::string> known;
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    if (info.role == ParameterRole::kImage) continue;
    known.push_back(info.name);
    const auto found = given.find(info.name);
    if (found == given.end()) throw InputError(path, "", "gives no tensor for " + info.name + " of " + workload);
    MatrixD resized = positions.resized(info, found->second, path, report);
    out.weights[info.name] = resized.empty() ? matrix_of(info, found->second, path) : std::move(resized);
    report.entries.push_back({info.name, "", names_of(found->second)});
    given.erase(found);
  }
  if (!given.empty()) {
    const auto& rest = *given.begin();
    throw InputError(path, pointer_of("", rest.second.begin()->second.name),
                     "workload " + model.name + " has no tensor " + quoted(rest.first) + suggestion(rest.first, known) +
                         ": the weights are for another model");
  }
  out.report = report_text(report);
  return out;
}

}  // namespace vitality::importing
