#include "sim/account/counter_check.h"

namespace vitality {

std::string compare_counters(const std::vector<UnitCounters>& counted, const RunRecord& run,
                             const std::vector<UnitResult>& units) {
  std::string text;
  for (std::size_t u = 0; u < counted.size(); ++u) {
    const UnitResult& unit = units[u];
    const auto same = [&](const char* what, std::int64_t module, std::int64_t account) {
      if (module != account)
        text += "\n  " + unit.name + ": the module counts " + std::to_string(module) + " " + what +
                ", the accounts have " + std::to_string(account);
    };
    Cycles stalls = 0, streaming = 0;  // stalls inside jobs: the unit has a job, and this job waits
    for (const auto& [cause, cycles] : unit.stall_cycles)
      (cause == "scratchpad" || cause == "noc" || cause == "fifo" ? streaming : stalls) += cycles;
    Bytes read = 0, written = 0;
    Cycles port_wait = 0, noc_wait = 0, fifo_wait = 0;
    for (const JobId job : run.order[u]) {
      const JobCost& cost = run.costs.of(job);
      read += cost.scratchpad_read, written += cost.scratchpad_write;
      const JobTimes& times = run.times_of(job);
      port_wait += times.contention + times.load_contention;
      noc_wait += times.noc_contention + times.load_noc_contention;
      fifo_wait += times.fifo_wait;
    }
    same("jobs", counted[u].jobs, static_cast<Count>(run.order[u].size()));
    same("cycles with a job", counted[u].occupied, unit.busy_cycles + streaming);
    same("cycles without a job", run.cycles - counted[u].occupied, stalls + unit.idle_cycles);
    same("bytes read", counted[u].read, read);
    same("bytes written", counted[u].written, written);
    same("cycles at the ports", counted[u].port_wait, port_wait);
    same("cycles at FIFOs of rows", counted[u].fifo_wait, fifo_wait);
    same("cycles at the links", counted[u].noc_wait, noc_wait);
  }
  return text;
}

}  // namespace vitality
