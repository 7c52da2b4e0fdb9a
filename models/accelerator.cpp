#include "models/accelerator.h"

#include "cost/machine_units.h"

namespace vitality {

Accelerator::Accelerator(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name),
      controller("controller", context),
      scratchpad("scratchpad", static_cast<Bytes>(context.config.scratchpad.capacity_kib) * 1024,
                 unit_port_bytes_per_cycle(context.config), context.executor != nullptr),
      noc("noc", context.config.noc),
      dram("dram", context),
      dma_load("dma_load", context),
      dma_store("dma_store", context) {
  noc.scratchpad.bind(scratchpad.socket);
  port_.assign(context.units.size(), -1);
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(context.units.size()); ++i) {
    const MachineUnit& unit = context.units[{i}];
    if (!is_dma(unit.kind)) add_engine({i}, make_engine(unit, context));
  }
  add_dma(context.units.id(UnitKind::kDmaLoad), dma_load);
  add_dma(context.units.id(UnitKind::kDmaStore), dma_store);
}

std::unique_ptr<Engine> Accelerator::make_engine(const MachineUnit& unit, MachineContext& context) {
  const char* const name = unit.name.c_str();
  switch (traits(unit.kind).module) {
    case UnitModule::kSystolicArray:
      return std::make_unique<SystolicArray>(name, context);
    case UnitModule::kSparseRows:
      return std::make_unique<SparseRows>(name, context);
    case UnitModule::kEngine:
      return std::make_unique<Engine>(name, context);
    case UnitModule::kDma:  // no engine: the memory system's
    case UnitModule::kNone:
      break;
  }
  return nullptr;
}

void Accelerator::add_engine(UnitId id, std::unique_ptr<Engine> engine) {
  controller.attach_unit(id, engine->depth());
  controller.units.bind(engine->job_socket);
  engine->phase_socket.bind(controller.phases);
  engine->memory_socket.bind(noc.units);
  port_[static_cast<std::size_t>(id.value)] = noc_ports_++;
  engines_.push_back(std::move(engine));
}

// The DMA sits between DRAM and scratchpad: its bytes do not cross the NoC.
void Accelerator::add_dma(UnitId id, Dma& dma) {
  controller.attach_unit(id, dma.depth());
  controller.units.bind(dma.job_socket);
  dma.phase_socket.bind(controller.phases);
  dma.memory_socket.bind(scratchpad.socket);
  dma.dram_socket.bind(dram.socket);
}

}  // namespace vitality
