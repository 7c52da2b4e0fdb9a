// Backward pass of a whole model in double: dL/d(output) of every layer and dL/d(parameter), from the outputs that
// forward() saved. The partner of model.h; a training step on the machine is compared with it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reference/model.h"
#include "tensor/matrix.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality::reference {

struct ModelGradients {
  MatrixD image;                 // of the first image of a batch
  std::vector<MatrixD> outputs;  // per layer; empty where the loss does not depend on the output
  std::map<std::string, MatrixD>
      parameters;  // by tensor name, summed over a batch; a layer without influence on the loss has no entry
};

// d_outputs: (layer, dL/d(its output)) of the layers that the loss reads. `options` and `saved` are those of forward().
// Running statistics of batch norms are constants; the mask of unified attention carries no gradient.
ModelGradients backward(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options,
                        const ForwardResult& saved, const std::vector<std::pair<int, MatrixD>>& d_outputs);

}  // namespace vitality::reference
