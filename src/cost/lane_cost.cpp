#include "cost/lane_cost.h"

#include <algorithm>

namespace vitality {

ElementSizes sizes_of(const HardwareConfig& config) {
  const Bytes element = storage_bytes(config.precision);
  return {element, accumulator_bytes(config.precision),
          std::max<Bytes>(element, config.precision == Precision::kFp64 ? 8 : 4)};
}

void limit_stream(JobCost& cost, const HardwareConfig& config, double read_per_cycle, double write_per_cycle) {
  const double demand = std::max(read_per_cycle, write_per_cycle);
  const double port = unit_port_bytes_per_cycle(config);
  const double link = config.noc.link_bytes;
  const Cycles own = cost.stream;
  const auto stretched = [own](double factor) {
    return factor <= 1 ? own : static_cast<Cycles>(static_cast<double>(own) * factor + 0.999999);
  };
  const Cycles by_port = stretched(demand / port), by_link = stretched(demand / link);
  cost.stream = std::max(by_port, by_link);
  if (cost.stream > 0) {
    cost.read_rate = read_per_cycle * static_cast<double>(own) / static_cast<double>(cost.stream);
    cost.write_rate = write_per_cycle * static_cast<double>(own) / static_cast<double>(cost.stream);
  }
  if (by_port >= by_link) {
    cost.scratchpad_stall = cost.stream - own;
  } else {
    cost.noc_stall = cost.stream - own;
  }
}

void move(JobCost& cost, Bytes read, Bytes write) {
  cost.scratchpad_read += read;
  cost.scratchpad_write += write;
}

void lanes(JobCost& cost, const HardwareConfig& config, const LaneConfig& unit, const JobTiming& timing, Count elements,
           Bytes read, Bytes write) {
  cost.stream = timing.interval;
  cost.latency = timing.latency - timing.interval;
  move(cost, read, write);
  const double per_cycle = static_cast<double>(std::min<Count>(unit.lanes, elements)) / unit.initiation_interval;
  limit_stream(cost, config, per_cycle * static_cast<double>(read) / static_cast<double>(std::max<Count>(1, elements)),
               per_cycle * static_cast<double>(write) / static_cast<double>(std::max<Count>(1, elements)));
}

LaneConfig special_lanes(const HardwareConfig& config) {
  return {config.special_functions.lanes, config.special_functions.latency_cycles,
          config.special_functions.initiation_interval};
}

}  // namespace vitality
