// What `vitality train` prints and writes.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/training_run.h"

namespace vitality::cli {

// The loss of every step, a column a run.
void write_losses(std::FILE* stream, const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes);
// A line a run; with several seeds also the means of every arm and their intervals of 95 %.
void print_training(const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes);
std::string training_json(const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes);

}  // namespace vitality::cli
