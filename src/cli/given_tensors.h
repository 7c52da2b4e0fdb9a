// The tensors that --inputs gives, and what is left to the seed.
#pragma once

#include <memory>
#include <string>

#include "report/result.h"
#include "workload/stored_parameters.h"

namespace vitality::cli {

struct GivenTensors {
  std::unique_ptr<DirectoryParameters> parameters;  // null: nothing is given
  std::string sha256;                               // of all names and values
};

// Reads every file once, so that a bad one costs no simulation. InputError: a file is wrong, a weight is missing and
// not allow_seeded, some images of a batch are there and some are not. `seeded` has to outlive the result.
GivenTensors read_inputs(const std::string& folder, const VitModel& model, bool allow_seeded,
                         const ParameterSource& seeded);

// inputs: null: all tensors are seeded.
void count_seeded(const DirectoryParameters* inputs, const VitModel& model, NumericsResult& numerics);

}  // namespace vitality::cli
