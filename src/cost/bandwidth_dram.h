// The fast back end of dram.model. A request's first burst takes tRCD + CL + burst_cycles; the rest follow at the
// memory's sustained rate, peak * (1 - tRFC / tREFI) over all channels, of which all requests in service get equal
// shares at every instant. This is processor sharing in virtual time: each request's finish tag is fixed when its
// service begins, so a request costs O(log n). Of a line only the first request is in service; the next one follows
// when it leaves, and its first burst's latency has passed by then.
#pragma once

#include <deque>
#include <queue>
#include <tuple>
#include <vector>

#include "cost/dram_clock.h"
#include "cost/dram_model.h"

namespace vitality {

// Bursts that [address, address + bytes) touches.
Count bursts_touched(const DramDevice& device, Bytes address, Bytes bytes);
// Fraction of time in which refresh leaves the device usable.
double refresh_availability(const DramDevice& device);
// The energy of the bursts that were moved, at the device's all_in_pj_per_bit.
DramEnergy all_in_energy(const DramDevice& device, const DramStatistics& statistics);

class BandwidthDram : public DramBackend {
 public:
  BandwidthDram(const DramConfig& config, double clock_mhz);
  void submit(std::int64_t id, Bytes address, Bytes bytes, bool write, Cycles now, int line = kNoLine) override;
  Cycles next_event() const override;
  void advance_to(Cycles now, std::vector<std::int64_t>& completed) override;
  DramStatistics statistics() const override { return statistics_; }
  DramEnergy energy() const override { return all_in_energy(device_, statistics_); }

 private:
  struct Active {
    double tag;  // virtual time at which the last burst has been served
    std::int64_t order, id;
    int line;
    bool operator>(const Active& other) const { return std::tie(tag, order) > std::tie(other.tag, other.order); }
  };
  struct Done {
    Cycles cycle;
    std::int64_t order, id;
    bool operator>(const Done& other) const { return std::tie(cycle, order) > std::tie(other.cycle, other.order); }
  };
  struct Waiting {  // in a line
    std::int64_t order, id;
    Count bursts;
  };
  struct Line {
    bool in_service = false;
    std::deque<Waiting> waiting;
  };
  template <class T>
  using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<T>>;

  double finish_of_first() const;
  void serve_until(Cycles time);
  Cycles completion(double finish) const;  // of a service that ends `finish` cycles after the last arrival

  DramDevice device_;
  double rate_ = 0;     // bursts per machine cycle
  double latency_ = 0;  // machine cycles from the end of service to completion
  // Real times are kept relative to the last arrival (a whole cycle), so that the same requests take equally long
  // whenever they come.
  Cycles arrival_ = 0;
  double since_ = 0;         // from the last arrival to the last departure after it
  double virtual_time_ = 0;  // of the last arrival or departure
  std::int64_t submitted_ = 0, outstanding_ = 0;
  Cycles now_ = 0, advanced_ = -1, busy_from_ = 0;  // now_: of the last call
  MinHeap<Active> active_;
  MinHeap<Done> done_;
  std::vector<Line> lines_;
  DramStatistics statistics_;
};

}  // namespace vitality
