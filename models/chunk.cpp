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

AcceleratorChunk::AcceleratorChunk(sc_core::sc_module_name name, const MachineParameters& parameters)
    : sc_module(name),
      load_memory("load_memory"),
      store_memory("store_memory"),
      controller("controller", parameters),
      scratchpad("scratchpad", static_cast<Bytes>(parameters.config.scratchpad.capacity_kib) * 1024,
                 static_cast<double>(parameters.config.scratchpad.bytes_per_cycle()),
                 peak_dram_bytes_per_cycle(parameters.config), parameters.config.scratchpad.ports,
                 parameters.executor != nullptr),
      noc("noc", parameters.config.noc),
      row_fifos("row_fifos", parameters.schedule, parameters.config.pipeline.fifo_rows),
      dma_load("dma_load", MachineClock(parameters.config.clock_mhz), parameters.config.dma, parameters.config.dram,
               parameters.executor),
      dma_store("dma_store", MachineClock(parameters.config.clock_mhz), parameters.config.dma, parameters.config.dram,
                parameters.executor) {
  noc.scratchpad.bind(scratchpad.socket);
  port_.assign(parameters.units.size(), -1);
  counters_.resize(parameters.units.size());
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(parameters.units.size()); ++i) {
    const MachineUnit& unit = parameters.units[{i}];
    if (!is_dma(unit.kind)) add_unit({i}, make_unit(unit, parameters));
  }
  add_dma(parameters.units.id(UnitKind::kDmaLoad), dma_load);
  add_dma(parameters.units.id(UnitKind::kDmaStore), dma_store);
  dma_load.memory.socket.bind(load_memory);
  dma_store.memory.socket.bind(store_memory);
}

std::unique_ptr<ComputeUnit> AcceleratorChunk::make_unit(const MachineUnit& unit, const MachineParameters& parameters) {
  const char* const name = unit.name.c_str();
  const MachineClock clock(parameters.config.clock_mhz);
  TileExecutor* const executor = parameters.executor;
  const bool load_ports = parameters.config.scratchpad.stationary_load_ports;
  switch (unit.kind) {
    case UnitKind::kMatrixEngine:
      return std::make_unique<SystolicArray>(name, clock, executor, load_ports, parameters.config.matrix_engine);
    case UnitKind::kDiagonalEngine:
      return std::make_unique<DotColumn>(name, clock, executor, load_ports);
    case UnitKind::kAccumulators:
      return std::make_unique<AccumulatorArray>(name, clock, executor, load_ports);
    case UnitKind::kDividers:
      return std::make_unique<DividerArray>(name, clock, executor, load_ports, parameters.config.dividers);
    case UnitKind::kAdders:
      return std::make_unique<AdderArray>(name, clock, executor, load_ports);
    case UnitKind::kSpecialFunctions:
      return std::make_unique<SpecialFunctionUnit>(name, clock, executor, load_ports);
    case UnitKind::kLayerNorm:
      return std::make_unique<LayerNormUnit>(name, clock, executor, load_ports);
    case UnitKind::kPredictor:
      return std::make_unique<PredictorArray>(name, clock, executor, load_ports);
    case UnitKind::kSparseEngine:
      return std::make_unique<SparseArray>(name, clock, executor, load_ports);
    case UnitKind::kExpUnit:
      return std::make_unique<ExpUnit>(name, clock, executor, load_ports);
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
