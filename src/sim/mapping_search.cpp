#include "sim/mapping_search.h"

#include <cstring>

#include "base/enum_table.h"
#include "base/error.h"

namespace vitality {
namespace {

// For the objective `latency`, a mapping that takes a hundredth less energy may take this many hundredths more cycles.
constexpr double kEnergyShare = 0.02;

class Search {
 public:
  Search(const MappingConfig& config, const MappingSearchTask& task) : config_(config), task_(task), best_{{config}} {}

  FoundMapping find() {
    take_best(estimates());
    if (config_.search == MappingSearch::kSimulate) {
      task_.map(best_);
      for (bool better = true; better && left() > 0;) better = improve_once();
    }
    result_.simulations = used_;
    result_.cycles = best_totals_.cycles, result_.energy_mj = best_totals_.energy_mj;
    return {best_, best_totals_, result_};
  }

 private:
  int left() const { return task_.budget - used_; }

  double score(const ChildTotals& totals) const {
    const auto cycles = static_cast<double>(totals.cycles);
    switch (config_.objective) {
      case MappingObjective::kLatency:
        return cycles * (1 + kEnergyShare * totals.energy_mj / result_.estimate_energy_mj);
      case MappingObjective::kEnergy:
        return totals.energy_mj;
      case MappingObjective::kEdp:
        return cycles * totals.energy_mj;
    }
    return 0;
  }

  // Simulates as many of the variants as the budget allows, and takes the best if it is better than what is known. Of
  // equal ones the first is taken.
  bool take_best(std::vector<MappingVariant> variants) {
    if (static_cast<int>(variants.size()) > left()) variants.resize(static_cast<std::size_t>(left()));
    if (variants.empty()) return false;
    const std::vector<ChildTotals> totals = simulate(variants);
    bool better = false;
    for (std::size_t i = 0; i < variants.size(); ++i) {
      if (used_ == 0) result_.estimate_cycles = totals[i].cycles, result_.estimate_energy_mj = totals[i].energy_mj;
      ++used_;
      if (totals[i].cycles < 0 || (best_totals_.cycles >= 0 && score(totals[i]) >= score(best_totals_))) continue;
      best_ = variants[i], best_totals_ = totals[i];
      better = true;
    }
    if (task_.progress) task_.progress(static_cast<double>(used_) / task_.budget);
    return better;
  }

  std::vector<ChildTotals> simulate(const std::vector<MappingVariant>& variants) {
    std::vector<ChildTotals> totals(variants.size());
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const std::size_t number = static_cast<std::size_t>(used_) + i;  // the search always takes the same way
      if (task_.checkpoint != nullptr && task_.checkpoint->has(0, number)) {
        const std::string known = task_.checkpoint->read(0, number);
        if (known.size() == sizeof totals[i]) {
          std::memcpy(&totals[i], known.data(), known.size());
          continue;
        }
      }
      unknown.push_back(i);
    }
    const std::vector<ChildTotals> found = simulate_in_children(static_cast<int>(unknown.size()), [&](int index) {
      return task_.simulate(variants[unknown[static_cast<std::size_t>(index)]]);
    });
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      totals[unknown[i]] = found[i];
      if (task_.checkpoint != nullptr)
        task_.checkpoint->add(0, static_cast<std::size_t>(used_) + unknown[i],
                              std::string(reinterpret_cast<const char*>(&found[i]), sizeof found[i]));
    }
    return totals;
  }

  // The estimate's mapping comes first.
  std::vector<MappingVariant> estimates() const {
    std::vector<MappingVariant> variants{{{config_}}};
    const bool all_objectives = config_.search == MappingSearch::kSimulate;
    for (const MappingChoice& other : task_.others)
      if (!all_objectives || other.config.objective == config_.objective) variants.push_back({other});
    if (!all_objectives) return variants;
    for (const bool other : {false, true}) {
      if (other && config_.residency == MappingResidency::kLayer) continue;
      for (const MappingObjective objective : all_of_enum<MappingObjective>()) {
        if (!other && objective == config_.objective) continue;
        variants.push_back({{config_}});
        variants.back().config.objective = objective;
        if (other) variants.back().config.residency = MappingResidency::kLayer;
      }
    }
    return variants;
  }

  bool improve_once() {
    bool better = false;
    for (std::size_t problem = 0; problem < best_.plans.problems.size() && left() > 0; ++problem) {
      const PlanAlternatives::Problem& now = best_.plans.problems[problem];
      std::vector<MappingVariant> variants;
      for (std::size_t plan = 0; plan < now.plans.size(); ++plan) {
        if (plan == now.taken) continue;
        variants.push_back(best_);
        variants.back().plans.problems[problem].taken = plan;
      }
      better = take_best(std::move(variants)) || better;
    }
    return better;
  }

  const MappingConfig config_;
  const MappingSearchTask& task_;
  MappingVariant best_;
  ChildTotals best_totals_;
  MappingSearchResult result_;
  int used_ = 0;
};

}  // namespace

FoundMapping search_mapping(const MappingConfig& config, const MappingSearchTask& task) {
  return Search(config, task).find();
}

}  // namespace vitality
