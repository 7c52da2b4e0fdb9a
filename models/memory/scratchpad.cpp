#include "models/memory/scratchpad.h"

#include <algorithm>

namespace vitality {

Scratchpad::Scratchpad(sc_core::sc_module_name name, Bytes capacity, double port_bytes_per_cycle,
                       double memory_bytes_per_cycle, ScratchpadPorts ports, bool with_values)
    : sc_module(name),
      socket("socket"),
      rate_(port_bytes_per_cycle),
      memory_rate_(std::min(memory_bytes_per_cycle, port_bytes_per_cycle / 2)),
      shared_(ports == ScratchpadPorts::kShared),
      ports_(port_bytes_per_cycle, port_bytes_per_cycle) {
  socket.register_b_transport(this, &Scratchpad::access);
  if (with_values) values_.resize(static_cast<std::size_t>(capacity));
}

void Scratchpad::end_of_elaboration() {
  if (!(rate_ > 0)) SC_REPORT_ERROR("/vitality/scratchpad", "ports of no bytes");
}

void Scratchpad::access(int, StreamAccess& stream, sc_core::sc_time&) {
  read_bytes_ += stream.read_bytes;
  write_bytes_ += stream.write_bytes;
  filling_ += stream.filling, emptying_ += stream.emptying;
  if (stream.cycles <= 0 || (stream.read_rate <= 0 && stream.write_rate <= 0)) return;
  if (shared_) {
    ports_.set_taken(filling_ + emptying_ > 0 ? memory_rate_ : 0, 0);
    stream.cycles = ports_.reserve(stream.now, stream.start, stream.cycles, stream.read_rate + stream.write_rate, 0);
    return;
  }
  const double share = filling_ > 0 && emptying_ > 0 ? memory_rate_ / 2 : memory_rate_;
  ports_.set_taken(emptying_ > 0 ? share : 0, filling_ > 0 ? share : 0);
  stream.cycles = ports_.reserve(stream.now, stream.start, stream.cycles, stream.read_rate, stream.write_rate);
}

}  // namespace vitality
