// The tensors that --inputs gives; the others come from the seed.
#pragma once

#include <memory>
#include <string>

#include "report/result.h"
#include "workload/stored_parameters.h"

namespace vitality::cli {

struct GivenTensors {
  std::unique_ptr<DirectoryParameters> parameters;  // null: --inputs is not given
  std::string sha256;                               // of all names and values
};

// Reads every file once, so that a bad one costs no simulation. Throws InputError if a file is wrong, if a weight is
// missing and allow_seeded is not set, or if only some images of a batch are given. `seeded` must outlive the result.
GivenTensors read_inputs(const std::string& folder, const VitModel& model, bool allow_seeded,
                         const ParameterSource& seeded);

// inputs: null if all tensors are seeded.
void count_seeded(const DirectoryParameters* inputs, const VitModel& model, NumericsResult& numerics);

}  // namespace vitality::cli
