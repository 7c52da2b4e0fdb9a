#include "models/accelerator.h"

namespace vitality {

Accelerator::Accelerator(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name), registers("registers", context), chunk("chunk", context), dram("dram", context) {
  chunk.load_memory.bind(dram.socket);
  chunk.store_memory.bind(dram.socket);
  registers.on_start = [this] { chunk.controller.start(); };
  chunk.controller.on_finished = [this] { registers.finish(); };
}

}  // namespace vitality
