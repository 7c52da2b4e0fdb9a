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
  port_.fill(-1);
  noc.scratchpad.bind(scratchpad.socket);
  add_engine(UnitKind::kMatrixEngine, std::make_unique<SystolicArray>("sa_general", context));
  if (has_unit(context.config, UnitKind::kDiagonalEngine))
    add_engine(UnitKind::kDiagonalEngine, std::make_unique<Engine>("sa_diag", context));
  add_engine(UnitKind::kAccumulators, std::make_unique<Engine>("accumulators", context));
  add_engine(UnitKind::kDividers, std::make_unique<Engine>("dividers", context));
  add_engine(UnitKind::kAdders, std::make_unique<Engine>("adders", context));
  add_engine(UnitKind::kSpecialFunctions, std::make_unique<Engine>("special_functions", context));
  if (has_unit(context.config, UnitKind::kPredictor))
    add_engine(UnitKind::kPredictor, std::make_unique<SparseRows>("predictor", context));
  if (has_unit(context.config, UnitKind::kSparseEngine))
    add_engine(UnitKind::kSparseEngine, std::make_unique<SparseRows>("sparse_engine", context));
  if (has_unit(context.config, UnitKind::kExpUnit))
    add_engine(UnitKind::kExpUnit, std::make_unique<Engine>("exp_unit", context));
  // The DMA sits between DRAM and scratchpad: its bytes do not cross the NoC.
  const auto add_dma = [this](UnitKind kind, Dma& dma) {
    controller.attach_unit(kind, dma.depth());
    controller.units.bind(dma.job_socket);
    dma.phase_socket.bind(controller.phases);
    dma.memory_socket.bind(scratchpad.socket);
    dma.dram_socket.bind(dram.socket);
  };
  add_dma(UnitKind::kDmaLoad, dma_load);
  add_dma(UnitKind::kDmaStore, dma_store);
}

void Accelerator::add_engine(UnitKind kind, std::unique_ptr<Engine> engine) {
  controller.attach_unit(kind, engine->depth());
  controller.units.bind(engine->job_socket);
  engine->phase_socket.bind(controller.phases);
  engine->memory_socket.bind(noc.units);
  port_[static_cast<std::size_t>(kind)] = noc_ports_++;
  engines_.push_back(std::move(engine));
}

}  // namespace vitality
