#include "models/host.h"

namespace vitality {

Host::Host(sc_core::sc_module_name name) : sc_module(name), socket("socket"), interrupt("interrupt") {
  SC_HAS_PROCESS(Host);
  SC_THREAD(run);
}

std::uint32_t Host::access(tlm::tlm_command command, HostRegister address, std::uint32_t value) {
  tlm::tlm_generic_payload payload;
  payload.set_command(command);
  payload.set_address(static_cast<sc_dt::uint64>(address));
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  payload.set_data_length(sizeof value);
  payload.set_streaming_width(sizeof value);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->b_transport(payload, delay);
  if (payload.is_response_error())
    SC_REPORT_ERROR("/vitality/host", ("a register access failed: " + payload.get_response_string()).c_str());
  return value;
}

void Host::run() {
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kControl, kStart);
  if (!interrupt.read()) wait(interrupt.posedge_event());
  cycles_ = static_cast<Cycles>(access(tlm::TLM_READ_COMMAND, HostRegister::kCyclesHigh)) << 32 |
            access(tlm::TLM_READ_COMMAND, HostRegister::kCyclesLow);
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kStatus, kDone);
  finished_ = true;
}

}  // namespace vitality
