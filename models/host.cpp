#include "models/host.h"

#include <algorithm>

namespace vitality {

Host::Host(sc_core::sc_module_name name, Bytes descriptors)
    : sc_module(name), socket("socket"), interrupt("interrupt"), descriptors_(descriptors) {
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
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kDescriptorsLow, static_cast<std::uint32_t>(descriptors_));
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kDescriptorsHigh, static_cast<std::uint32_t>(descriptors_ >> 32));
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kControl, kStart);
  if (!interrupt.read()) wait(interrupt.posedge_event());
  cycles_ = static_cast<Cycles>(access(tlm::TLM_READ_COMMAND, HostRegister::kCyclesHigh)) << 32 |
            access(tlm::TLM_READ_COMMAND, HostRegister::kCyclesLow);
  access(tlm::TLM_WRITE_COMMAND, HostRegister::kStatus, kDone);
  finished_ = true;
}

Bytes HostedAccelerator::behind_tensors(const Schedule& schedule) {
  Bytes end = 0;
  for (const ScheduledTensor& tensor : schedule.tensors) end = std::max(end, tensor.dram_address + tensor.bytes);
  return ceil_div(end, 4096) * 4096;
}

}  // namespace vitality
