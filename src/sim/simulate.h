// Runs a model on a machine: mapping, elaboration, simulation, accounting, and, with numerics, values checked against
// the reference.
//
// SystemC allows one simulation per process: a second call in the same process throws std::logic_error.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "cost/dram_model.h"
#include "cost/job_cost.h"
#include "mapping/mapper.h"
#include "reference/model.h"
#include "report/result.h"
#include "schedule/job_times.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality {

class Checkpoint;
class ValueExecutor;
class ValuePlan;

// What a finished run offers to an observer: when every job ran and, with numerics, the machine's tensors.
struct FinishedRun {
  const VitModel& model;  // of a training step: with a layer for each part of the backward pass and the update
  const Schedule& schedule;
  const IdVector<JobId, JobTimes>& times;
  const ValuePlan* plan;                  // null without numerics
  const ValueExecutor* values;            // null without numerics
  const std::vector<MatrixD>* reference;  // every layer's output; null without numerics
  const CostTable& costs;
  const SimulationResult& result;
};

// The default for SimulationOptions::check: whether simulations check their schedules. Tests turn it on.
inline bool schedules_are_checked = false;

constexpr int kSearchBudget = 250;

struct SimulationOptions {
  bool numerics = false;
  // Checks the schedule before it runs (schedule/check_schedule.h); std::logic_error says what is wrong.
  bool check = schedules_are_checked;
  bool totals_only = false;  // the result has only totals, energy and mask density; no units, no details of layers
  // With totals_only and timing only: simulates only as many of the identical encoder blocks as are needed to prove
  // that the others behave the same (block_repetition.h).
  bool repeat_blocks = false;
  bool training = false;  // a training step (docs/training.md); all layers
  std::uint64_t seed = 1;
  const ParameterSource* parameters = nullptr;  // values of weights and images; null = seeded
  std::vector<bool> selected;                   // layers to simulate; empty = all
  std::vector<AttentionKind>
      attention;  // per layer; empty = the machine's, `auto` decided by simulating each shape alone both ways
  int search_budget = kSearchBudget;        // simulations of mapping.search simulate
  Checkpoint* search_checkpoint = nullptr;  // keeps these; may be null
  const GivenMapping* mapping = nullptr;    // from a file; null: the search maps every layer. Not for training
  std::function<void(const std::string& phase, double fraction)> progress;  // may be empty
  std::function<void(const FinishedRun&)> observe;  // called once, when the machine has ended; may be empty
  // The scales of fixed formats come from these ranges, and results that do not fit are counted. null: scales come from
  // the images of the run.
  const reference::Calibration* calibration = nullptr;
  std::function<void(const Job& job, UnitId unit)> computed;  // with numerics: after each job's values; may be empty
  DramCommandObserver dram_commands;  // of dram.model banked, in each channel's order; may be empty
};

// With repeat_blocks: the times of the blocks did not repeat. The whole model must be run in another process.
struct NotPeriodic : std::runtime_error {
  using std::runtime_error::runtime_error;
};

SimulationResult simulate(const HardwareConfig& config, const VitModel& model, const SimulationOptions& options = {});

}  // namespace vitality
