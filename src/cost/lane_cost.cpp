#include "cost/lane_cost.h"

#include <algorithm>

namespace vitality {

ElementSizes sizes_of(const HardwareConfig& config) {
  const Bytes element = storage_bytes(config.precision);
  return {element, accumulator_bytes(config.precision),
          std::max<Bytes>(element, config.precision == Precision::kFp64 ? 8 : 4)};
}

namespace {

struct Limited {
  Cycles cycles, scratchpad_stall, noc_stall;
};
// The cycles in which these bytes cross; `own` is the number of cycles when nothing slows them down.
Limited limited(Cycles own, const HardwareConfig& config, Bytes read, Bytes write, Cycles conflicts) {
  const Bytes port = config.scratchpad.bytes_per_cycle(), lost = conflicts * port;
  const Bytes through_port =
      config.scratchpad.ports == ScratchpadPorts::kReadAndWrite ? std::max(read + lost, write) : read + lost + write;
  const Cycles by_port = ceil_div(through_port, port);
  const Cycles by_link = ceil_div(std::max(read, write), config.noc.link_bytes);
  const Cycles longest = std::max({own, by_port, by_link}), stall = longest - own;
  return {longest, by_port >= by_link ? stall : 0, by_port >= by_link ? 0 : stall};
}

}  // namespace

void limit_stream(JobCost& cost, const HardwareConfig& config, Bytes read, Bytes write, Cycles conflicts) {
  const Limited stream = limited(cost.stream, config, read, write, conflicts);
  cost.stream = stream.cycles, cost.scratchpad_stall = stream.scratchpad_stall, cost.noc_stall = stream.noc_stall;
  cost.actions[Action::kBankConflict] += conflicts;
  if (cost.stream > 0) {
    cost.read_rate = static_cast<double>(read) / static_cast<double>(cost.stream);
    cost.write_rate = static_cast<double>(write) / static_cast<double>(cost.stream);
  }
}

void limit_load(JobCost& cost, const HardwareConfig& config, Bytes read, Cycles moving, Cycles conflicts) {
  const Limited load = limited(moving, config, read, 0, conflicts);
  cost.load += load.cycles - moving;
  cost.load_read = read, cost.load_moving = load.cycles;
  cost.load_scratchpad_stall = load.scratchpad_stall, cost.load_noc_stall = load.noc_stall;
  cost.actions[Action::kBankConflict] += conflicts;
}

void move(JobCost& cost, Bytes read, Bytes write) {
  cost.scratchpad_read += read;
  cost.scratchpad_write += write;
}

Bytes guard_bytes(const Job& job, Count elements) {
  return (job.flags & kGuardBit) != 0 ? ceil_div(elements, 8) : 0;
}

void lanes(JobCost& cost, const HardwareConfig& config, const JobTiming& timing, Bytes read, Bytes write) {
  cost.stream = timing.interval;
  cost.latency = timing.latency - timing.interval;
  move(cost, read, write);
  limit_stream(cost, config, read, write);
}

}  // namespace vitality
