// The controller of the machine against a clocked one (tests/support/clocked_controller.h): when is each job issued?
#include "tests/support/clocked_controller.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/hand_schedule.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

constexpr UnitKind kUnits[] = {UnitKind::kAdders, UnitKind::kDividers, UnitKind::kAccumulators};

// Jobs of random sizes on three kinds of lanes, on eight buffers: what each must wait for follows from what it reads
// and writes.
HandSchedule random_jobs(Dice& dice) {
  HandSchedule s;
  std::vector<BufferId> buffers;
  for (int i = 0; i < 8; ++i) buffers.push_back(s.buffer(4096));
  const int count = dice.between(1, 60);
  for (int i = 0; i < count; ++i) {
    const UnitKind unit = dice.one_of<UnitKind>({kUnits[0], kUnits[1], kUnits[2]});
    const int rows = dice.between(1, 20), cols = dice.between(1, 8);
    const JobKind kind = unit == UnitKind::kAdders     ? JobKind::kAddRow
                         : unit == UnitKind::kDividers ? JobKind::kRowDivide
                                                       : JobKind::kColumnSum;
    const BufferId in = dice.one_of(buffers), second = dice.one_of(buffers), out = dice.one_of(buffers);
    s.unit_job(unit, kind, rows, 0, cols, in, kind == JobKind::kColumnSum ? kNone : second, out, kFirst);
  }
  return s;
}

// The same jobs for the clocked machine, with the units' times from the cost table.
std::vector<ClockedJob> clocked(const Schedule& schedule, const HardwareConfig& config) {
  const CostTable costs(schedule, config);
  std::vector<ClockedJob> jobs;
  for (JobId i{0}; i < schedule.jobs.next(); ++i.value) {
    const Job& job = schedule.jobs[i];
    ClockedJob& clocked = jobs.emplace_back();
    clocked.unit = static_cast<int>(std::find(std::begin(kUnits), std::end(kUnits), job.unit) - std::begin(kUnits));
    clocked.busy = static_cast<int>(costs.of(i).load + costs.of(i).stream + costs.of(i).drain);
    clocked.latency = static_cast<int>(costs.of(i).latency);
    for (int d = 0; d < job.dependency_count; ++d) {
      const Dependency on = schedule.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
      (on.kind() == DependencyKind::kDone ? clocked.after_done : clocked.after_free).push_back(on.job().value);
    }
  }
  return jobs;
}

}  // namespace

TEST_CASE("controller: random jobs are issued when a clocked controller issues them") {
  HardwareConfig config = plain_machine(8, 8, 1);
  config.scratchpad.port_bytes = config.noc.link_bytes = 1 << 20;
  config.dividers.initiation_interval = 3;
  Count waited = 0;
  for (unsigned seed = 1; seed <= 25; ++seed) {
    Dice dice(seed);
    const HandSchedule s = random_jobs(dice);
    const std::vector<ClockedJob> jobs = clocked(s.schedule(), config);
    for (const int decode : {0, 1, 3, 16}) {
      INFO("seed " << seed << ", " << jobs.size() << " jobs, " << decode << " cycles to issue one");
      config.controller.issue_cycles = decode;
      std::vector<Cycles> issued;
      for (const JobSpan& span : simulate_schedule(config, s.schedule())) {
        issued.push_back(span.start);
        waited += span.start - span.ready;
      }
      CHECK(issued == simulate_clocked_controller(jobs, 3, decode));
    }
  }
  CHECK(waited > 1000);
}
