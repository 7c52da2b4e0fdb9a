#include "cost/banked_dram.h"

#include <algorithm>

namespace vitality {

DramStatistics channel_statistics(const DramDevice& device, const std::vector<DramChannel>& channels,
                                  std::int64_t clock) {
  DramStatistics sum;
  for (const DramChannel& channel : channels) {
    const DramChannelCounts counts = channel.counts(clock);
    sum.read_bursts += counts.reads;
    sum.write_bursts += counts.writes;
    sum.activates += counts.activates;
    sum.precharges += counts.precharges;
    sum.refreshes += counts.refreshes;
    sum.row_hits += counts.row_hits;
    sum.row_misses += counts.row_misses;
    sum.row_conflicts += counts.row_conflicts;
    sum.active_clocks += counts.active_clocks;
  }
  sum.bus_busy_clocks = (sum.read_bursts + sum.write_bursts) * device.burst_cycles;
  sum.precharged_clocks = clock * device.ranks * static_cast<Count>(channels.size()) - sum.active_clocks;
  return sum;
}

DramEnergy DramEnergy::of(const DramDevice& device, const DramStatistics& statistics) {
  const double burst_bits = 8.0 * device.burst_bytes();
  DramEnergy energy;
  energy.activate = static_cast<double>(statistics.activates) * device.act_pre_nj * 1e3;
  energy.read =
      static_cast<double>(statistics.read_bursts) * burst_bits * (device.read_pj_per_bit + device.io_pj_per_bit);
  energy.write =
      static_cast<double>(statistics.write_bursts) * burst_bits * (device.write_pj_per_bit + device.io_pj_per_bit);
  energy.refresh = static_cast<double>(statistics.refreshes) * device.refresh_nj * 1e3;
  energy.background = (static_cast<double>(statistics.active_clocks) * device.background_active_mw +
                       static_cast<double>(statistics.precharged_clocks) * device.background_precharged_mw) *
                      device.tck_ns;  // mW x ns = pJ
  return energy;
}

BankedDram::BankedDram(const DramConfig& config, double clock_mhz)
    : device_(config.device),
      map_(config.device, config.channels, config.address_map),
      clock_(clock_mhz, config.device.tck_ns) {
  for (int i = 0; i < config.channels; ++i) channels_.emplace_back(device_, map_, config.queue_depth);
}

void BankedDram::submit(std::int64_t id, Bytes address, Bytes bytes, bool write, Cycles now, int line) {
  const std::int64_t order = submitted_++;
  now_ = now;
  if (outstanding_++ == 0) busy_from_ = now;
  ++statistics_.requests;
  if (bytes <= 0) {
    done_.push({now + 1, order, id});
    return;
  }
  (write ? statistics_.write_bytes : statistics_.read_bytes) += bytes;
  if (free_.empty()) {
    free_.push_back(static_cast<int>(requests_.size()));
    requests_.emplace_back();
  }
  const int slot = free_.back();
  free_.pop_back();
  active_.push_back(slot);
  Request& request = requests_[slot];
  request.id = id, request.order = order, request.finish = 0, request.write = write;
  request.parts.clear();
  const std::int64_t arrival = request.arrival = clock_.device_ceil(now + 1);
  const std::int64_t first = address / device_.burst_bytes(), end = (address + bytes - 1) / device_.burst_bytes() + 1;
  for (int channel = 0; channel < map_.channels(); ++channel) {
    const std::int64_t from = map_.bursts_before(first, channel), count = map_.bursts_before(end, channel) - from;
    if (count > 0)
      request.parts.push_back({channel, channels_[channel].submit(slot, from, count, write, arrival, line != kNoLine)});
  }
  request.pending = static_cast<int>(request.parts.size());
}

// Collects the runs that a channel has finished.
void BankedDram::collect(int channel) {
  for (const auto& ended : ended_) {
    const int slot = static_cast<int>(ended.id);
    Request& request = requests_[slot];
    request.finish = std::max(request.finish, ended.clock);
    for (Part& part : request.parts) {
      if (part.channel == channel) part.run = -1;
    }
    if (--request.pending > 0) continue;
    done_.push({clock_.machine_ceil(request.finish), request.order, request.id});
    active_.erase(std::find(active_.begin(), active_.end(), slot));
    free_.push_back(slot);
  }
  ended_.clear();
}

Cycles BankedDram::next_event() const {
  if (outstanding_ == 0) return -1;
  Cycles next = done_.empty() ? std::numeric_limits<Cycles>::max() : done_.top().cycle;
  for (const int slot : active_) {
    const Request& request = requests_[slot];
    std::int64_t end = request.finish;
    for (const Part& part : request.parts) {
      if (part.run < 0) continue;
      const DramChannel& channel = channels_[part.channel];
      end = std::max(end, channel.earliest_end(channel.remaining(part.run), request.write, request.arrival));
    }
    next = std::min(next, clock_.machine_ceil(end));
  }
  return std::max({next, advanced_ + 1, now_});
}

void BankedDram::advance_to(Cycles now, std::vector<std::int64_t>& completed) {
  now_ = advanced_ = now;
  const std::int64_t limit = clock_.device_floor(now_);
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (channels_[i].next_clock() > limit) continue;
    channels_[i].run_until(limit, ended_);
    if (!ended_.empty()) collect(static_cast<int>(i));
  }
  for (; !done_.empty() && done_.top().cycle <= now; done_.pop()) {
    completed.push_back(done_.top().id);
    if (--outstanding_ == 0) statistics_.busy_cycles += done_.top().cycle - busy_from_;
  }
}

DramStatistics BankedDram::statistics() const {
  DramStatistics statistics =
      channel_statistics(device_, channels_, clock_.device_floor(std::max<Cycles>(0, advanced_)));
  statistics.requests = statistics_.requests;
  statistics.read_bytes = statistics_.read_bytes;
  statistics.write_bytes = statistics_.write_bytes;
  statistics.busy_cycles = statistics_.busy_cycles;
  return statistics;
}

void BankedDram::observe(const DramCommandObserver& observer) {
  for (std::size_t i = 0; i < channels_.size(); ++i)
    channels_[i].observe([observer, i](const DramCommandRecord& command) { observer(static_cast<int>(i), command); });
}

}  // namespace vitality
