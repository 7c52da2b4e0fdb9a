// A chunk of the accelerator, as the paper draws it: the controller, the compute units, the scratchpad with the NoC
// between it and the units' registers, and the DMA channels towards the memory.
#pragma once

#include <memory>
#include <systemc>
#include <vector>

#include "models/compute/compute_unit.h"
#include "models/control/chunk_controller.h"
#include "models/interconnect/noc.h"
#include "models/interconnect/row_fifos.h"
#include "models/machine_parameters.h"
#include "models/memory/dma.h"
#include "models/memory/scratchpad.h"

namespace vitality {

class AcceleratorChunk : public sc_core::sc_module {
 public:
  // One per DMA channel, load before store: plain TLM-2.0 initiators, for any memory (models/memory/dma.h).
  tlm::tlm_initiator_socket<> load_memory, store_memory;
  // The queue of descriptors has a third one, controller.descriptors.memory.socket, which stays unbound where
  // controller.descriptor_bytes is 0.

  AcceleratorChunk(sc_core::sc_module_name name, const MachineParameters& parameters);

  ChunkController controller;
  Scratchpad scratchpad;
  Noc noc;
  RowFifos row_fifos;
  Dma dma_load, dma_store;
  // NoC port of a unit, or -1.
  int noc_port(UnitId unit) const { return port_[static_cast<std::size_t>(unit.value)]; }
  // What a unit or DMA channel has counted.
  const UnitCounters& counters(UnitId unit) const;

 private:
  static std::unique_ptr<ComputeUnit> make_unit(const MachineUnit& unit, const MachineParameters& parameters);
  void add_unit(UnitId id, std::unique_ptr<ComputeUnit> unit);
  void add_dma(UnitId id, Dma& dma);
  std::vector<std::unique_ptr<ComputeUnit>> units_;
  std::vector<const UnitCounters*> counters_;  // per unit
  int noc_ports_ = 0;
  std::vector<int> port_;  // per unit
};

}  // namespace vitality
