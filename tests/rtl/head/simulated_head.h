// An attention layer on the simulator, for the RTL to be held against: the jobs
// of its schedule with their times, and its tensors.
#pragma once

#include <string>
#include <vector>

#include "mapping/mapper.h"
#include "sim/values/value_executor.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

namespace vitality::test {

// The steps of Algorithm 1 and of softmax attention, as head_pkg.sv numbers
// them.
enum class Step {
  kKeySum,
  kMean,
  kCentre,
  kContext,
  kKhatSum,
  kValueSum,
  kDot,
  kDenominator,
  kScale,
  kQuery,
  kNumerator,
  kDivide,
  kScores,
  kSoftmax,
  kWeighted
};
constexpr int kSteps = 15;
constexpr const char* kStepNames[kSteps] = {
    "1^T K",         "K_bar", "K_hat", "G", "k_hat_sum", "v_sum", "Q k_hat_sum", "t_D",
    "sqrt(d) v_sum", "Q G",   "T_N",   "Z", "Q K^T",     "P",     "P V"};

struct HeadShape {
  int heads, keys, queries, depth, value_depth;
};

// In cycles from the start of the run: a job starts on its unit, has read its
// operands, has left its unit, has its result in the scratchpad.
struct StepTimes {
  Cycles start = -1, released = -1, free = -1, done = -1;
  bool operator==(const StepTimes& o) const {
    return start == o.start && released == o.released && free == o.free && done == o.done;
  }
};
struct TimedStep {
  Step step;
  StepTimes times;
};

inline VitModel head_model(const HeadShape& s) {
  VitModel model;
  model.name = "head";
  const int d = s.depth, e = s.value_depth;
  model.layers = {{"q", {}, GivenTensor{s.queries, s.heads * d}},
                  {"k", {}, GivenTensor{s.keys, s.heads * d}},
                  {"v", {}, GivenTensor{s.keys, s.heads * e}},
                  {"attention",
                   {0, 1, 2},
                   Attention{s.heads, 1, s.queries, s.keys, d, e, {0, 0, d}, {1, 0, d}, {2, 0, e}, 0, 0, 1}}};
  return model;
}

inline Step step_of(const Job& job, OperatorRole role) {
  switch (job.unit) {
    case UnitKind::kAccumulators:
      return role == OperatorRole::kKeyMean  ? Step::kKeySum
             : role == OperatorRole::kKeySum ? Step::kKhatSum
                                             : Step::kValueSum;
    case UnitKind::kDividers:
      return job.kind == JobKind::kMeanDivide ? Step::kMean : Step::kDivide;
    case UnitKind::kAdders:
      return job.kind == JobKind::kSubtractRow   ? Step::kCentre
             : job.kind == JobKind::kAddConstant ? Step::kDenominator
                                                 : Step::kNumerator;
    case UnitKind::kDiagonalEngine:
      return job.kind == JobKind::kDotProduct ? Step::kDot : Step::kScale;
    case UnitKind::kMatrixEngine:
      return role == OperatorRole::kContext     ? Step::kContext
             : role == OperatorRole::kNumerator ? Step::kQuery
             : role == OperatorRole::kScores    ? Step::kScores
                                                : Step::kWeighted;
    case UnitKind::kSpecialFunctions:
      return Step::kSoftmax;
    default:
      throw std::logic_error("no step of an attention head");
  }
}

struct SimulatedHead {
  AttentionMapping mapping;      // chunks and buffers, as the mapper chose them
  std::vector<TimedStep> steps;  // in the order of the schedule
  Cycles cycles = 0;             // the last result
};
// With the operands in the scratchpad: transfers take no time. given: of the
// layer "attention"; null: the mapper chooses.
inline SimulatedHead simulated_head(const HeadShape& shape, const HardwareConfig& config, const GivenMapping* given) {
  MappingOptions options;
  options.given = given;
  Schedule schedule = map_model(head_model(shape), config, options);
  for (Job& job : schedule.jobs)
    if (is_dma(job.unit)) job.unit = UnitKind::kUncharged;
  const auto times = fork_simulation<JobTimes>([&] {
    const auto all = run_times(config, schedule);
    return Simulated<JobTimes>{0, {all.begin(), all.end()}};
  });
  SimulatedHead head;
  head.mapping = std::get<AttentionMapping>(schedule.mappings.back());
  for (JobId i{0}; i < schedule.jobs.next(); ++i.value) {
    const Job& job = schedule.jobs[i];
    if (job.unit == UnitKind::kUncharged) continue;
    const JobTimes& t = times.values[static_cast<std::size_t>(i.value)];
    // Lanes can have taken a job that does not start yet; arrays start with the
    // stationary tile.
    const bool lanes = job.unit != UnitKind::kMatrixEngine && job.unit != UnitKind::kDiagonalEngine;
    head.steps.push_back(
        {step_of(job, schedule.operators[job.op].role), {lanes ? t.stream : t.start, t.released, t.free, t.done}});
    head.cycles = std::max(head.cycles, t.done);
  }
  return head;
}

// Codes of the operands and of the machine's Z, and the scales, from a run with
// values.
struct HeadValues {
  std::vector<double> q, k, v, z;
  AttentionScales scales;
};
inline HeadValues head_values(const HeadShape& shape, const HardwareConfig& config, const GivenMapping* given) {
  const auto flat = fork_simulation<double>([&] {
    Simulated<double> out;
    SimulationOptions options;
    options.numerics = true;
    options.mapping = given;
    options.observe = [&out](const FinishedRun& run) {
      const AttentionScales s = run.plan->attention(3);
      out.values = {s.q, s.k, s.v, s.context, s.numerator, s.scores, s.result, s.probability};
      for (int layer = 0; layer < 4; ++layer) {
        const MatrixD& codes = run.values->codes(run.schedule.layer_output[static_cast<std::size_t>(layer)]);
        out.values.insert(out.values.end(), codes.data(), codes.data() + codes.size());
      }
    };
    simulate(config, head_model(shape), options);
    return out;
  });
  HeadValues head;
  const double* next = flat.values.data();
  for (double* s : {&head.scales.q, &head.scales.k, &head.scales.v, &head.scales.context, &head.scales.numerator,
                    &head.scales.scores, &head.scales.result, &head.scales.probability})
    *s = *next++;
  const auto take = [&next](std::vector<double>& to, int rows, int cols) {
    to.assign(next, next + rows * cols);
    next += rows * cols;
  };
  take(head.q, shape.queries, shape.heads * shape.depth);
  take(head.k, shape.keys, shape.heads * shape.depth);
  take(head.v, shape.keys, shape.heads * shape.value_depth);
  take(head.z, shape.queries, shape.heads * shape.value_depth);
  return head;
}

}  // namespace vitality::test
