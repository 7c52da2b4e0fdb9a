// The exact back end of dram.model: every request is cut into bursts, each channel schedules them at command level
// (dram_channel.h) in device clocks. A request of cycle t arrives at the first device clock at or after cycle t + 1.
#pragma once

#include <queue>

#include "cost/dram_channel.h"
#include "cost/dram_clock.h"
#include "cost/dram_model.h"

namespace vitality {

// The statistics that a set of channels gathered up to device clock `clock`.
DramStatistics channel_statistics(const DramDevice& device, const std::vector<DramChannel>& channels,
                                  std::int64_t clock);

class BankedDram : public DramBackend {
 public:
  BankedDram(const DramConfig& config, double clock_mhz);
  void submit(std::int64_t id, Bytes address, Bytes bytes, bool write, Cycles now, int line = kNoLine) override;
  Cycles next_event() const override;
  void advance_to(Cycles now, std::vector<std::int64_t>& completed) override;
  DramStatistics statistics() const override;
  DramEnergy energy() const override { return DramEnergy::of(device_, statistics()); }
  // From this call on, passes every command of a channel to the observer, as it is issued.
  void observe(int channel, DramChannel::Observer observer) { channels_[channel].observe(std::move(observer)); }
  void observe(const DramCommandObserver& observer) override;

 private:
  struct Part {
    int channel, run;  // run: -1 once the run is finished
  };
  struct Request {
    std::int64_t id = 0, order = 0;
    std::int64_t arrival = 0, finish = 0;  // device clocks
    bool write = false;
    int pending = 0;
    std::vector<Part> parts;
  };
  struct Done {
    Cycles cycle;
    std::int64_t order, id;
    bool operator>(const Done& other) const { return cycle != other.cycle ? cycle > other.cycle : order > other.order; }
  };

  void collect(int channel);

  DramDevice device_;
  DramAddressMap map_;
  DramClock clock_;
  std::vector<DramChannel> channels_;
  std::vector<Request> requests_;
  std::vector<int> free_, active_;  // slots of requests_
  std::vector<DramChannel::Completion> ended_;
  std::priority_queue<Done, std::vector<Done>, std::greater<Done>> done_;
  std::int64_t submitted_ = 0, outstanding_ = 0;
  Cycles now_ = 0, advanced_ = -1, busy_from_ = 0;  // now_: of the last call
  DramStatistics statistics_;                       // requests, bytes, busy cycles
};

}  // namespace vitality
