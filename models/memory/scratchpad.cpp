#include "models/memory/scratchpad.h"

namespace vitality {

Scratchpad::Scratchpad(sc_core::sc_module_name name, Bytes capacity, bool with_values) : sc_module(name), socket("socket") {
  socket.register_b_transport(this, &Scratchpad::access);
  if (with_values) values_.resize(static_cast<std::size_t>(capacity));
}

// The payload's address field carries the bytes of a job's whole stream: a stream may exceed the 32 bits of its length field.
void Scratchpad::access(int, tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const auto bytes = static_cast<Bytes>(payload.get_address());
  (payload.is_read() ? read_bytes_ : write_bytes_) += bytes;
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace vitality
