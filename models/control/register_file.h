// What a host sees of the accelerator: 32-bit little-endian registers behind a TLM-2.0 base-protocol target, and an
// interrupt line that rises when all jobs are done and falls when the host clears it.
//
// | address | register    | meaning
// | 0x00    | control     | write 1: start; a second start while running, or after the end, is refused (command error)
// | 0x04    | status      | bit 0 running, bit 1 done; write 2: clear the interrupt
// | 0x08    | descriptors | low 32 bits of the address of the descriptor list in the memory
// | 0x0c    | descriptors | high 32 bits
// | 0x10    | cycles      | low 32 bits of the cycles from start to the last job's end, or to now
// | 0x14    | cycles      | high 32 bits
//
// The list's bytes are fetched (controller.descriptor_bytes); what they say is in the model. Other addresses: address
// error. Other lengths than 4: burst error. Byte enables: refused. Registers answer in zero
// time: the time of the bus belongs to the host.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <systemc>

#include "models/protocol/machine_clock.h"

namespace vitality {

enum class HostRegister : std::uint32_t {
  kControl = 0x00,
  kStatus = 0x04,
  kDescriptorsLow = 0x08,
  kDescriptorsHigh = 0x0c,
  kCyclesLow = 0x10,
  kCyclesHigh = 0x14
};
constexpr std::uint32_t kStart = 1, kRunning = 1, kDone = 2;

class RegisterFile : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<RegisterFile> socket;
  sc_core::sc_out<bool> interrupt;

  RegisterFile(sc_core::sc_module_name name, const MachineClock& clock);
  std::function<void(Bytes descriptors)> on_start;
  // All jobs are done.
  void finish();

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned int debug_transport(tlm::tlm_generic_payload& payload);
  tlm::tlm_response_status write(HostRegister address, std::uint32_t value);
  std::uint32_t read(HostRegister address) const;
  Cycles cycles() const;
  void drive();
  void end_of_elaboration() override;

  MachineClock clock_;
  std::uint32_t status_ = 0;
  std::array<std::uint32_t, 2> descriptors_{};
  Cycles begin_ = 0, end_ = 0;
  bool raised_ = false;
  sc_core::sc_event event_;
};

}  // namespace vitality
