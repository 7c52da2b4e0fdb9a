#include "sim/account/unit_accounts.h"

#include <cmath>

#include "sim/account/timeline_bins.h"

namespace vitality {
namespace {

// Why a unit that has work to do does not do it.
enum class Cause { kDram, kBuffer, kDependency, kController };
constexpr int kCauses = 4;
constexpr const char* kCauseNames[kCauses] = {"dram", "buffer", "dependency", "controller"};

class UnitAccounts {
 public:
  UnitAccounts(const RunRecord& run, const EnergyModel& prices, const std::vector<ShapeCount>& shapes,
               const std::vector<LayerResult>& layers)
      : run_(run), prices_(prices), shapes_(shapes), layers_(layers) {}

  std::vector<UnitResult> count() {
    for (std::size_t u = 0; u < run_.units.size(); ++u) units_.push_back(count_unit(u));
    count_dram();
    count_scratchpad_and_noc();
    return std::move(units_);
  }

 private:
  // The cycles of one unit, up to where its jobs have been counted.
  struct Ledger {
    explicit Ledger(Cycles run) : bins(run) {}
    Cycles covered = 0, busy = 0, idle = 0, scratchpad = 0, noc = 0, fifo = 0;
    std::array<Cycles, kCauses> stall{};
    TimelineBins bins;
  };

  Cause cause_of(JobId index) const {
    const JobTimes& t = run_.times_of(index);
    if (t.limiter == kNone) return run_.fetches != nullptr ? Cause::kController : Cause::kDram;
    if (t.limiter_kind == DependencyKind::kReleased) return Cause::kBuffer;
    const UnitKind unit = run_.job(t.limiter).unit;
    if (unit == UnitKind::kDmaLoad) return Cause::kDram;
    // A result keeps its buffer until it is in memory; a tensor can be read once it has been written.
    if (unit == UnitKind::kDmaStore) return is_dma(run_.job(index).unit) ? Cause::kDependency : Cause::kBuffer;
    return Cause::kDependency;
  }

  bool decodes() const { return run_.config.controller.issue_cycles > 0 || run_.fetches != nullptr; }

  // The first cycle in which waiting for this job is a stall.
  Cycles under_way(JobId index) const {
    const Job& job = run_.job(index);
    const JobTimes& t = run_.times_of(index);
    const LayerResult& layer = layers_[static_cast<std::size_t>(job.layer)];
    Cycles from = is_dma(job.unit) ? std::min(layer.prefetch.start_cycle, layer.start_cycle) : layer.start_cycle;
    if (t.limiter != kNone) from = std::min(from, run_.times_of(t.limiter).start);
    return std::min(from, t.start);
  }

  void walk(JobId index, Ledger& ledger) const {
    const JobTimes& t = run_.times_of(index);
    if (t.start > ledger.covered) {
      const Cycles from = std::max(ledger.covered, under_way(index));
      // In these cycles the unit had room and the job was ready, but the controller had not decoded it yet.
      const Cycles issuing = run_.config.controller.issue_cycles > 0 ? t.start - std::clamp(t.ready, from, t.start) : 0;
      ledger.stall[static_cast<std::size_t>(Cause::kController)] += issuing;
      ledger.stall[static_cast<std::size_t>(cause_of(index))] += t.start - from - issuing;
      ledger.idle += from - ledger.covered;
      ledger.covered = t.start;
    }
    // A load that is hidden behind the pass before it does not stall the unit.
    const JobCost& c = run_.costs.of(index);
    const auto [scratchpad, noc] = run_.load_of(index).added_in(t.stream - std::max(t.start, ledger.covered));
    ledger.scratchpad += scratchpad, ledger.noc += noc;
    if (const Cycles end = run_.busy_end(index); end > ledger.covered) {
      ledger.bins.add(ledger.covered, end);
      ledger.busy += end - ledger.covered;
      ledger.covered = end;
    }
    ledger.fifo += t.fifo_wait;
    ledger.scratchpad += c.scratchpad_stall + t.contention, ledger.noc += c.noc_stall + t.noc_contention;
  }

  UnitResult count_unit(std::size_t index) const {
    const UnitKind kind = run_.units.all()[index].kind;
    UnitResult unit;
    unit.name = run_.units.all()[index].name, unit.kind = traits(kind).array;
    Ledger ledger(run_.cycles);
    std::vector<Count> shapes(run_.costs.entries().size());
    for (const JobId job : run_.order[index]) {
      walk(job, ledger);
      ++shapes[static_cast<std::size_t>(run_.costs.entry(job))];
    }
    ActionCounts actions;
    Count clocked = 0;
    for (std::size_t e = 0; e < shapes.size(); ++e) {
      for (std::size_t a = 0; a < actions.count.size(); ++a)
        actions.count[a] += shapes[e] * run_.costs.entries()[e].actions.count[a];
      if (shapes[e] > 0) clocked += shapes[e] * clocked_cycles(run_.costs.entries()[e], run_.config);
    }
    if (ledger.busy > 0) unit.occupied = ledger.bins.take();
    unit.idle_cycles = ledger.idle + run_.cycles - ledger.covered;
    unit.busy_cycles = ledger.busy - ledger.scratchpad - ledger.noc - ledger.fifo;
    for (std::size_t c = 0; c < kCauses - (decodes() ? 0 : 1); ++c)
      unit.stall_cycles.emplace_back(kCauseNames[c], ledger.stall[c]);
    unit.stall_cycles.emplace_back("scratchpad", ledger.scratchpad);
    unit.stall_cycles.emplace_back("noc", ledger.noc);
    if (run_.config.pipeline.row_streaming) unit.stall_cycles.emplace_back("fifo", ledger.fifo);
    unit.energy_pj = prices_.compute(actions) + prices_.working_cycle(kind) * static_cast<double>(clocked);
    unit.area_um2 = prices_.unit_area(kind);
    for (int a = 0; a < kActions; ++a)
      if (actions.count[static_cast<std::size_t>(a)] > 0)
        unit.actions.emplace_back(action_name(static_cast<Action>(a)), actions.count[static_cast<std::size_t>(a)]);
    if (clocked > 0 && prices_.working_registers(kind) > 0) unit.actions.emplace_back("clocked_cycles", clocked);
    unit.utilization = utilization(kind, actions);
    return unit;
  }

  // Work done over work possible in the same time; not busy time over all time.
  double utilization(UnitKind kind, const ActionCounts& actions) const {
    const UnitRow row = unit_row(run_.config, kind);
    if (run_.cycles == 0 || row.rate == 0) return 0;
    return static_cast<double>(row.work(actions)) / (row.rate * static_cast<double>(run_.cycles));
  }

  void count_dram() {
    const DramStatistics& dram = run_.dram;
    add_memory_unit("dram", "memory", dram.busy_cycles, run_.dram_energy.total() * run_.config.energy.knob_dram, 0,
                    static_cast<double>(dram.read_bytes + dram.write_bytes) / run_.dram_bytes_per_cycle())
        .actions = {{"read_bytes", dram.read_bytes}, {"write_bytes", dram.write_bytes},
                    {"activates", dram.activates},   {"precharges", dram.precharges},
                    {"refreshes", dram.refreshes},   {"row_hits", dram.row_hits},
                    {"row_misses", dram.row_misses}, {"row_conflicts", dram.row_conflicts}};
  }

  void count_scratchpad_and_noc() {
    Bytes read = 0, write = 0, hops = 0, loaded = 0, stored = 0, moved = 0;
    for (const LayerResult& layer : layers_) {
      read += layer.sram_read_bytes, write += layer.sram_write_bytes, hops += layer.noc_byte_hops;
      loaded += layer.dram_read_bytes, stored += layer.dram_write_bytes;
    }
    Count conflicts = 0;
    for (const ShapeCount& shape : shapes_) {
      const JobCost& cost = run_.costs.entries()[static_cast<std::size_t>(shape.entry)];
      conflicts += shape.jobs * cost.actions[Action::kBankConflict];
      loaded -= run_.descriptor_bytes(shape.unit_kind, shape.jobs);  // they do not go to the scratchpad
      if (!is_dma(shape.unit_kind) && shape.unit_kind != UnitKind::kUncharged)
        moved += shape.jobs * (cost.scratchpad_read + cost.scratchpad_write);
    }
    ActionCounts actions;
    actions[Action::kScratchpadRead] = read, actions[Action::kScratchpadWrite] = write;
    actions[Action::kNocByteHop] = hops;
    const Bytes through_port =
        run_.config.scratchpad.ports == ScratchpadPorts::kReadAndWrite ? std::max(read, write) : read + write;
    const double port_cycles =
        static_cast<double>(through_port) / static_cast<double>(run_.config.scratchpad.bytes_per_cycle());
    add_memory_unit("scratchpad", "memory", static_cast<Cycles>(std::ceil(port_cycles)), prices_.sram(actions),
                    prices_.scratchpad_area(), port_cycles)
        .actions = {{"read_bytes", read}, {"write_bytes", write}, {"bank_conflicts", conflicts}};
    // The link carries operands and results at the same time, as in the limit of each stream. DMA bytes do not cross
    // it.
    const double link_cycles =
        static_cast<double>(std::max(read - stored, write - loaded)) / run_.config.noc.link_bytes;
    add_memory_unit("noc", "interconnect", static_cast<Cycles>(std::ceil(link_cycles)), prices_.noc(actions),
                    prices_.noc_area(), link_cycles)
        .actions = {{"byte_hops", hops}, {"bytes", moved}};
  }

  UnitResult& add_memory_unit(const char* name, const char* kind, Cycles busy, Picojoules energy, SquareMicrons area,
                              double full_rate_cycles) {
    UnitResult& unit = units_.emplace_back();
    unit.name = name, unit.kind = kind;
    unit.busy_cycles = std::min(busy, run_.cycles);
    unit.idle_cycles = run_.cycles - unit.busy_cycles;
    unit.energy_pj = energy, unit.area_um2 = area;
    unit.utilization = run_.cycles == 0 ? 0 : full_rate_cycles / static_cast<double>(run_.cycles);
    return unit;
  }

  const RunRecord& run_;
  const EnergyModel& prices_;
  const std::vector<ShapeCount>& shapes_;
  const std::vector<LayerResult>& layers_;
  std::vector<UnitResult> units_;
};

}  // namespace

std::vector<UnitResult> account_units(const RunRecord& run, const EnergyModel& prices,
                                      const std::vector<ShapeCount>& shapes, const std::vector<LayerResult>& layers) {
  return UnitAccounts(run, prices, shapes, layers).count();
}

}  // namespace vitality
