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
  if (stream.filling != 0 || stream.emptying != 0) follow_dma(stream);
  if (stream.cycles > 0 && (stream.read_rate > 0 || stream.write_rate > 0))
    stream.cycles =
        shared_ ? ports_.reserve(stream.now, stream.start, stream.cycles, stream.read_rate + stream.write_rate, 0)
                : ports_.reserve(stream.now, stream.start, stream.cycles, stream.read_rate, stream.write_rate);
}

void Scratchpad::follow_dma(const StreamAccess& change) {
  filling_ += change.filling, emptying_ += change.emptying;
  const bool fills = filling_ > 0, empties = emptying_ > 0;
  const double share = fills && empties && !shared_ ? memory_rate_ / 2 : memory_rate_;
  ports_.set_taken(empties || (shared_ && fills) ? share : 0, fills && !shared_ ? share : 0);
}

}  // namespace vitality
