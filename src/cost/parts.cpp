#include "cost/parts.h"

#include <algorithm>
#include <stdexcept>

#include "config/technology.h"
#include "cost/machine_units.h"
#include "cost/noc_route.h"
#include "cost/sparse_machine.h"
#include "cost/sram.h"

namespace vitality {
namespace {

using Parts = std::vector<MachinePart>;

constexpr char kBothStyles[] = "matrix_engine.accumulation g_stationary needs both styles in a PE [Q]";

// ---- What a unit is built of where the config does not say.

// A PE of the published array: an operand is kept, the other one and the sum pass through; a multiplexer chooses the
// source of each operand.
Parts processing_element(PartUnit unit) {
  return {{unit, PartPer::kPe, PartKind::kMultiplier},   {unit, PartPer::kPe, PartKind::kSumAdder},
          {unit, PartPer::kPe, PartKind::kHeldRegister}, {unit, PartPer::kPe, PartKind::kOperandRegister},
          {unit, PartPer::kPe, PartKind::kSumRegister},  {unit, PartPer::kPe, PartKind::kMultiplexer, 2}};
}

Parts matrix_engine(const HardwareConfig& config) {
  const PartUnit unit = PartUnit::kMatrixEngine;
  Parts parts = processing_element(unit);
  parts.push_back({unit, PartPer::kColumn, PartKind::kAccumulator});  // below the columns
  if (traits(config.machine).sparse_baseline && sparse_machine(config).softmax == UnitKind::kMatrixEngine) {
    parts.push_back({unit, PartPer::kPe, PartKind::kExp});
    parts.push_back({unit, PartPer::kPe, PartKind::kAdder});
    parts.push_back({unit, PartPer::kRow, PartKind::kDivider});
  }
  return parts;
}

Parts special_functions(const HardwareConfig& config) {
  // Softmax and charged functions need this unit; the published machine runs neither.
  if (config.special_functions.charge != Charge::kCharged && config.attention != AttentionKind::kSoftmax &&
      config.attention != AttentionKind::kAuto)
    return {};
  const PartUnit unit = PartUnit::kSpecialFunctions;
  return {{unit, PartPer::kLane, PartKind::kExp},
          {unit, PartPer::kLane, PartKind::kMultiplier},
          {unit, PartPer::kLane, PartKind::kAdder},
          {unit, PartPer::kLane, PartKind::kComparator}};
}

Parts parts_built(const HardwareConfig& config, UnitKind kind) {
  switch (kind) {
    case UnitKind::kMatrixEngine:
      return matrix_engine(config);
    case UnitKind::kDiagonalEngine:
      return processing_element(PartUnit::kDiagonalEngine);
    case UnitKind::kAccumulators:
      return {{PartUnit::kAccumulators, PartPer::kLane, PartKind::kAccumulator}};
    case UnitKind::kDividers:
      return {{PartUnit::kDividers, PartPer::kLane, PartKind::kDivider}};
    case UnitKind::kAdders:
      return {{PartUnit::kAdders, PartPer::kLane, PartKind::kAdder}};
    case UnitKind::kSpecialFunctions:
      return special_functions(config);
    case UnitKind::kLayerNorm:  // each lane multiplies and adds; one divider serves the mean and the deviation
      return {{PartUnit::kLayerNorm, PartPer::kLane, PartKind::kMultiplier},
              {PartUnit::kLayerNorm, PartPer::kLane, PartKind::kAdder},
              {PartUnit::kLayerNorm, PartPer::kUnit, PartKind::kDivider}};
    case UnitKind::kPredictor:
      return {{PartUnit::kPredictor, PartPer::kPe, PartKind::kPredictorPe}};
    case UnitKind::kSparseEngine: {
      Parts parts = processing_element(PartUnit::kSparseEngine);
      parts.push_back({PartUnit::kSparseEngine, PartPer::kRow, PartKind::kAccumulator});
      return parts;
    }
    case UnitKind::kExpUnit:
      return {{PartUnit::kExpUnit, PartPer::kLane, PartKind::kExp},
              {PartUnit::kExpUnit, PartPer::kLane, PartKind::kDivider},
              {PartUnit::kExpUnit, PartPer::kLane, PartKind::kMultiplier},
              {PartUnit::kExpUnit, PartPer::kLane, PartKind::kAdder},
              {PartUnit::kExpUnit, PartPer::kLane, PartKind::kComparator}};
    case UnitKind::kDmaLoad:
    case UnitKind::kDmaStore:
    case UnitKind::kUncharged:
      return {};
  }
  return {};
}

// ---- How many, and how large.

struct UnitSize {
  double units = 0, pes = 0, rows = 0, columns = 0, lanes = 0;  // of one unit, but `units`
};

UnitSize size_of(const HardwareConfig& config, UnitKind kind) {
  UnitSize size;
  size.units = unit_count(config, kind);
  size.lanes = unit_row(config, kind).lanes.lanes;
  if (kind == UnitKind::kMatrixEngine)
    size.pes = matrix_engine_pes(config), size.rows = config.matrix_engine.rows,
    size.columns = config.matrix_engine.cols;
  if (kind == UnitKind::kDiagonalEngine) size.pes = size.rows = config.diagonal_engine.rows, size.columns = 1;
  if (kind == UnitKind::kPredictor) {
    size.rows = config.sparse_unit.predictor_rows, size.columns = config.sparse_unit.predictor_cols;
    size.pes = size.rows * size.columns;
  }
  if (kind == UnitKind::kSparseEngine) {
    const ArrayShape array = sparse_array(config);
    size.pes = static_cast<double>(array.pes()), size.rows = array.rows, size.columns = array.cols;
  }
  return size;
}

double count_of(const MachinePart& part, const UnitSize& size) {
  switch (part.per) {
    case PartPer::kUnit:
      return part.number * size.units;
    case PartPer::kPe:
      return part.number * size.units * size.pes;
    case PartPer::kRow:
      return part.number * size.units * size.rows;
    case PartPer::kColumn:
      return part.number * size.units * size.columns;
    case PartPer::kLane:
      return part.number * size.units * size.lanes;
    case PartPer::kKib:
    case PartPer::kLink:  // of scratchpad and NoC
      return 0;
  }
  return 0;
}

struct PartSize {
  double um2 = 0, flip_flops = 0, clocked = 0, multiplexers = 0;  // of one
};

PartSize predictor_pe(const HardwareConfig& config) {
  const EnergyTable& table = config.energy;
  const FormatCosts& int8 = table.format[Precision::kInt8];
  const double bits = config.sparsity.predictor_bits, sum = 2 * bits + 4, registers = 2 * bits + sum;
  return {int8.multiply_um2 * bits * bits / 64 + int8.sum_um2 * sum / 32 +
              registers * (table.flip_flop_um2 + table.multiplexer_um2),
          registers, registers};
}

PartSize size_of(const HardwareConfig& config, const MachinePart& part) {
  const EnergyTable& table = config.energy;
  const FormatCosts& format = table.format[config.precision];
  const double operand = 8.0 * static_cast<double>(storage_bytes(config.precision)),
               sum = config.precision == Precision::kFp64 ? 64 : 32;
  switch (part.kind) {
    case PartKind::kMultiplier:
      return {format.multiply_um2};
    case PartKind::kSumAdder:
      return {format.sum_um2};
    case PartKind::kOperandRegister:
      return {operand * table.flip_flop_um2, operand, operand};
    case PartKind::kSumRegister:
      return {sum * table.flip_flop_um2, sum, sum};
    case PartKind::kHeldRegister:
      return {operand * (table.flip_flop_um2 + table.multiplexer_um2), operand};
    case PartKind::kMultiplexer:
      return {operand * table.multiplexer_um2, 0, 0, operand};
    case PartKind::kAdder:
      return {format.add_um2, 3 * operand};
    case PartKind::kAccumulator:
      return {format.accumulate_um2, sum};
    case PartKind::kDivider:
      if (part.unit == PartUnit::kDividers && config.dividers.initiation_interval > 1)
        return {format.divide_um2 * table.iterative_divider_um2_fraction, 3 * operand};
      return {format.divide_um2, 3 * operand * operand};  // a stage a bit
    case PartKind::kExp:
      return {format.exp_um2, operand};
    case PartKind::kComparator:
      return {format.compare_um2};
    case PartKind::kPredictorPe:
      return predictor_pe(config);
    case PartKind::kSram: {
      const SramMacros macros = sram_macros(config.scratchpad);
      return {macros.count * sram_macro_um2(table, macros) / config.scratchpad.capacity_kib};
    }
    case PartKind::kWiring: {  // one link; its repeaters depend on its length
      const double registers = noc_link_bits(config.noc) * config.noc.hop_latency_cycles;
      return {registers * table.flip_flop_um2, registers};
    }
    case PartKind::kLogic:
      return {};
  }
  return {};
}

class PartList {
 public:
  explicit PartList(const HardwareConfig& config)
      : config_(config),
        area_scale_(config.energy.knob_area *
                    technology_area_factor(config.energy.technology_nm, config.technology_nm)) {}

  std::vector<PricedPart> take() {
    for (const UnitKind kind : all_of_enum<UnitKind>())
      if (has_parts(kind) && has_unit(config_, kind)) add_unit(kind);
    add(listed(PartUnit::kScratchpad, {{PartUnit::kScratchpad, PartPer::kKib, PartKind::kSram}}),
        config_.scratchpad.capacity_kib);
    add(listed(PartUnit::kNoc, {{PartUnit::kNoc, PartPer::kLink, PartKind::kWiring}}), noc_links(config_));
    return std::move(parts_);
  }

 private:
  Parts listed(PartUnit unit, Parts otherwise) const {
    Parts parts;
    for (const MachinePart& part : config_.parts)
      if (part.unit == unit) parts.push_back(part);
    return parts.empty() ? otherwise : parts;
  }

  void add_unit(UnitKind kind) {
    const PartUnit unit = part_unit(kind);
    Parts parts = listed(unit, parts_built(config_, kind));
    // G-stationary needs both accumulation styles in a PE: a second sum register beside the passing partial sum.
    if (kind == UnitKind::kMatrixEngine && config_.matrix_engine.accumulation == Accumulation::kGStationary) {
      parts.push_back({unit, PartPer::kPe, PartKind::kSumRegister, 1, 0, "second sum register", kBothStyles});
      parts.push_back(
          {unit, PartPer::kPe, PartKind::kMultiplexer, 2, 0, "multiplexer of the second sum register", kBothStyles});
    }
    const UnitSize size = size_of(config_, kind);
    for (const MachinePart& part : parts) add(part, count_of(part, size));
  }
  void add(const Parts& parts, double count) {
    const double link_mm = noc_link_mm(config_, core_um2_);  // of what stands before the NoC in the list
    for (const MachinePart& part : parts) add(part, count * part.number, link_mm);
  }
  void add(const MachinePart& part, double number, double link_mm = 0) {
    PartSize one = size_of(config_, part);
    if (part.kind == PartKind::kWiring)
      one.um2 += noc_link_bits(config_.noc) * link_mm * config_.energy.noc_repeater_um2_per_bit_mm;
    if (part.um2 > 0) one.um2 = part.um2;
    const SquareMicrons um2 = number * one.um2 * area_scale_;
    parts_.push_back({part.unit, part.kind, part.name.empty() ? to_string(part.kind) : part.name, part.source, number,
                      um2, number * one.um2, number * one.flip_flops, number * one.clocked, number * one.multiplexers});
    core_um2_ += um2;
  }

  const HardwareConfig& config_;
  const double area_scale_;
  SquareMicrons core_um2_ = 0;
  std::vector<PricedPart> parts_;
};

}  // namespace

std::vector<PricedPart> parts_of(const HardwareConfig& config) {
  return PartList(config).take();
}

bool has_parts(UnitKind kind) {
  return !is_dma(kind) && kind != UnitKind::kUncharged;
}

PartUnit part_unit(UnitKind kind) {
  switch (kind) {
    case UnitKind::kMatrixEngine:
      return PartUnit::kMatrixEngine;
    case UnitKind::kDiagonalEngine:
      return PartUnit::kDiagonalEngine;
    case UnitKind::kAccumulators:
      return PartUnit::kAccumulators;
    case UnitKind::kDividers:
      return PartUnit::kDividers;
    case UnitKind::kAdders:
      return PartUnit::kAdders;
    case UnitKind::kSpecialFunctions:
      return PartUnit::kSpecialFunctions;
    case UnitKind::kLayerNorm:
      return PartUnit::kLayerNorm;
    case UnitKind::kPredictor:
      return PartUnit::kPredictor;
    case UnitKind::kSparseEngine:
      return PartUnit::kSparseEngine;
    case UnitKind::kExpUnit:
      return PartUnit::kExpUnit;
    case UnitKind::kDmaLoad:
    case UnitKind::kDmaStore:
    case UnitKind::kUncharged:
      break;
  }
  throw std::logic_error(std::string(to_string(kind)) + " has no parts");
}

}  // namespace vitality
