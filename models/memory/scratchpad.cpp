#include "models/memory/scratchpad.h"

#include "models/protocol/stream_protocol.h"

namespace vitality {

Scratchpad::Scratchpad(sc_core::sc_module_name name, Bytes capacity, double port_bytes_per_cycle, bool with_values)
    : sc_module(name), socket("socket"), ports_(port_bytes_per_cycle, port_bytes_per_cycle) {
  socket.register_b_transport(this, &Scratchpad::access);
  if (with_values) values_.resize(static_cast<std::size_t>(capacity));
}

void Scratchpad::access(int, tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  auto& stream = *payload.get_extension<StreamExtension>();
  read_bytes_ += stream.read_bytes;
  write_bytes_ += stream.write_bytes;
  if (stream.cycles > 0 && (stream.read_rate > 0 || stream.write_rate > 0))
    stream.cycles = ports_.reserve(stream.now, stream.start, stream.cycles, stream.read_rate, stream.write_rate);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace vitality
