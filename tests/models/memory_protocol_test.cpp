// The memory sockets are TLM-2.0's base protocol and nothing else: foreign memories behind the DMA, foreign initiators
// in front of the DRAM controller, foreign hosts at the registers.
#include <tlm_utils/simple_initiator_socket.h>

#include <catch2/catch.hpp>
#include <deque>
#include <set>
#include <systemc>

#include "models/chunk.h"
#include "models/host.h"
#include "tests/support/foreign_memory.h"
#include "tests/support/fork_simulation.h"
#include "tests/support/hand_schedule.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// Two loads and a store, on a chunk between two foreign memories: when each job is done, in cycles of 2 ns; then the
// number of protocol faults.
std::vector<Cycles> with_foreign_memory(Style style, double latency_ns, int outstanding) {
  return fork_simulation<Cycles>([&] {
           HandSchedule s;
           const TensorId tensor = s.tensor(8, 8);
           const BufferId a = s.buffer(128), b = s.buffer(128);
           s.load(tensor, 8, 8, a);
           s.load(tensor, 8, 8, b);
           s.store(tensor, 8, 8, a);
           HardwareConfig config = plain_machine(8, 8, 4);
           config.dma.max_outstanding = outstanding;
           const MachineParameters parameters(config, s.schedule());
           AcceleratorChunk chunk("chunk", parameters);
           ForeignMemory loads("loads", style, sc_core::sc_time(latency_ns, sc_core::SC_NS)),
               stores("stores", style, sc_core::sc_time(latency_ns, sc_core::SC_NS));
           chunk.load_memory.bind(loads.socket);
           chunk.store_memory.bind(stores.socket);
           chunk.controller.start();
           Simulated<Cycles> out;
           try {
             sc_core::sc_start();
           } catch (const sc_core::sc_report& report) {
             out.values = {std::string(report.get_msg_type()) == "/vitality/memory_port" ? -1 : -2};
             return out;
           }
           for (const JobTimes& t : chunk.controller.times()) out.values.push_back(t.done);
           out.values.push_back(loads.faults + stores.faults);
           out.values.push_back(static_cast<Cycles>(loads.bytes + stores.bytes));
           return out;
         })
      .values;
}

// What a CPU-less testbench does: registers by address, and the interrupt.
struct ForeignHost : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<ForeignHost> socket;
  sc_core::sc_in<bool> interrupt;
  std::vector<Cycles> seen;
  explicit ForeignHost(sc_core::sc_module_name name) : sc_module(name), socket("socket"), interrupt("interrupt") {
    SC_HAS_PROCESS(ForeignHost);
    SC_THREAD(run);
  }
  int access(tlm::tlm_command command, sc_dt::uint64 address, std::uint32_t& value, unsigned length = 4) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
    payload.set_data_length(length);
    payload.set_streaming_width(length);
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    return payload.get_response_status();
  }
  std::uint32_t read(sc_dt::uint64 address) {
    std::uint32_t value = 0;
    access(tlm::TLM_READ_COMMAND, address, value);
    return value;
  }
  void run() {
    wait(sc_core::sc_time(20, sc_core::SC_NS));
    std::uint32_t value = 1;
    seen.push_back(read(0x04));  // idle: 0
    seen.push_back(access(tlm::TLM_WRITE_COMMAND, 0x18, value));
    seen.push_back(access(tlm::TLM_READ_COMMAND, 0x04, value, 2));
    value = 1;
    seen.push_back(access(tlm::TLM_WRITE_COMMAND, 0x00, value));
    seen.push_back(read(0x04));  // running: 1
    seen.push_back(access(tlm::TLM_WRITE_COMMAND, 0x00, value));
    wait(interrupt.posedge_event());
    seen.push_back(read(0x04));  // done: 2
    seen.push_back(read(0x10));  // cycles
    value = 2;
    access(tlm::TLM_WRITE_COMMAND, 0x04, value);
    wait(interrupt.negedge_event());
    seen.push_back(interrupt.read());
  }
};

struct DataClient : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<DataClient> socket;
  std::vector<Cycles> seen;
  explicit DataClient(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    SC_HAS_PROCESS(DataClient);
    SC_THREAD(run);
  }
  int move(tlm::tlm_command command, sc_dt::uint64 address, std::vector<unsigned char>& data) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(static_cast<unsigned>(data.size()));
    payload.set_streaming_width(static_cast<unsigned>(data.size()));
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    return payload.get_response_status();
  }
  void run() {
    std::vector<unsigned char> written(10000), got(10000, 0xff);
    for (std::size_t i = 0; i < written.size(); ++i) written[i] = static_cast<unsigned char>(i * 7 + i / 256);
    seen.push_back(move(tlm::TLM_WRITE_COMMAND, 5000, written));
    seen.push_back(move(tlm::TLM_READ_COMMAND, 5000, got));
    seen.push_back(got == written);
    seen.push_back(move(tlm::TLM_READ_COMMAND, 1 << 20, got));  // never written
    seen.push_back(got == std::vector<unsigned char>(10000));
    seen.push_back(move(tlm::TLM_READ_COMMAND, sc_dt::uint64{1} << 60, got));
  }
};

// Answers BEGIN_RESP with TLM_ACCEPTED and ends it 50 ns later.
struct SlowReader : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<SlowReader> socket;
  int faults = 0, answered = 0;
  bool responding = false;
  std::vector<tlm::tlm_generic_payload> payloads{4};
  unsigned char data[64] = {};
  sc_core::sc_event event;
  tlm::tlm_generic_payload* last = nullptr;
  explicit SlowReader(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    socket.register_nb_transport_bw(this, &SlowReader::backward);
    SC_HAS_PROCESS(SlowReader);
    SC_THREAD(run);
    SC_METHOD(end);
    dont_initialize();
    sensitive << event;
  }
  void run() {
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      payloads[i].set_read();
      payloads[i].set_address(64 * i);
      payloads[i].set_data_ptr(data);
      payloads[i].set_data_length(64);
      payloads[i].set_streaming_width(64);
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay;
      faults += socket->nb_transport_fw(payloads[i], phase, delay) != tlm::TLM_UPDATED || phase != tlm::END_REQ;
    }
  }
  tlm::tlm_sync_enum backward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    faults += phase != tlm::BEGIN_RESP || responding;
    responding = true;
    ++answered;
    last = &payload;
    event.notify(sc_core::sc_time(50, sc_core::SC_NS));
    return tlm::TLM_ACCEPTED;
  }
  void end() {
    responding = false;
    tlm::tlm_phase phase = tlm::END_RESP;
    sc_core::sc_time delay;
    socket->nb_transport_fw(*last, phase, delay);
  }
};

}  // namespace

TEST_CASE("memory protocol: a foreign memory of any style ends jobs when it answers") {
  // 8 x 8 int16 are 128 bytes, one transfer a job. 100 ns are 50 cycles of 2 ns; 101 ns end within cycle 51. Both loads
  // start at once where two may be outstanding; the store waits for the first load.
  CHECK(with_foreign_memory(Style::kTwoPhase, 100, 2) == std::vector<Cycles>{50, 50, 100, 0, 384});
  CHECK(with_foreign_memory(Style::kTwoPhase, 100, 1) == std::vector<Cycles>{50, 100, 100, 0, 384});
  CHECK(with_foreign_memory(Style::kTwoPhase, 101, 2) == std::vector<Cycles>{51, 51, 102, 0, 384});
  CHECK(with_foreign_memory(Style::kEarly, 100, 2) == std::vector<Cycles>{50, 50, 100, 0, 384});
  CHECK(with_foreign_memory(Style::kUpdatedResponse, 100, 2) == std::vector<Cycles>{50, 50, 100, 0, 384});
  // The second request waits for the first one's END_REQ at 50 ns.
  CHECK(with_foreign_memory(Style::kFourPhase, 100, 2) == std::vector<Cycles>{50, 75, 100, 0, 384});
}

TEST_CASE("memory protocol: an error response stops the run with the module's id") {
  CHECK(with_foreign_memory(Style::kFailing, 100, 2) == std::vector<Cycles>{-1});
}

TEST_CASE("memory protocol: the DRAM keeps data, reads zeros elsewhere and refuses addresses that it has not") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    const auto seen = fork_simulation<Cycles>([&] {
      DramConfig config;
      config.model = model;
      DramController dram("dram", config, 500);
      DataClient client("client");
      client.socket.bind(dram.socket);
      sc_core::sc_start();
      return Simulated<Cycles>{0, client.seen};
    });
    CHECK(seen.values == std::vector<Cycles>{tlm::TLM_OK_RESPONSE, tlm::TLM_OK_RESPONSE, 1, tlm::TLM_OK_RESPONSE, 1,
                                             tlm::TLM_ADDRESS_ERROR_RESPONSE});
  }
}

TEST_CASE("memory protocol: the next response waits for the end of the one before it") {
  const auto seen = fork_simulation<Cycles>([] {
    DramController dram("dram", DramConfig(), 500);
    SlowReader reader("reader");
    reader.socket.bind(dram.socket);
    sc_core::sc_start();
    return Simulated<Cycles>{0, {reader.answered, reader.faults}};
  });
  CHECK(seen.values == std::vector<Cycles>{4, 0});
}

TEST_CASE("host registers: a testbench of its own starts the accelerator, takes its interrupt and reads its cycles") {
  const auto seen = fork_simulation<Cycles>([] {
    HandSchedule s;
    const BufferId a = s.buffer(128), b = s.buffer(128), c = s.buffer(128);
    s.fold(8, 8, 8, a, b, c);
    const HardwareConfig config = plain_machine(8, 8, 4);
    const MachineParameters parameters(config, s.schedule());
    Accelerator accelerator("machine", parameters);
    ForeignHost host("host");
    sc_core::sc_signal<bool> line("line");
    host.socket.bind(accelerator.registers.socket);
    host.interrupt.bind(line);
    accelerator.registers.interrupt.bind(line);
    sc_core::sc_start();
    host.seen.push_back(accelerator.chunk.controller.times()[JobId{0}].start);
    return Simulated<Cycles>{0, host.seen};
  });
  // A pass of 8 rows on 8 x 8 PEs: load 8, stream 8, drain 14; started at 20 ns, cycle 10.
  CHECK(seen.values == std::vector<Cycles>{0, tlm::TLM_ADDRESS_ERROR_RESPONSE, tlm::TLM_BURST_ERROR_RESPONSE,
                                           tlm::TLM_OK_RESPONSE, 1, tlm::TLM_COMMAND_ERROR_RESPONSE, 2, 30, 0, 10});
}

TEST_CASE("controller: issuing takes issue_cycles, one job after the other, the smallest index first") {
  // Two loads of 128 bytes (2 bursts, 4 cycles of latency: 7 cycles from the issue, alone) and a pass that needs none
  // of them. At 10 cycles a job: issued at 10, 20, 30.
  HandSchedule s;
  const TensorId tensor = s.tensor(8, 8);
  const BufferId a = s.buffer(128), b = s.buffer(128), c = s.buffer(128), d = s.buffer(128), e = s.buffer(128);
  s.load(tensor, 8, 8, a);
  s.fold(8, 8, 8, c, d, e);
  s.load(tensor, 8, 8, b);
  HardwareConfig config = plain_machine(8, 8, 4);
  config.controller.issue_cycles = 10;
  const auto spans = simulate_schedule(config, s.schedule());
  CHECK(spans[JobId{0}].start == 10);
  CHECK(spans[JobId{0}].done == 17);
  CHECK(spans[JobId{1}].start == 20);
  CHECK(spans[JobId{1}].done == 50);
  CHECK(spans[JobId{2}].start == 30);
}
