#include "models/chunk.h"

#include "cost/machine_units.h"
#include "models/compute/accumulator_array.h"
#include "models/compute/adder_array.h"
#include "models/compute/divider_array.h"
#include "models/compute/dot_column.h"
#include "models/compute/layer_norm_unit.h"
#include "models/compute/special_function_unit.h"
#include "models/compute/systolic_array.h"
#include "models/sparse/exp_unit.h"
#include "models/sparse/mask_predictor.h"
#include "models/sparse/sparse_array.h"

namespace vitality {

AcceleratorChunk::AcceleratorChunk(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name),
      load_memory("load_memory"),
      store_memory("store_memory"),
      controller("controller", context),
      scratchpad("scratchpad", static_cast<Bytes>(context.config.scratchpad.capacity_kib) * 1024,
                 unit_port_bytes_per_cycle(context.config), context.executor != nullptr),
      noc("noc", context.config.noc),
      row_fifos("row_fifos", context),
      dma_load("dma_load", context),
      dma_store("dma_store", context) {
  noc.scratchpad.bind(scratchpad.socket);
  port_.assign(context.units.size(), -1);
  counters_.resize(context.units.size());
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(context.units.size()); ++i) {
    const MachineUnit& unit = context.units[{i}];
    if (!is_dma(unit.kind)) add_unit({i}, make_unit(unit, context));
  }
  add_dma(context.units.id(UnitKind::kDmaLoad), dma_load);
  add_dma(context.units.id(UnitKind::kDmaStore), dma_store);
  dma_load.dram_socket.bind(load_memory);
  dma_store.dram_socket.bind(store_memory);
}

std::unique_ptr<ComputeUnit> AcceleratorChunk::make_unit(const MachineUnit& unit, MachineContext& context) {
  const char* const name = unit.name.c_str();
  switch (unit.kind) {
    case UnitKind::kMatrixEngine:
      return std::make_unique<SystolicArray>(name, context);
    case UnitKind::kDiagonalEngine:
      return std::make_unique<DotColumn>(name, context);
    case UnitKind::kAccumulators:
      return std::make_unique<AccumulatorArray>(name, context);
    case UnitKind::kDividers:
      return std::make_unique<DividerArray>(name, context);
    case UnitKind::kAdders:
      return std::make_unique<AdderArray>(name, context);
    case UnitKind::kSpecialFunctions:
      return std::make_unique<SpecialFunctionUnit>(name, context);
    case UnitKind::kLayerNorm:
      return std::make_unique<LayerNormUnit>(name, context);
    case UnitKind::kPredictor:
      return std::make_unique<PredictorArray>(name, context);
    case UnitKind::kSparseEngine:
      return std::make_unique<SparseArray>(name, context);
    case UnitKind::kExpUnit:
      return std::make_unique<ExpUnit>(name, context);
    case UnitKind::kDmaLoad:  // these are not compute units; they belong to the memory system
    case UnitKind::kDmaStore:
    case UnitKind::kUncharged:
      break;
  }
  return nullptr;
}

const UnitCounters& AcceleratorChunk::counters(UnitId unit) const {
  return *counters_[static_cast<std::size_t>(unit.value)];
}

void AcceleratorChunk::add_unit(UnitId id, std::unique_ptr<ComputeUnit> unit) {
  controller.attach_unit(id, unit->depth());
  controller.units.bind(unit->job_socket);
  unit->phase_socket.bind(controller.phases);
  unit->memory_socket.bind(noc.units);
  unit->rows.bind(row_fifos);
  port_[static_cast<std::size_t>(id.value)] = noc_ports_++;
  counters_[static_cast<std::size_t>(id.value)] = &unit->counters();
  units_.push_back(std::move(unit));
}

// The DMA sits between DRAM and scratchpad: its bytes do not cross the NoC.
void AcceleratorChunk::add_dma(UnitId id, Dma& dma) {
  controller.attach_unit(id, dma.depth());
  controller.units.bind(dma.job_socket);
  dma.phase_socket.bind(controller.phases);
  dma.memory_socket.bind(scratchpad.socket);
  counters_[static_cast<std::size_t>(id.value)] = &dma.counters();
}

}  // namespace vitality
