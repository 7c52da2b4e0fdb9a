#include "models/accelerator.h"

namespace vitality {

Accelerator::Accelerator(sc_core::sc_module_name name, const MachineParameters& parameters)
    : sc_module(name),
      registers("registers", MachineClock(parameters.config.clock_mhz)),
      chunk("chunk", parameters),
      dram("dram", parameters.config.dram, parameters.config.clock_mhz) {
  chunk.load_memory.bind(dram.socket);
  chunk.store_memory.bind(dram.socket);
  if (chunk.controller.descriptors.fetches()) chunk.controller.descriptors.memory.socket.bind(dram.socket);
  registers.on_start = [this](Bytes descriptors) { chunk.controller.start(descriptors); };
  chunk.controller.on_finished = [this] { registers.finish(); };
}

}  // namespace vitality
