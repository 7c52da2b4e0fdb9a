// Builds and binds any machine from its configuration: controller, units, NoC, scratchpad, DMA channels, DRAM.
#pragma once

#include <memory>
#include <systemc>
#include <vector>

#include "models/compute/engine.h"
#include "models/compute/sparse_rows.h"
#include "models/control/chunk_controller.h"
#include "models/interconnect/noc.h"
#include "models/memory/dma.h"
#include "models/memory/dram_controller.h"
#include "models/memory/scratchpad.h"
#include "models/protocol/machine_context.h"

namespace vitality {

class Accelerator : public sc_core::sc_module {
 public:
  Accelerator(sc_core::sc_module_name name, MachineContext& context);

  ChunkController controller;
  Scratchpad scratchpad;
  Noc noc;
  DramController dram;
  Dma dma_load, dma_store;
  // NoC port of a unit, or -1.
  int noc_port(UnitId unit) const { return port_[static_cast<std::size_t>(unit.value)]; }

 private:
  static std::unique_ptr<Engine> make_engine(const MachineUnit& unit, MachineContext& context);
  void add_engine(UnitId id, std::unique_ptr<Engine> engine);
  void add_dma(UnitId id, Dma& dma);
  std::vector<std::unique_ptr<Engine>> engines_;
  int noc_ports_ = 0;
  std::vector<int> port_;  // per unit
};

}  // namespace vitality
