// The accelerator: a register file for its host, a chunk, and the memory, whose controller serves every initiator bound
// to it (models/memory/dram_controller.h).
#pragma once

#include <systemc>

#include "models/chunk.h"
#include "models/control/register_file.h"
#include "models/machine_parameters.h"
#include "models/memory/dram_controller.h"

namespace vitality {

class Accelerator : public sc_core::sc_module {
 public:
  Accelerator(sc_core::sc_module_name name, const MachineParameters& parameters);

  RegisterFile registers;  // registers.socket and registers.interrupt are for the host
  AcceleratorChunk chunk;
  DramController dram;
};

}  // namespace vitality
