#include "cli/given_tensors.h"

#include "base/error.h"
#include "base/json.h"
#include "base/search_path.h"
#include "base/sha256.h"

namespace vitality::cli {
namespace {

// The user must want what comes from the seed: a weight only with --allow-seeded; of the images of a batch all or none
// may be given.
void check_complete(const DirectoryParameters& inputs, const VitModel& model, const std::string& folder,
                    bool allow_seeded) {
  std::string missing_image, given_image;
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    const bool given = !inputs.path_of(info.name).empty();
    if (info.role == ParameterRole::kImage) {
      std::string& first = given ? given_image : missing_image;
      if (first.empty()) first = info.name;
    } else if (!given && !allow_seeded) {
      throw InputError(folder, "",
                       "no file " + info.name + ".npy, expected every weight of workload " + model.name +
                           " (--allow-seeded takes what is missing from --seed; vitality list tensors names them all)");
    }
  }
  if (!given_image.empty() && !missing_image.empty())
    throw InputError(folder, "",
                     "no file " + missing_image + ".npy beside " + given_image + ".npy, expected the images of all " +
                         std::to_string(model.images) + " inputs of the batch or none");
}

// Reads every file once before the simulation, so that a bad file costs no simulation. Returns the identity of all
// files.
std::string check_inputs(const DirectoryParameters& inputs, const VitModel& model) {
  std::string list;
  for (const ParameterInfo& info : parameters_of(model)) {
    const std::string path = inputs.path_of(info.name);
    if (path.empty()) continue;
    const MatrixD values = inputs.tensor(info);
    if (info.role == ParameterRole::kRunningVariance) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values.data()[i] < 0)
          throw InputError(path, "", "a variance is negative: " + json_number(values.data()[i]));
      }
    }
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    list += info.name + " " + sha256_hex(bytes) + "\n";
  }
  return sha256_hex(list);
}

}  // namespace

void count_seeded(const DirectoryParameters* inputs, const VitModel& model, NumericsResult& numerics) {
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    if (inputs != nullptr && !inputs->path_of(info.name).empty()) continue;
    ++numerics.seeded_tensors;
    if (info.role != ParameterRole::kImage && info.role != ParameterRole::kInput) ++numerics.seeded_weights;
  }
}

GivenTensors read_inputs(const std::string& folder, const VitModel& model, bool allow_seeded,
                         const ParameterSource& seeded) {
  GivenTensors given;
  given.parameters = std::make_unique<DirectoryParameters>(model, find_folder(folder, "workloads"), seeded);
  given.sha256 = check_inputs(*given.parameters, model);
  check_complete(*given.parameters, model, folder, allow_seeded);
  return given;
}

}  // namespace vitality::cli
