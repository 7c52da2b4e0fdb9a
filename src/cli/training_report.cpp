#include "cli/training_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "evaluate/statistics.h"

namespace vitality::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string column_of(const TrainingPlan& plan, std::size_t run) {
  const std::string& name = plan.arm_of(run).name;
  return plan.seeds > 1 ? name + ".seed_" + std::to_string(plan.seed_of(run)) : name;
}

// The mean over the last tenth of the steps: one batch's loss says little.
double last_loss(const TrainingOutcome& outcome) {
  const std::size_t last = std::max<std::size_t>(1, outcome.losses.size() / 10);
  double loss = 0;
  for (std::size_t i = outcome.losses.size() - last; i < outcome.losses.size(); ++i)
    loss += outcome.losses[i] / static_cast<double>(last);
  return loss;
}

// A mean over seeds; half the width of its interval of 95 % by Student's t distribution, whose quantiles by degrees of
// freedom are those of any table.
struct MeanOverSeeds {
  double mean = 0, half_width = 0;
};

MeanOverSeeds over_seeds(const std::vector<double>& values) {
  constexpr double kQuantile[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                  2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093};
  const auto n = static_cast<double>(values.size());
  MeanOverSeeds result;
  for (const double value : values) result.mean += value / n;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.half_width = kQuantile[values.size() - 2] * std::sqrt(squares / (n - 1) / n);
  return result;
}

MeanOverSeeds over_seeds(const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes, std::size_t arm,
                         int TrainingOutcome::*right) {
  std::vector<double> values;
  for (std::size_t run = arm; run < outcomes.size(); run += plan.arms.size())
    values.push_back(static_cast<double>(outcomes[run].*right) / plan.test_images);
  return over_seeds(values);
}

Json accuracy_json(int right, int images) {
  const Proportion p{right, images};
  return {{"mean", p.share()}, {"low", p.low()}, {"high", p.high()}};
}

Json seeds_json(const MeanOverSeeds& m) {
  return {{"mean", m.mean}, {"low", m.mean - m.half_width}, {"high", m.mean + m.half_width}};
}

}  // namespace

void write_losses(std::FILE* stream, const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes) {
  std::fputs("step", stream);
  for (std::size_t run = 0; run < outcomes.size(); ++run) std::fprintf(stream, ",%s", column_of(plan, run).c_str());
  std::fputs("\n", stream);
  for (std::size_t step = 0; step < outcomes[0].losses.size(); ++step) {
    std::fprintf(stream, "%zu", step);
    for (const TrainingOutcome& o : outcomes) std::fprintf(stream, ",%.9g", o.losses[step]);
    std::fputs("\n", stream);
  }
}

void print_training(const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes) {
  std::printf("%s: %lld parameters, %d steps of %d images, ", plan.model.name.c_str(),
              static_cast<long long>(parameter_count(plan.model)), plan.settings.steps, plan.settings.batch);
  if (!plan.file) std::printf("signal %g, ", plan.signal);
  std::printf("seed %llu, %d test images\n", static_cast<unsigned long long>(plan.seed), plan.test_images);
  std::printf("%-18s %12s %18s %18s %14s\n", "attention trained", "last loss", "accuracy with it", "with Taylor alone",
              "mask density");
  for (std::size_t run = 0; run < outcomes.size(); ++run) {
    const TrainingOutcome& o = outcomes[run];
    const double images = plan.test_images;
    std::printf("%-18s %12.4f %18.4f %18.4f", column_of(plan, run).c_str(), last_loss(o), o.right / images,
                o.taylor_right / images);
    if (o.entries > 0) {
      std::printf(" %14.4f\n", static_cast<double>(o.kept) / static_cast<double>(o.entries));
    } else {
      std::printf(" %14s\n", "-");
    }
  }
  if (plan.seeds == 1) return;
  std::printf("\n%-18s %22s %22s\n", "mean of the seeds", "accuracy with it", "with Taylor alone");
  for (std::size_t arm = 0; arm < plan.arms.size(); ++arm) {
    const MeanOverSeeds own = over_seeds(plan, outcomes, arm, &TrainingOutcome::right),
                        taylor = over_seeds(plan, outcomes, arm, &TrainingOutcome::taylor_right);
    std::printf("%-18s %12.4f +- %.4f %13.4f +- %.4f\n", plan.arms[arm].name.c_str(), own.mean, own.half_width,
                taylor.mean, taylor.half_width);
  }
  std::printf("+-: the interval of 95 %% over %d seeds (Student's t)\n", plan.seeds);
}

std::string training_json(const TrainingPlan& plan, const std::vector<TrainingOutcome>& outcomes) {
  Json runs = Json::array(), arms = Json::array();
  for (std::size_t run = 0; run < outcomes.size(); ++run) {
    const TrainingOutcome& o = outcomes[run];
    Json json{{"arm", plan.arm_of(run).name},
              {"attention", to_string(plan.arm_of(run).attention)},
              {"seed", plan.seed_of(run)},
              {"last_loss", last_loss(o)},
              {"accuracy", accuracy_json(o.right, plan.test_images)},
              {"taylor_accuracy", accuracy_json(o.taylor_right, plan.test_images)}};
    if (o.entries > 0) {
      json["threshold"] = plan.arm_of(run).threshold;
      json["mask_density"] = static_cast<double>(o.kept) / static_cast<double>(o.entries);
    }
    runs.push_back(std::move(json));
  }
  for (std::size_t arm = 0; plan.seeds > 1 && arm < plan.arms.size(); ++arm)
    arms.push_back({{"arm", plan.arms[arm].name},
                    {"accuracy", seeds_json(over_seeds(plan, outcomes, arm, &TrainingOutcome::right))},
                    {"taylor_accuracy", seeds_json(over_seeds(plan, outcomes, arm, &TrainingOutcome::taylor_right))}});
  const Json training{{"workload", plan.model.name},
                      {"parameters", parameter_count(plan.model)},
                      {"steps", plan.settings.steps},
                      {"batch", plan.settings.batch},
                      {"test_images", plan.test_images},
                      {"seeds", plan.seeds},
                      {"runs", runs},
                      {"arms", arms}};
  return Json{{"schema_version", 1}, {"training", training}}.dump(2) + "\n";
}

}  // namespace vitality::cli
