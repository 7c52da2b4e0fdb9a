#include "cost/sparse_machine.h"

#include <stdexcept>

#include "base/error.h"
#include "cost/dot_product_engine.h"

namespace vitality {
namespace {

constexpr RunnableMasks kAnyMask{{true, true, true, true}, "any mask"};
constexpr RunnableMasks kFixedMasks{{false, true, true, true},
                                    "masks that are fixed per model (file, density or pattern): it has no predictor"};
constexpr RunnableMasks kWindows{
    {false, false, false, true}, "a sliding window with global tokens only (pattern)", true};

// The training unit, which machines other than the sparse baselines may have (sparse_unit.enabled).
constexpr SparseMachine kTrainingUnit{
    UnitKind::kSparseEngine, UnitKind::kExpUnit,    true, kAnyMask, sanger_describe, sanger_predict,
    sanger_products,         exp_unit_probabilities};
constexpr SparseMachine kSanger{
    UnitKind::kMatrixEngine, UnitKind::kExpUnit,    true, kAnyMask, sanger_describe, sanger_predict,
    sanger_products,         exp_unit_probabilities};
constexpr SparseMachine kVitcod{
    UnitKind::kMatrixEngine, UnitKind::kExpUnit,    false, kFixedMasks, vitcod_describe, nullptr,
    vitcod_products,         exp_unit_probabilities};
constexpr SparseMachine kSalo{UnitKind::kMatrixEngine, UnitKind::kMatrixEngine, false, kWindows, salo_describe, nullptr,
                              salo_products,           salo_probabilities};
constexpr SparseMachine kSpatten{
    UnitKind::kMatrixEngine, UnitKind::kExpUnit, true, kAnyMask, modules_describe, spatten_predict, dot_product_cost,
    spatten_probabilities,   EmptyRows::kZero};
constexpr SparseMachine kElsa{
    UnitKind::kMatrixEngine, UnitKind::kExpUnit,    true, kAnyMask, modules_describe, elsa_predict,
    dot_product_cost,        exp_unit_probabilities};
constexpr SparseMachine kDota{
    UnitKind::kMatrixEngine, UnitKind::kExpUnit,    true, kAnyMask, lanes_describe, dota_predict,
    dot_product_cost,        exp_unit_probabilities};

}  // namespace

const SparseMachine& sparse_machine(const HardwareConfig& config) {
  switch (config.machine) {
    case MachineKind::kVitality:
    case MachineKind::kDense:
    case MachineKind::kRoofline:
    case MachineKind::kHost:
      return kTrainingUnit;
    case MachineKind::kSanger:
      return kSanger;
    case MachineKind::kVitcod:
      return kVitcod;
    case MachineKind::kSalo:
      return kSalo;
    case MachineKind::kSpatten:
      return kSpatten;
    case MachineKind::kElsa:
      return kElsa;
    case MachineKind::kDota:
      return kDota;
  }
  throw std::logic_error("a machine without a row of sparse_machine.cpp");
}

void check_mask_source(const HardwareConfig& config) {
  const RunnableMasks& masks = sparse_machine(config).masks;
  if (!masks.sources[static_cast<std::size_t>(config.sparsity.source)])
    throw InfeasibleError("machine " + config.name + ": sparsity.source " + to_string(config.sparsity.source) + ": " +
                          to_string(config.machine) + " runs " + masks.words);
}

void count_probabilities(const Job& job, const MaskTile& tile, JobCost& cost) {
  const bool dense_sums = job.stationary != kNone, residual = job.partial != kNone;
  const Count elements = tile.kept;
  cost.operations.mul = elements, cost.operations.exp = elements, cost.operations.div = elements;
  cost.operations.add = elements, cost.operations.cmp = elements - tile.used_rows;
  if (dense_sums) cost.operations.cmp = 0;  // x - maximum only
  if (!dense_sums) cost.operations.add += elements - tile.used_rows;
  if (residual) cost.operations.add += 2 * elements, cost.operations.div += elements;  // T, and P - T
  cost.actions[Action::kMultiply] = cost.operations.mul, cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kDivide] = cost.operations.div, cost.actions[Action::kExp] = cost.operations.exp;
  cost.actions[Action::kCompare] = cost.operations.cmp;
}

void count_products(const Job& job, const MaskTile& tile, JobCost& cost) {
  const bool sddmm = job.kind == JobKind::kSddmm, bias = (job.flags & kHasBias) != 0;
  const Count depth = sddmm ? job.k : job.n;
  cost.macs = tile.kept * depth;
  cost.operations.mul = cost.macs;
  cost.actions[Action::kMac] = cost.macs;
  if (sddmm) {
    cost.operations.add = tile.kept * (depth - 1) + (bias ? tile.kept : 0);
    if (bias) cost.actions[Action::kAccumulate] = tile.kept;
  } else {
    cost.operations.add = (tile.kept - tile.fresh_rows) * depth;
  }
}

}  // namespace vitality
