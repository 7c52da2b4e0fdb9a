#include "cost/rate_calendar.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitality {

Cycles RateCalendar::reserve(Cycles now, Cycles start, Cycles cycles, double read, double write) {
  // The unit's cost already includes the limit of the whole capacity.
  read = std::min(read, read_capacity_), write = std::min(write, write_capacity_);
  grants_.erase(std::remove_if(grants_.begin(), grants_.end(), [now](const Grant& g) { return g.end <= now; }),
                grants_.end());
  // If there is room for all streams at once, none is slowed down, however they overlap. This usual case needs no
  // search.
  double spare_read = read_capacity_ - taken_read_, spare_write = write_capacity_ - taken_write_;
  for (const Grant& g : grants_) spare_read -= g.read, spare_write -= g.write;
  if (cycles > 0 && (read <= 0 || read <= spare_read) && (write <= 0 || write <= spare_write)) {
    Grant& grant = grants_.emplace_back();  // filled in place: copying it right after the stores would wait for them
    grant.begin = start, grant.end = start + cycles, grant.read = read, grant.write = write;
    return cycles;
  }
  edges_.clear();
  for (const Grant& g : grants_) {
    if (g.begin > start) edges_.push_back(g.begin);
    if (g.end > start) edges_.push_back(g.end);
  }
  std::sort(edges_.begin(), edges_.end());
  const std::size_t before = grants_.size();
  double left = static_cast<double>(cycles);  // cycles at full rate
  Cycles t = start;
  for (std::size_t i = 0; left > 1e-9; ++i) {
    double free_read = read_capacity_ - taken_read_, free_write = write_capacity_ - taken_write_;
    for (std::size_t g = 0; g < before; ++g) {
      if (grants_[g].begin <= t && t < grants_[g].end) free_read -= grants_[g].read, free_write -= grants_[g].write;
    }
    // A capacity that others have taken may leave a rest by rounding: it counts as nothing.
    const auto share = [](double free, double demand) {
      return demand <= 0 ? 1.0 : free < 1e-9 * demand ? 0.0 : std::min(free / demand, 1.0);
    };
    const double rate = std::min(share(free_read, read), share(free_write, write));
    // Behind the last edge there is no other stream.
    Cycles end = i < edges_.size() ? edges_[i] : std::numeric_limits<Cycles>::max();
    if (rate > 0) {
      end = std::min(end, t + static_cast<Cycles>(std::ceil(left / rate - 1e-9)));
      grants_.push_back({t, end, read * rate, write * rate});
    }
    left -= static_cast<double>(end - t) * rate;
    t = end;
    while (i + 1 < edges_.size() && edges_[i + 1] <= t) ++i;
  }
  return t - start;
}

}  // namespace vitality
