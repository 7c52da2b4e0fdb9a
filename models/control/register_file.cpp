#include "models/control/register_file.h"

#include <cstring>

namespace vitality {
namespace {

bool is_register(sc_dt::uint64 address) {
  return address % 4 == 0 && address <= static_cast<sc_dt::uint64>(HostRegister::kCyclesHigh);
}

}  // namespace

RegisterFile::RegisterFile(sc_core::sc_module_name name, const MachineClock& clock)
    : sc_module(name), socket("socket"), interrupt("interrupt"), clock_(clock) {
  socket.register_b_transport(this, &RegisterFile::transport);
  socket.register_transport_dbg(this, &RegisterFile::debug_transport);
  SC_HAS_PROCESS(RegisterFile);
  SC_METHOD(drive);
  sensitive << event_;
}

void RegisterFile::end_of_elaboration() {
  if (!on_start) SC_REPORT_ERROR("/vitality/registers", "nobody is there to be started");
}

void RegisterFile::drive() {
  interrupt.write(raised_);
}

void RegisterFile::finish() {
  status_ = kDone;
  end_ = clock_.now();
  raised_ = true;
  event_.notify(sc_core::SC_ZERO_TIME);
}

Cycles RegisterFile::cycles() const {
  if (status_ == 0) return 0;
  return (status_ == kDone ? end_ : clock_.now()) - begin_;
}

std::uint32_t RegisterFile::read(HostRegister address) const {
  switch (address) {
    case HostRegister::kControl:
      return 0;
    case HostRegister::kStatus:
      return status_;
    case HostRegister::kDescriptorsLow:
      return descriptors_[0];
    case HostRegister::kDescriptorsHigh:
      return descriptors_[1];
    case HostRegister::kCyclesLow:
      return static_cast<std::uint32_t>(cycles());
    case HostRegister::kCyclesHigh:
      return static_cast<std::uint32_t>(cycles() >> 32);
  }
  return 0;
}

tlm::tlm_response_status RegisterFile::write(HostRegister address, std::uint32_t value) {
  switch (address) {
    case HostRegister::kControl:
      if (value != kStart || status_ != 0) return tlm::TLM_COMMAND_ERROR_RESPONSE;
      status_ = kRunning;
      begin_ = clock_.now();
      on_start(static_cast<Bytes>(descriptors_[1]) << 32 | descriptors_[0]);
      return tlm::TLM_OK_RESPONSE;
    case HostRegister::kStatus:
      if ((value & kDone) != 0) raised_ = false, event_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_OK_RESPONSE;
    case HostRegister::kDescriptorsLow:
      descriptors_[0] = value;
      return tlm::TLM_OK_RESPONSE;
    case HostRegister::kDescriptorsHigh:
      descriptors_[1] = value;
      return tlm::TLM_OK_RESPONSE;
    case HostRegister::kCyclesLow:
    case HostRegister::kCyclesHigh:
      break;  // read only
  }
  return tlm::TLM_COMMAND_ERROR_RESPONSE;
}

void RegisterFile::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  if (!is_register(payload.get_address())) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  } else if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  } else if (payload.get_data_length() != 4 || payload.get_streaming_width() < 4 || payload.get_data_ptr() == nullptr) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
  } else {
    const auto address = static_cast<HostRegister>(payload.get_address());
    std::uint32_t value = 0;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (payload.is_read()) {
      value = read(address);
      std::memcpy(payload.get_data_ptr(), &value, sizeof value);
    } else if (payload.is_write()) {
      std::memcpy(&value, payload.get_data_ptr(), sizeof value);
      payload.set_response_status(write(address, value));
    }
  }
}

unsigned int RegisterFile::debug_transport(tlm::tlm_generic_payload& payload) {
  if (!payload.is_read() || !is_register(payload.get_address()) || payload.get_data_length() < 4) return 0;
  const std::uint32_t value = read(static_cast<HostRegister>(payload.get_address()));
  std::memcpy(payload.get_data_ptr(), &value, sizeof value);
  return sizeof value;
}

}  // namespace vitality
