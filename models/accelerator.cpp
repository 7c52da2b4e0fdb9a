#include "models/accelerator.h"

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
  if (context.config.diagonal_engine.enabled)
    add_engine(UnitKind::kDiagonalEngine, std::make_unique<Engine>("sa_diag", context));
  add_engine(UnitKind::kAccumulators, std::make_unique<Engine>("accumulators", context));
  add_engine(UnitKind::kDividers, std::make_unique<Engine>("dividers", context));
  add_engine(UnitKind::kAdders, std::make_unique<Engine>("adders", context));
  add_engine(UnitKind::kSpecialFunctions, std::make_unique<Engine>("special_functions", context));
  if (context.config.sparse_unit.enabled) {
    sparse_unit = std::make_unique<SparseUnit>("sparse_unit", context);
    bind_engine(UnitKind::kPredictor, sparse_unit->predictor);
    bind_engine(UnitKind::kSparseEngine, sparse_unit->rows);
    bind_engine(UnitKind::kExpUnit, sparse_unit->exp_unit);
  }
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
  bind_engine(kind, *engine);
  engines_.push_back(std::move(engine));
}

void Accelerator::bind_engine(UnitKind kind, Engine& engine) {
  controller.attach_unit(kind, engine.depth());
  controller.units.bind(engine.job_socket);
  engine.phase_socket.bind(controller.phases);
  engine.memory_socket.bind(noc.units);
  port_[static_cast<std::size_t>(kind)] = noc_ports_++;
}

}  // namespace vitality
