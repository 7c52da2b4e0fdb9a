// Replays a memory trace in order (`vitality dram`). A 64-byte request enters at its cycle, or, if later, as soon as
// the request before it has entered and its channel's queue has room. Times are device clocks. Memory use does not
// depend on the length of the trace.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "cost/dram_channel.h"
#include "cost/dram_model.h"

namespace vitality {

struct DramReplayResult {
  std::int64_t cycles = 0;  // from the first request's cycle to the last data
  Bytes bytes = 0;          // 64 a request
  double bandwidth_gb_s = 0;
  DramStatistics statistics;  // row_hits, row_misses, row_conflicts: of requests here, each counted once (the worst of
                              // its bursts)
  DramEnergy energy;
};

class DramReplay {
 public:
  static constexpr Bytes kRequestBytes = 64;
  // Throws InputError as make_dram_model does.
  explicit DramReplay(const DramConfig& config);

  Bytes capacity() const { return map_.capacity(); }
  // Called with the channel and each command (banked model only).
  void observe(const std::function<void(int, const DramCommandRecord&)>& observer);
  // cycle: not before the previous request's. The 64-byte block around `address` is moved.
  void request(std::int64_t cycle, bool write, Bytes address);
  DramReplayResult finish();

 private:
  void enter(DramChannel& channel, std::int64_t channel_burst, bool write);
  void count_request(std::int64_t id, DramChannel::Outcome outcome);
  void run(DramChannel& channel, std::int64_t limit);

  DramConfig config_;
  DramAddressMap map_;
  std::vector<DramChannel> channels_;  // empty for the bandwidth model
  std::vector<DramChannel::Completion> ended_;
  struct Open {
    Count bursts;
    DramChannel::Outcome outcome;
  };
  std::deque<Open> open_;  // requests with unfinished bursts; the first has the number first_open_
  std::int64_t first_open_ = 0;
  std::int64_t first_ = -1;            // the first request's cycle, at which the device's clock is 0
  std::int64_t front_ = 0, last_ = 0;  // device clocks: when the next request enters; when the last data end
  double busy_until_ = 0;              // bandwidth model
  DramStatistics statistics_;
};

}  // namespace vitality
