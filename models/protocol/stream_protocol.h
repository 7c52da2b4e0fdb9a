// A unit's accesses to the scratchpad: one TLM-2.0 transaction per job, whose extension carries the bytes of its stream
// and their rate. The scratchpad answers with the cycles that the stream takes on the shared ports.
#pragma once

#include <systemc>
#include <tlm>

#include "base/units.h"

namespace vitality {

struct StreamExtension : tlm::tlm_extension<StreamExtension> {
  Bytes read_bytes = 0, write_bytes = 0;
  double read_rate = 0, write_rate = 0;  // bytes a cycle
  Cycles now = 0, start = 0;
  Cycles cycles = 0;        // in: when alone; out: on the shared ports. 0: no stream (the DMA's share is reserved for
                            // it)
  Cycles noc_cycles = 0;    // out: the part of them caused by the shared links of the NoC
  Cycles route_cycles = 0;  // out: latency of the NoC's hops, in addition to them
  tlm::tlm_extension_base* clone() const override { return new StreamExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const StreamExtension&>(other); }
};

// A payload with its extension, reused by one socket.
class StreamPayload {
 public:
  StreamPayload() { payload_.set_extension(&extension_); }
  ~StreamPayload() { payload_.clear_extension(&extension_); }
  StreamPayload(const StreamPayload&) = delete;
  StreamPayload& operator=(const StreamPayload&) = delete;

  tlm::tlm_generic_payload& fill(const StreamExtension& stream) {
    extension_ = stream;
    payload_.set_command(stream.write_bytes > stream.read_bytes ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return payload_;
  }
  const StreamExtension& stream() const { return extension_; }

 private:
  tlm::tlm_generic_payload payload_;
  StreamExtension extension_;
};

}  // namespace vitality
