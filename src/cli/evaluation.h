// The findings of `vitality evaluate`, as text for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "evaluate/reference_evaluation.h"
#include "report/result.h"
#include "sim/machine_images.h"
#include "workload/model.h"

namespace vitality::cli {

struct MachineEvaluation {
  HardwareConfig config;
  std::vector<MachineImage> images;
  std::size_t calibrated = 0;
  bool depends_on_data = false;
  Proportion top1, agreement;  // top1 has no trials if there are no labels; agreement with the double reference
  double max_rel_error = 0;    // of logits, relative to the largest logit of the reference
};

struct Evaluation {
  Manifest manifest;
  std::string images_sha256, labels_sha256;  // "": no labels
  const VitModel* model = nullptr;
  std::size_t images = 0;
  ReferenceEvaluation reference;
  bool has_machine = false;
  MachineEvaluation machine;
};

std::string evaluation_text(const Evaluation& evaluation);
std::string evaluation_json(const Evaluation& evaluation);

}  // namespace vitality::cli
