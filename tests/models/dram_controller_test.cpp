// The controller's socket against the back end driven by hand: blocking and non-blocking initiators, both models, to
// the cycle.
#include "models/memory/dram_controller.h"

#include <tlm_utils/simple_initiator_socket.h>

#include <catch2/catch.hpp>
#include <map>
#include <systemc>

#include "tests/support/fork_simulation.h"

using namespace vitality;

namespace {

const sc_core::sc_time kPeriod(2, sc_core::SC_NS);

struct Request {
  Cycles cycle;
  Bytes address, bytes;
  bool write;
};

Cycles now() {
  return static_cast<Cycles>(sc_core::sc_time_stamp().value() / kPeriod.value());
}

// Expectations inside a forked child: how many failed goes back with the results.
int failures = 0;
void expect(bool ok) {
  failures += !ok;
}

// Issues every request in its cycle, non-blocking, and notes when it is answered.
struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> socket;
  std::vector<Request> requests;
  std::vector<Cycles> done;

  Initiator(sc_core::sc_module_name name, std::vector<Request> list)
      : sc_module(name),
        socket("socket"),
        requests(std::move(list)),
        done(requests.size(), -1),
        payloads_(requests.size()),
        hints_(requests.size()) {
    socket.register_nb_transport_bw(this, &Initiator::respond);
    SC_HAS_PROCESS(Initiator);
    SC_THREAD(issue);
  }
  ~Initiator() override {
    for (std::size_t i = 0; i < payloads_.size(); ++i) payloads_[i].clear_extension(&hints_[i]);
  }
  void issue() {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      wait(static_cast<double>(requests[i].cycle - now()) * kPeriod);
      payloads_[i].set_extension(&hints_[i]);
      payloads_[i].set_data_length(static_cast<unsigned>(requests[i].bytes));
      payloads_[i].set_address(static_cast<sc_dt::uint64>(requests[i].address));
      payloads_[i].set_command(requests[i].write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      expect(socket->nb_transport_fw(payloads_[i], phase, delay) == tlm::TLM_UPDATED);
      expect(phase == tlm::END_REQ);
    }
  }
  tlm::tlm_sync_enum respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    expect(phase == tlm::BEGIN_RESP);
    expect(payload.is_response_ok());
    done[static_cast<std::size_t>(&payload - payloads_.data())] = now();
    phase = tlm::END_RESP;
    return tlm::TLM_COMPLETED;
  }

 private:
  std::vector<tlm::tlm_generic_payload> payloads_;
  std::vector<TimingOnly> hints_;
};

// One request after the other, blocking.
struct Thread : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Thread> socket;
  std::vector<Request> requests;
  std::vector<Cycles> done;

  Thread(sc_core::sc_module_name name, std::vector<Request> list)
      : sc_module(name), socket("socket"), requests(std::move(list)) {
    SC_HAS_PROCESS(Thread);
    SC_THREAD(issue);
  }
  void issue() {
    tlm::tlm_generic_payload payload;
    for (const Request& r : requests) {
      payload.set_address(static_cast<sc_dt::uint64>(r.address));
      std::vector<unsigned char> data(static_cast<std::size_t>(r.bytes));
      payload.set_data_ptr(data.data());
      payload.set_data_length(static_cast<unsigned>(r.bytes));
      payload.set_streaming_width(static_cast<unsigned>(r.bytes));
      payload.set_command(r.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
      sc_core::sc_time delay = static_cast<double>(r.cycle) * kPeriod;  // here: a pause before it
      socket->b_transport(payload, delay);
      expect(delay == sc_core::SC_ZERO_TIME);
      expect(payload.is_response_ok());
      done.push_back(now());
    }
    unsigned char enable = 0xff;
    payload.set_byte_enable_ptr(&enable);
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    expect(payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  }
};

DramConfig memory_of(DramModel model) {
  DramConfig config;
  config.model = model;
  return config;
}

// The same requests on the back end, one call of advance_to() a cycle.
std::vector<Cycles> by_hand(const DramConfig& config, const std::vector<Request>& requests) {
  const auto backend = make_dram_model(config, 500);
  std::vector<Cycles> done(requests.size(), -1);
  std::vector<std::int64_t> completed;
  std::size_t next = 0, ended = 0;
  for (Cycles cycle = 0; ended < requests.size(); ++cycle) {
    completed.clear();
    backend->advance_to(cycle, completed);
    for (auto id : completed) done[static_cast<std::size_t>(id)] = cycle, ++ended;
    for (; next < requests.size() && requests[next].cycle == cycle; ++next) {
      backend->submit(static_cast<std::int64_t>(next), requests[next].address, requests[next].bytes,
                      requests[next].write, cycle);
    }
  }
  return done;
}

const std::vector<Request> kTraffic{{0, 0, 4096, false},     {0, 1 << 20, 4096, true},  {3, 4096, 100000, false},
                                    {40, 8192, 64, false},   {500, 1 << 21, 333, true}, {501, 1 << 22, 1, false},
                                    {20000, 0, 65536, false}};

}  // namespace

TEST_CASE("dram controller: non-blocking transactions end in the back end's cycles") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    const auto simulated = test::fork_simulation<Cycles>([&] {
      DramController controller("dram", memory_of(model), 500);
      Initiator initiator("initiator", kTraffic);
      initiator.socket.bind(controller.socket);
      sc_core::sc_start();
      const DramStatistics s = controller.statistics();
      expect(s.requests == static_cast<Count>(kTraffic.size()));
      expect(s.read_bytes == 4096 + 100000 + 64 + 1 + 65536);
      expect(s.write_bytes == 4096 + 333);
      expect(controller.energy().total() > 0);
      initiator.done.push_back(failures);
      return test::Simulated<Cycles>{now(), initiator.done};
    });
    auto expected = by_hand(memory_of(model), kTraffic);
    expected.push_back(0);  // failures
    CHECK(simulated.values == expected);
  }
}

TEST_CASE("dram controller: blocking transactions take as long, and several initiators share") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    const std::vector<Request> one{{5, 0, 8192, false}, {10, 1 << 20, 64, true}};
    const auto alone = test::fork_simulation<Cycles>([&] {
      DramController controller("dram", memory_of(model), 500);
      Thread thread("thread", one);
      thread.socket.bind(controller.socket);
      sc_core::sc_start();
      thread.done.push_back(failures);
      return test::Simulated<Cycles>{now(), thread.done};
    });
    const std::vector<Request> absolute{one[0], {alone.values[0] + 10, 1 << 20, 64, true}};
    auto expected = by_hand(memory_of(model), absolute);
    expected.push_back(0);  // failures
    CHECK(alone.values == expected);

    const std::vector<Request> large{{0, 0, 1 << 18, false}};
    const auto shared = test::fork_simulation<Cycles>([&] {
      DramController controller("dram", memory_of(model), 500);
      Thread first("first", large), second("second", {{0, 1 << 24, 1 << 18, false}});
      first.socket.bind(controller.socket);
      second.socket.bind(controller.socket);
      sc_core::sc_start();
      return test::Simulated<Cycles>{now(), {first.done[0], second.done[0]}};
    });
    const double single = static_cast<double>(by_hand(memory_of(model), large)[0]);
    CHECK(static_cast<double>(shared.values[0]) == Approx(2 * single).epsilon(0.15));
    CHECK(static_cast<double>(shared.values[1]) == Approx(2 * single).epsilon(0.15));
  }
}
