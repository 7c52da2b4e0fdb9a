// A small host: it starts the accelerator at time 0 and handles its interrupt. `vitality run` simulates this host with
// this accelerator; a testbench of your own binds registers.socket and registers.interrupt instead
// (tests/models/host_test.cpp).
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>

#include "models/accelerator.h"

namespace vitality {

class Host : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Host> socket;
  sc_core::sc_in<bool> interrupt;

  // descriptors: the address of the list of descriptors.
  explicit Host(sc_core::sc_module_name name, Bytes descriptors = 0);
  bool finished() const { return finished_; }
  Cycles cycles() const { return cycles_; }  // as the accelerator's counter shows them

 private:
  void run();
  std::uint32_t access(tlm::tlm_command command, HostRegister address, std::uint32_t value = 0);
  Bytes descriptors_;
  bool finished_ = false;
  Cycles cycles_ = 0;
};

// A host and an accelerator, bound. The descriptors lie behind all tensors.
class HostedAccelerator : public Accelerator {
 public:
  HostedAccelerator(sc_core::sc_module_name name, const MachineParameters& parameters)
      : Accelerator(name, parameters), host("host", behind_tensors(parameters.schedule)), interrupt_("interrupt") {
    host.socket.bind(registers.socket);
    host.interrupt.bind(interrupt_);
    registers.interrupt.bind(interrupt_);
  }
  Host host;

 private:
  static Bytes behind_tensors(const Schedule& schedule);
  sc_core::sc_signal<bool> interrupt_;
};

}  // namespace vitality
