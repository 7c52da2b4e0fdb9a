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
Limited limited(Cycles own, const HardwareConfig& config, double read_per_cycle, double write_per_cycle,
                Cycles conflicts) {
  const double port = unit_port_bytes_per_cycle(config), link = config.noc.link_bytes;
  const double all_lanes = static_cast<double>(config.scratchpad.banks) * config.scratchpad.port_bytes;
  const double lost = own > 0 ? static_cast<double>(conflicts) * all_lanes / static_cast<double>(own) : 0;
  const auto stretched = [own](double factor) {
    return factor <= 1 ? own : static_cast<Cycles>(static_cast<double>(own) * factor + 0.999999);
  };
  const Cycles by_port = stretched(std::max(read_per_cycle + lost, write_per_cycle) / port),
               by_link = stretched(std::max(read_per_cycle, write_per_cycle) / link);
  const Cycles longest = std::max(by_port, by_link), stall = longest - own;
  return {longest, by_port >= by_link ? stall : 0, by_port >= by_link ? 0 : stall};
}

}  // namespace

void limit_stream(JobCost& cost, const HardwareConfig& config, double read_per_cycle, double write_per_cycle,
                  Cycles conflicts) {
  const Cycles own = cost.stream;
  const Limited stream = limited(own, config, read_per_cycle, write_per_cycle, conflicts);
  cost.stream = stream.cycles, cost.scratchpad_stall = stream.scratchpad_stall, cost.noc_stall = stream.noc_stall;
  cost.actions[Action::kBankConflict] += conflicts;
  if (cost.stream > 0) {
    cost.read_rate = read_per_cycle * static_cast<double>(own) / static_cast<double>(cost.stream);
    cost.write_rate = write_per_cycle * static_cast<double>(own) / static_cast<double>(cost.stream);
  }
}

void limit_load(JobCost& cost, const HardwareConfig& config, double read_per_cycle, Cycles conflicts) {
  const Limited load = limited(cost.load, config, read_per_cycle, 0, conflicts);
  cost.load = load.cycles, cost.load_scratchpad_stall = load.scratchpad_stall, cost.load_noc_stall = load.noc_stall;
  cost.actions[Action::kBankConflict] += conflicts;
}

void move(JobCost& cost, Bytes read, Bytes write) {
  cost.scratchpad_read += read;
  cost.scratchpad_write += write;
}

Bytes guard_bytes(const Job& job, Count elements) {
  return (job.flags & kGuardBit) != 0 ? ceil_div(elements, 8) : 0;
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
