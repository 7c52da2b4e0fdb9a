#include "cost/dram_replay.h"

#include <algorithm>
#include <cmath>

#include "cost/bandwidth_dram.h"
#include "cost/banked_dram.h"

namespace vitality {

DramReplay::DramReplay(const DramConfig& config)
    : config_(config), map_(config.device, config.channels, config.address_map) {
  if (config.model == DramModel::kBandwidth) return;
  for (int i = 0; i < config.channels; ++i) channels_.emplace_back(config.device, map_, config.queue_depth);
}

void DramReplay::observe(const std::function<void(int, const DramCommandRecord&)>& observer) {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    channels_[i].observe([observer, i](const DramCommandRecord& command) { observer(static_cast<int>(i), command); });
  }
}

void DramReplay::run(DramChannel& channel, std::int64_t limit) {
  channel.run_until(limit, ended_);
  for (const auto& ended : ended_) {
    last_ = std::max(last_, ended.clock);
    count_request(ended.id, ended.outcome);
  }
  ended_.clear();
}

void DramReplay::count_request(std::int64_t id, DramChannel::Outcome outcome) {
  Open& request = open_[static_cast<std::size_t>(id - first_open_)];
  request.outcome = std::max(request.outcome, outcome);
  if (--request.bursts > 0) return;
  ++(request.outcome == DramChannel::Outcome::kHit    ? statistics_.row_hits
     : request.outcome == DramChannel::Outcome::kMiss ? statistics_.row_misses
                                                      : statistics_.row_conflicts);
  for (; !open_.empty() && open_.front().bursts == 0; open_.pop_front()) ++first_open_;
}

void DramReplay::enter(DramChannel& channel, std::int64_t channel_burst, bool write) {
  if (channel.next_clock() <= front_) run(channel, front_);
  while (!channel.can_accept(write)) {
    front_ = std::max(front_, channel.next_clock());
    run(channel, front_);
  }
  channel.submit(statistics_.requests - 1, channel_burst, 1, write, front_);
}

void DramReplay::request(std::int64_t cycle, bool write, Bytes address) {
  const DramDevice& device = config_.device;
  address -= address % kRequestBytes;
  if (first_ < 0) first_ = cycle;
  front_ = std::max(front_, cycle - first_);
  ++statistics_.requests;
  (write ? statistics_.write_bytes : statistics_.read_bytes) += kRequestBytes;
  const Count bursts = bursts_touched(device, address, kRequestBytes);
  if (channels_.empty()) {
    (write ? statistics_.write_bursts : statistics_.read_bursts) += bursts;
    const double service =
        static_cast<double>(bursts * device.burst_cycles) / (config_.channels * refresh_availability(device));
    const double start = std::max(static_cast<double>(front_), busy_until_);
    busy_until_ = start + service;
    const double last_burst = busy_until_ - service / static_cast<double>(bursts);
    const double end = last_burst + device.first_burst_clocks();
    last_ = std::max(last_, static_cast<std::int64_t>(std::ceil(end - 1e-9 * end)));
    return;
  }
  const std::int64_t burst = address / device.burst_bytes();
  open_.push_back({bursts, DramChannel::Outcome::kHit});
  for (std::int64_t b = burst; b < burst + bursts; ++b) {
    enter(channels_[map_.channel_of(b)], map_.channel_burst(b), write);
  }
}

DramReplayResult DramReplay::finish() {
  DramReplayResult result;
  for (DramChannel& channel : channels_) {
    while (!channel.idle()) run(channel, std::max(front_, channel.next_clock()));
  }
  for (DramChannel& channel : channels_) run(channel, last_);
  result.statistics = statistics_;
  if (channels_.empty()) {
    const double pj_per_burst = config_.device.all_in_pj_per_bit * 8 * config_.device.burst_bytes();
    result.energy.read = static_cast<double>(statistics_.read_bursts) * pj_per_burst;
    result.energy.write = static_cast<double>(statistics_.write_bursts) * pj_per_burst;
  } else {
    result.statistics = channel_statistics(config_.device, channels_, last_);
    result.statistics.requests = statistics_.requests;
    result.statistics.read_bytes = statistics_.read_bytes;
    result.statistics.write_bytes = statistics_.write_bytes;
    result.statistics.row_hits = statistics_.row_hits;
    result.statistics.row_misses = statistics_.row_misses;
    result.statistics.row_conflicts = statistics_.row_conflicts;
    result.energy = DramEnergy::of(config_.device, result.statistics);
  }
  result.cycles = last_;
  result.bytes = statistics_.read_bytes + statistics_.write_bytes;
  if (result.cycles > 0)
    result.bandwidth_gb_s =
        static_cast<double>(result.bytes) / (static_cast<double>(result.cycles) * config_.device.tck_ns);
  return result;
}

}  // namespace vitality
