#include "cost/bandwidth_dram.h"

#include <algorithm>
#include <cmath>

namespace vitality {

Count bursts_touched(const DramDevice& device, Bytes address, Bytes bytes) {
  if (bytes <= 0) return 0;
  const Bytes burst = device.burst_bytes();
  return (address + bytes - 1) / burst - address / burst + 1;
}

double refresh_availability(const DramDevice& device) {
  return 1 - static_cast<double>(device.trfc) / device.trefi;
}

BandwidthDram::BandwidthDram(const DramConfig& config, double clock_mhz) : device_(config.device) {
  const DramClock clock(clock_mhz, device_.tck_ns);
  rate_ = config.channels / clock.machine_span(device_.burst_cycles) * refresh_availability(device_);
  latency_ = clock.machine_span(device_.first_burst_clocks()) - 1 / rate_;
}

// Rounding may make an exact cycle appear slightly late; a billionth of a cycle is ignored.
Cycles BandwidthDram::completion(double finish) const {
  return arrival_ + static_cast<Cycles>(std::ceil(finish + latency_ - 1e-9 * (1 + finish)));
}

double BandwidthDram::finish_of_first() const {
  return since_ + (active_.top().tag - virtual_time_) * static_cast<double>(active_.size()) / rate_;
}

// Handles departures up to `time`. Leaves since_ at the last of them, so that the result does not depend on when this
// is called.
void BandwidthDram::serve_until(Cycles time) {
  while (!active_.empty()) {
    const double finish = finish_of_first();
    if (finish > static_cast<double>(time - arrival_)) return;
    const Active& first = active_.top();
    done_.push({completion(finish), first.order, first.id});
    since_ = finish, virtual_time_ = first.tag;
    const int line = first.line;
    active_.pop();
    if (active_.empty()) virtual_time_ = 0;
    if (line == kNoLine) continue;
    Line& own = lines_[static_cast<std::size_t>(line)];
    own.in_service = !own.waiting.empty();
    if (!own.in_service) continue;
    const Waiting next = own.waiting.front();
    own.waiting.pop_front();
    active_.push({virtual_time_ + static_cast<double>(next.bursts), next.order, next.id, line});
  }
}

void BandwidthDram::submit(std::int64_t id, Bytes address, Bytes bytes, bool write, Cycles now, int line) {
  const std::int64_t order = submitted_++;
  ++statistics_.requests;
  now_ = now;
  if (outstanding_++ == 0) busy_from_ = now;
  if (bytes <= 0) {
    done_.push({now + 1, order, id});
    return;
  }
  const Count bursts = bursts_touched(device_, address, bytes);
  (write ? statistics_.write_bytes : statistics_.read_bytes) += bytes;
  (write ? statistics_.write_bursts : statistics_.read_bursts) += bursts;
  statistics_.bus_busy_clocks += bursts * device_.burst_cycles;
  const Cycles start = now + 1;
  serve_until(start);
  if (!active_.empty())
    virtual_time_ += (static_cast<double>(start - arrival_) - since_) * rate_ / static_cast<double>(active_.size());
  arrival_ = start, since_ = 0;
  if (line != kNoLine) {
    if (lines_.size() <= static_cast<std::size_t>(line)) lines_.resize(static_cast<std::size_t>(line) + 1);
    Line& own = lines_[static_cast<std::size_t>(line)];
    if (own.in_service) return own.waiting.push_back({order, id, bursts});
    own.in_service = true;
  }
  active_.push({virtual_time_ + static_cast<double>(bursts), order, id, line});
}

Cycles BandwidthDram::next_event() const {
  Cycles next = done_.empty() ? -1 : done_.top().cycle;
  if (!active_.empty()) {
    const Cycles first = completion(finish_of_first());
    next = next < 0 ? first : std::min(next, first);
  }
  return next < 0 ? -1 : std::max({next, advanced_ + 1, now_});
}

void BandwidthDram::advance_to(Cycles now, std::vector<std::int64_t>& completed) {
  now_ = advanced_ = now;
  serve_until(now);
  for (; !done_.empty() && done_.top().cycle <= now; done_.pop()) {
    completed.push_back(done_.top().id);
    if (--outstanding_ == 0) statistics_.busy_cycles += done_.top().cycle - busy_from_;
  }
}

DramEnergy all_in_energy(const DramDevice& device, const DramStatistics& statistics) {
  const double pj_per_burst = device.all_in_pj_per_bit * 8 * device.burst_bytes();
  DramEnergy energy;
  energy.read = static_cast<double>(statistics.read_bursts) * pj_per_burst;
  energy.write = static_cast<double>(statistics.write_bursts) * pj_per_burst;
  return energy;
}

}  // namespace vitality
