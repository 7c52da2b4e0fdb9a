#include "sim/account/part_accounts.h"

namespace vitality {
namespace {

// What the units of one kind have done.
struct Work {
  EnumArray<PartKind, Picojoules> by_kind{};
  double clocked_cycles = 0;
};

class PartAccounts {
 public:
  PartAccounts(const RunRecord& run, const EnergyModel& prices, const EnergyBreakdown& energy)
      : run_(run), prices_(prices), energy_(energy) {}

  void add(const ShapeCount& shape) {
    if (!has_parts(shape.unit_kind)) return;
    const JobCost& cost = run_.costs.entries()[static_cast<std::size_t>(shape.entry)];
    Work& work = work_[part_unit(shape.unit_kind)];
    const auto jobs = static_cast<double>(shape.jobs);
    work.clocked_cycles += jobs * static_cast<double>(clocked_cycles(cost, run_.config));
    const auto pj = [&](Action action) {
      return jobs * static_cast<double>(cost.actions[action]) * prices_.per_action(action);
    };
    const FormatCosts& format = run_.config.energy.format[run_.config.precision];
    const double mac = format.multiply_pj + format.sum_pj, multiplier = mac > 0 ? format.multiply_pj / mac : 1;
    work.by_kind[PartKind::kMultiplier] += multiplier * pj(Action::kMac) + pj(Action::kMultiply);
    work.by_kind[PartKind::kSumAdder] += (1 - multiplier) * pj(Action::kMac);
    work.by_kind[PartKind::kAccumulator] += pj(Action::kAccumulate);
    work.by_kind[PartKind::kAdder] += pj(Action::kAdd);
    work.by_kind[PartKind::kDivider] += pj(Action::kDivide);
    work.by_kind[PartKind::kExp] += pj(Action::kExp);
    work.by_kind[PartKind::kComparator] += pj(Action::kCompare);
    work.by_kind[PartKind::kPredictorPe] += pj(Action::kLowPrecisionMac);
  }

  std::vector<PartResult> take() {
    work_[PartUnit::kScratchpad].by_kind[PartKind::kSram] = energy_.sram;
    work_[PartUnit::kNoc].by_kind[PartKind::kWiring] = energy_.noc;
    for (const PricedPart& part : prices_.parts()) {
      PartResult& row = rows_.emplace_back();
      row.unit = to_string(part.unit), row.name = part.name, row.kind = to_string(part.kind);
      row.source = part.source, row.number = part.number, row.area_um2 = part.um2, row.flip_flops = part.flip_flops;
      row.energy_pj = actions_of(part) + registers_of(part) + multiplexers_of(part) +
                      prices_.leakage_of(part) * static_cast<double>(run_.cycles);
    }
    for (const PartUnit unit : all_of_enum<PartUnit>()) add_rest(unit);
    return std::move(rows_);
  }

 private:
  // Several parts of one kind share the work by their number.
  double number_of(PartUnit unit, PartKind kind) const {
    double number = 0;
    for (const PricedPart& part : prices_.parts())
      if (part.unit == unit && part.kind == kind) number += part.number;
    return number;
  }
  Picojoules actions_of(const PricedPart& part) const {
    const double all = number_of(part.unit, part.kind);
    return all > 0 ? work_[part.unit].by_kind[part.kind] * part.number / all : 0;
  }
  Picojoules registers_of(const PricedPart& part) const {
    if (!prices_.gated()) return part.flip_flops * prices_.flip_flop() * static_cast<double>(run_.cycles);
    return part.clocked_flip_flops * prices_.flip_flop() * working_cycles(part.unit);
  }
  Picojoules multiplexers_of(const PricedPart& part) const {
    return part.multiplexer_bits * prices_.multiplexer() * working_cycles(part.unit);
  }
  // Of one unit of the kind, on average: the cycles are counted over all of them, and so are the parts.
  double working_cycles(PartUnit unit) const {
    double units = 1;
    for (const UnitKind kind : all_of_enum<UnitKind>())
      if (has_parts(kind) && part_unit(kind) == unit) units = std::max(1, unit_count(run_.config, kind));
    return work_[unit].clocked_cycles / units;
  }
  void add_rest(PartUnit unit) {
    Picojoules rest = 0;
    for (const PartKind kind : all_of_enum<PartKind>())
      if (number_of(unit, kind) <= 0) rest += work_[unit].by_kind[kind];
    if (rest <= 0) return;
    PartResult& row = rows_.emplace_back();
    row.unit = to_string(unit), row.name = "work that no part is listed for", row.kind = to_string(PartKind::kLogic);
    row.energy_pj = rest;
  }

  const RunRecord& run_;
  const EnergyModel& prices_;
  const EnergyBreakdown& energy_;
  EnumArray<PartUnit, Work> work_{};
  std::vector<PartResult> rows_;
};

}  // namespace

std::vector<PartResult> account_parts(const RunRecord& run, const EnergyModel& prices,
                                      const std::vector<ShapeCount>& shapes, const EnergyBreakdown& energy) {
  PartAccounts accounts(run, prices, energy);
  for (const ShapeCount& shape : shapes) accounts.add(shape);
  return accounts.take();
}

}  // namespace vitality
