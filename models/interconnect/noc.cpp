#include "models/interconnect/noc.h"

#include <algorithm>
#include <tuple>

#include "cost/noc_route.h"

namespace vitality {

Noc::Noc(sc_core::sc_module_name name, const NocConfig& config)
    : sc_module(name), units("units"), scratchpad("scratchpad"), config_(config) {
  units.register_b_transport(this, &Noc::access);
  units.register_nb_transport_fw(this, &Noc::request);
  SC_HAS_PROCESS(Noc);
  SC_METHOD(grant);
  dont_initialize();
  sensitive << event_;
}

int Noc::hops(std::size_t port) const {
  return port < routes_.size() ? static_cast<int>(routes_[port].size()) : noc_hops(config_, port);
}

Bytes Noc::byte_hops() const {
  Bytes total = 0;
  for (std::size_t port = 0; port < bytes_.size(); ++port) total += bytes_[port] * hops(port);
  return total;
}

void Noc::end_of_elaboration() {
  if (config_.link_bytes < 1) SC_REPORT_ERROR("/vitality/noc", "a link carries at least one byte a cycle");
}

void Noc::add_port() {
  routes_.emplace_back();
  for (const auto& link : noc_route(config_, bytes_.size()))
    routes_.back().push_back(&links_.try_emplace(link, config_.link_bytes, config_.link_bytes).first->second);
  bytes_.push_back(0);
}

void Noc::access(int id, StreamAccess& stream, sc_core::sc_time& delay) {
  const auto port = static_cast<std::size_t>(id);
  while (bytes_.size() <= port) add_port();
  bytes_[port] += stream.read_bytes + stream.write_bytes;
  if (stream.cycles > 0 && (stream.read_rate > 0 || stream.write_rate > 0)) {
    const Cycles alone = stream.cycles;
    for (RateCalendar* const link : routes_[port]) {
      const Cycles taken = link->reserve(stream.now, stream.start, stream.cycles, stream.read_rate, stream.write_rate);
      // A stream that is slowed down asks for less on the next link.
      const double slower = static_cast<double>(stream.cycles) / static_cast<double>(taken);
      stream.read_rate *= slower, stream.write_rate *= slower;
      stream.cycles = taken;
    }
    stream.noc_cycles = stream.cycles - alone;
  }
  stream.route_cycles = Cycles{hops(port)} * config_.hop_latency_cycles;
  scratchpad->b_transport(stream, delay);
}

tlm::tlm_sync_enum Noc::request(int id, StreamAccess& stream, tlm::tlm_phase&, sc_core::sc_time& delay) {
  waiting_.push_back({sc_core::sc_time_stamp() + delay, id, &stream});
  event_.notify(delay);
  return tlm::TLM_ACCEPTED;
}

void Noc::grant() {
  const auto earlier = [](const Waiting& a, const Waiting& b) { return std::tie(a.due, a.id) < std::tie(b.due, b.id); };
  while (!waiting_.empty()) {
    const auto next = std::min_element(waiting_.begin(), waiting_.end(), earlier);
    const Waiting due = *next;
    if (due.due > sc_core::sc_time_stamp()) return event_.notify(due.due - sc_core::sc_time_stamp());
    waiting_.erase(next);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    access(due.id, *due.stream, delay);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    units[due.id]->nb_transport_bw(*due.stream, phase, delay);
  }
}

}  // namespace vitality
