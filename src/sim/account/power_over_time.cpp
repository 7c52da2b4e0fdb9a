#include "sim/account/power_over_time.h"

#include <algorithm>

#include "sim/account/timeline_bins.h"

namespace vitality {
namespace {

class PowerBins {
 public:
  explicit PowerBins(Cycles run)
      : run_(run), width_(timeline_bin_cycles(run)), energy_(static_cast<std::size_t>(ceil_div(run, width_))) {}

  // Spreads the energy over the cycles [from, to); all in the first bin if there is none.
  void add(Cycles from, Cycles to, Picojoules energy) {
    from = std::clamp<Cycles>(from, 0, run_ - 1), to = std::clamp(to, from + 1, run_);
    const double each = energy / static_cast<double>(to - from);
    for (Cycles bin = from / width_; from < to; ++bin) {
      const Cycles end = std::min(to, (bin + 1) * width_);
      energy_[static_cast<std::size_t>(bin)] += each * static_cast<double>(end - from);
      from = end;
    }
  }
  PowerOverTime take(double clock_mhz) const {
    PowerOverTime power;
    power.bin_cycles = width_;
    for (std::size_t i = 0; i < energy_.size(); ++i) {
      const Cycles begin = static_cast<Cycles>(i) * width_;
      const double seconds = static_cast<double>(std::min(width_, run_ - begin)) / (clock_mhz * 1e6);
      power.w.push_back(energy_[i] * 1e-12 / seconds);
      power.peak_w = std::max(power.peak_w, power.w.back());
    }
    return power;
  }

 private:
  Cycles run_, width_;
  std::vector<Picojoules> energy_;
};

}  // namespace

PowerOverTime power_over_time(const RunRecord& run, const EnergyModel& prices) {
  if (run.cycles == 0) return {};
  struct EntryPrice {
    Picojoules actions;
    double clocked, moved;
  };
  std::vector<EntryPrice> entries;
  for (const JobCost& cost : run.costs.entries())
    entries.push_back({prices.compute(cost.actions) + prices.sram(cost.actions),
                       static_cast<double>(clocked_cycles(cost, run.config)),
                       static_cast<double>(cost.scratchpad_read + cost.scratchpad_write)});
  const double dram_bytes = static_cast<double>(std::max<Bytes>(1, run.dram.read_bytes + run.dram.write_bytes));
  const Picojoules dram_byte = run.dram_energy.total() * run.config.energy.knob_dram / dram_bytes;
  PowerBins bins(run.cycles);
  for (std::size_t i = 0; i < run.schedule.jobs.size(); ++i) {
    const JobId id{static_cast<std::int32_t>(i)};
    const Job& job = run.job(id);
    if (job.unit == UnitKind::kUncharged) continue;
    const EntryPrice& entry = entries[static_cast<std::size_t>(run.costs.entry(id))];
    double dram = static_cast<double>(run.descriptor_bytes(job.unit, 1));
    Picojoules energy = entry.actions;
    if (is_dma(job.unit)) {
      dram += entry.moved;
    } else {
      energy += entry.moved * run.hops[run.unit_of(id)] * prices.per_action(Action::kNocByteHop);
      energy += prices.working_cycle(job.unit) * entry.clocked;
    }
    bins.add(run.times_of(id).start, run.busy_end(id), energy + dram * dram_byte);
  }
  bins.add(0, run.cycles, prices.idle_per_cycle() * static_cast<double>(run.cycles));
  return bins.take(run.config.clock_mhz);
}

}  // namespace vitality
