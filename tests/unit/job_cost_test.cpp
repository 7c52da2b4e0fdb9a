// What tile jobs move and when, by hand: K_hat's extra bit, which operand a byte belongs to, what a stream asks of the
// scratchpad's ports; and a law: lanes cost no cycles.
#include "cost/job_cost.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using vitality::test::Dice;

namespace {

// The one tile of the mask and the one update of a schedule of one job; layer norms take k sweeps.
JobDetail detail_of(JobKind kind, int k) {
  if (traits(kind).reads_mask_tile) return MaskTileId{0};
  if (kind == JobKind::kElementwise || kind == JobKind::kScaleColumns) return ElementwiseStep{0, std::max(1, k)};
  if (kind == JobKind::kUpdate) return UpdateId{0};
  return {};
}

JobCost cost_of(JobKind kind, UnitKind unit, int m, int k, int n, int flags, Precision precision,
                BufferId partial = kNone) {
  Schedule schedule;
  Job job{};
  job.kind = kind, job.unit = unit, job.m = m, job.k = k, job.n = n, job.flags = static_cast<std::uint16_t>(flags);
  job.partial = partial;
  job.detail = detail_of(kind, k);
  job.streamed_stride = (flags & kTransposed) != 0 ? m : k, job.stationary_stride = n;
  HardwareConfig config;
  config.precision = precision;
  return job_cost(job, schedule, config);
}

// A machine whose scratchpad has ports of `bytes` a cycle.
HardwareConfig with_ports(int bytes) {
  HardwareConfig config;
  config.scratchpad.banks = 1, config.scratchpad.port_bytes = bytes;
  return config;
}

JobCost cost_on(const HardwareConfig& config, UnitKind unit, JobKind kind, int m, int k, int n, int flags = 0) {
  Schedule schedule;
  schedule.updates.resize(1);
  schedule.updates[0].gradient_element = k;
  schedule.mask_tiles.resize(1);
  schedule.mask_tiles[0].kept = m, schedule.mask_tiles[0].used_rows = 1, schedule.mask_tiles[0].rows = 1;
  Job job{};
  job.kind = kind, job.unit = unit, job.m = m, job.k = k, job.n = n, job.flags = static_cast<std::uint16_t>(flags);
  job.detail = detail_of(kind, k);
  job.streamed_stride = k, job.stationary_stride = n;
  return job_cost(job, schedule, config);
}

// The lanes that a machine can have more of.
std::vector<int*> lanes_of(HardwareConfig& config) {
  return {&config.accumulators.lanes, &config.dividers.lanes, &config.adders.lanes, &config.special_functions.lanes,
          &config.sparse_unit.exp_lanes};
}

// More lanes, of each unit in turn and of all: a job takes its unit no longer, and ends no later.
void check_more_lanes(const Schedule& schedule, const HardwareConfig& config, Dice& dice) {
  HardwareConfig wider = config;
  for (std::size_t i = 0; i < lanes_of(wider).size(); ++i) {
    HardwareConfig one = config;
    *lanes_of(one)[i] += dice.between(1, 40);
    *lanes_of(wider)[i] = *lanes_of(one)[i];
    for (const HardwareConfig* other : {&one, &wider}) {
      for (const Job& job : schedule.jobs) {
        const JobCost few = job_cost(job, schedule, config), more = job_cost(job, schedule, *other);
        if (more.stream > few.stream || more.stream + more.latency > few.stream + few.latency)
          FAIL_CHECK(to_string(job.unit) << " " << to_string(job.kind) << " " << job.m << " x " << job.k << " x "
                                         << job.n << ": " << few.stream << " + " << few.latency << " cycles, with "
                                         << "more lanes " << more.stream << " + " << more.latency);
      }
    }
  }
}

}  // namespace

TEST_CASE("job cost: K_hat is written and read with one bit more an element") {
  // 197 tokens of 64 features: 12608 elements, 1576 bytes of single bits.
  for (const auto& [precision, element] : {std::pair{Precision::kInt16, 2}, std::pair{Precision::kInt8, 1}}) {
    const auto moved = [&, p = precision](JobKind kind, UnitKind unit, int flags) {
      return cost_of(kind, unit, 197, 0, 64, flags, p);
    };
    const JobCost plain = moved(JobKind::kSubtractRow, UnitKind::kAdders, 0),
                  centred = moved(JobKind::kSubtractRow, UnitKind::kAdders, kGuardBit);
    CHECK(centred.scratchpad_read == plain.scratchpad_read);
    CHECK(plain.scratchpad_write == 12608 * element);
    CHECK(centred.scratchpad_write == 12608 * element + 1576);
    const JobCost sum = moved(JobKind::kColumnSum, UnitKind::kAccumulators, kFirst),
                  sum_of_centred = moved(JobKind::kColumnSum, UnitKind::kAccumulators, kFirst | kGuardBit);
    CHECK(sum_of_centred.scratchpad_read - sum.scratchpad_read == 1576);
    // A pass of G: 64 features x 64 tokens stream, V stays.
    const auto pass = [&, p = precision](int flags) {
      return cost_of(JobKind::kFold, UnitKind::kMatrixEngine, 64, 64, 64, kFirst | kLast | flags, p);
    };
    const JobCost g = pass(kTransposed | kGuardBit);
    CHECK(g.scratchpad_read == 2 * 4096 * element + 512);
    CHECK(g.stationary_read == 4096 * element);
    CHECK(g.scratchpad_read - pass(kTransposed).scratchpad_read == 512);
    // K_hat as the stationary operand of Q K_hat^T.
    CHECK(pass(kStationaryTransposed | kGuardBit).stationary_read == 4096 * element + 512);
  }
}

TEST_CASE("job cost: a middle pass reads and writes its partial sums") {
  const JobCost cost = cost_of(JobKind::kFold, UnitKind::kMatrixEngine, 10, 64, 64, 0, Precision::kInt16, BufferId{0});
  const Bytes sums = accumulator_bytes(Precision::kInt16) * 10 * 64;
  CHECK(cost.partial_read == sums);
  CHECK(cost.partial_write == sums);
  CHECK(cost.scratchpad_write == sums);
  CHECK(cost.stationary_read == 2 * 64 * 64);
  CHECK(cost.scratchpad_read == 2 * 64 * 64 + 2 * 10 * 64 + sums);
}

TEST_CASE("job cost: an element-wise product is one multiplication an element in one sweep") {
  const JobCost two = cost_of(JobKind::kMultiplyMatrix, UnitKind::kSpecialFunctions, 5, 0, 70, 0, Precision::kInt16),
                one = cost_of(JobKind::kScaleColumns, UnitKind::kSpecialFunctions, 5, 0, 70, 0, Precision::kInt16);
  for (const JobCost& cost : {two, one}) {
    CHECK(cost.operations == OperationCounts{350, 0, 0, 0, 0});
    CHECK(cost.actions[Action::kMultiply] == 350);
    CHECK(cost.actions[Action::kExp] == 0);
    CHECK(cost.scratchpad_write == 2 * 350);
  }
  CHECK(two.scratchpad_read == 2 * 2 * 350);
  CHECK(one.scratchpad_read == 2 * 350);
  HardwareConfig config = with_ports(1000);
  config.special_functions.lanes = 64;  // 70 columns on 64 lanes: two cycles a row
  for (const JobKind kind : {JobKind::kMultiplyMatrix, JobKind::kScaleColumns})
    CHECK(cost_on(config, UnitKind::kSpecialFunctions, kind, 5, 0, 70).stream == 10);
  for (const JobKind kind : {JobKind::kMultiplyMatrix, JobKind::kScaleColumns})
    CHECK(cost_on(config, UnitKind::kUncharged, kind, 5, 0, 70).stream == 0);
}

TEST_CASE("job cost: a ReLU is one comparison an element on the adders, in place of an addition") {
  const JobCost cost = cost_of(JobKind::kRectify, UnitKind::kAdders, 5, 0, 70, 0, Precision::kInt16);
  CHECK(cost.operations == OperationCounts{0, 0, 0, 0, 350});
  CHECK(cost.actions[Action::kCompare] == 350);
  CHECK(cost.actions[Action::kAdd] == 0);
  CHECK((cost.scratchpad_read == 2 * 350 && cost.scratchpad_write == 2 * 350));
  // 70 columns on 64 lanes: two cycles a row.
  CHECK(cost_on(with_ports(1000), UnitKind::kAdders, JobKind::kRectify, 5, 0, 70).stream == 10);
}

TEST_CASE("job cost: a unit asks for what it moves, over the cycles in which it moves it") {
  // 64 rows of 16 features on 16 or 1,024 lanes: 64 cycles of 16 wide elements (4 bytes) and a divisor (6 bytes).
  for (const int lanes : {16, 1024}) {
    HardwareConfig config = with_ports(70);
    config.dividers.lanes = lanes;
    const JobCost divide = cost_on(config, UnitKind::kDividers, JobKind::kRowDivide, 64, 0, 16);
    CHECK(divide.stream == 64);
    CHECK(divide.scratchpad_stall == 0);
    CHECK(divide.read_rate == 70);
    CHECK(divide.write_rate == 32);
    CHECK(divide.stream + divide.latency == 63 + 15 + 18);
  }
  // 70 columns on 64 lanes: 5 rows in 10 cycles, 2 x 350 elements of 2 bytes in, 350 out.
  const JobCost add = cost_on(with_ports(140), UnitKind::kAdders, JobKind::kAddMatrix, 5, 0, 70);
  CHECK(add.stream == 10);
  CHECK(add.scratchpad_stall == 0);
  CHECK(add.read_rate == 140);
  CHECK(cost_on(with_ports(100), UnitKind::kAdders, JobKind::kAddMatrix, 5, 0, 70).scratchpad_stall == 4);
  // Column sums of 30 rows of 10 elements (2 bytes) on 64 lanes: one row a cycle.
  const JobCost sum = cost_on(with_ports(20), UnitKind::kAccumulators, JobKind::kColumnSum, 30, 0, 10, kFirst);
  CHECK(sum.stream == 30);
  CHECK(sum.scratchpad_stall == 0);
  // Three sweeps of 12 rows of 20 scores (4 bytes): 36 cycles, 2,880 bytes in.
  const JobCost softmax = cost_on(with_ports(80), UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, 12, 0, 20);
  CHECK(softmax.stream == 36);
  CHECK(softmax.scratchpad_stall == 0);
  CHECK(softmax.read_rate == 80);
  // A row's numbers are there 8 + 2 cycles after its last slot: 7 rows of one slot wait 3 cycles for each of two
  // sweeps.
  CHECK(cost_on(with_ports(80), UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, 7, 0, 20).stream == 21 + 2 * 3);
  // 3 rows of 2 slots: from the first row's last slot to its next first one 5 cycles.
  CHECK(cost_on(with_ports(1000), UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, 3, 0, 100).stream == 18 + 2 * 5);
  // The optimiser: a product a sweep, 9 sweeps of one row of 5 weights; 3 x 4 bytes of state each and 2 of gradient.
  const JobCost update = cost_on(with_ports(8), UnitKind::kSpecialFunctions, JobKind::kUpdate, 1, 2, 5);
  CHECK(update.stream == 9);
  CHECK(update.scratchpad_stall == 0);
  // 10 kept entries on 64 exp lanes: three sweeps of a cycle, 40 bytes each.
  HardwareConfig sanger = with_ports(40);
  sanger.machine = MachineKind::kSanger;
  const JobCost exp = cost_on(sanger, UnitKind::kExpUnit, JobKind::kSparseSoftmax, 10, 0, 1);
  CHECK(exp.stream == 3);
  CHECK(exp.scratchpad_stall == 0);
  CHECK(exp.read_rate == 40);
}

TEST_CASE("job cost: an initiation interval is no demand") {
  // 8 rows of 4 elements, a row every 16 cycles: 8 x (16 + 6) bytes in 128 cycles.
  HardwareConfig config = with_ports(2);
  config.dividers.initiation_interval = 16, config.dividers.lanes = 4;
  const JobCost divide = cost_on(config, UnitKind::kDividers, JobKind::kRowDivide, 8, 0, 4);
  CHECK(divide.stream == 128);
  CHECK(divide.scratchpad_stall == 0);
  CHECK(divide.read_rate == 8.0 * 22 / 128);
}

TEST_CASE("job cost: an array asks for the rows that it takes") {
  // A tile of 8 rows x 64 columns (128 bytes a row) into 64 x 64 PEs at 64 bytes a cycle: 16 cycles for the 8 rows, and
  // the 56 cycles that they need to go down.
  const JobCost fold = cost_on(with_ports(64), UnitKind::kMatrixEngine, JobKind::kFold, 10, 8, 64, kFirst | kLast);
  CHECK(fold.load == 72);
  CHECK(fold.load_scratchpad_stall == 8);
  CHECK(fold.stream == 20);  // 128 bytes of results a cycle
  CHECK(fold.scratchpad_stall == 10);
  // SA-Diag, 65 products on 64 PEs: 10 rows twice; 10 x 65 elements (2 bytes) and 10 sums (6 bytes) in 20 cycles.
  const JobCost dot = cost_on(with_ports(68), UnitKind::kDiagonalEngine, JobKind::kDotProduct, 10, 65, 1);
  CHECK(dot.stream == 20);
  CHECK(dot.scratchpad_stall == 0);
  CHECK(dot.read_rate == 68);
  CHECK(dot.write_rate == 6);
  // A vector of 130 sums on 64 PEs: three cycles, 780 bytes each way.
  const JobCost scale = cost_on(with_ports(130), UnitKind::kDiagonalEngine, JobKind::kScaleVector, 1, 0, 130);
  CHECK(scale.stream == 6);
  CHECK(scale.scratchpad_stall == 3);
}

TEST_CASE("job cost: predictors ask for their operands over all their cycles") {
  // 16 queries and 16 keys of 64 features (2 bytes), 64 x 64 PEs: 64 cycles, 4,096 bytes.
  HardwareConfig config = with_ports(64);
  config.machine = MachineKind::kSanger;
  const JobCost sanger = cost_on(config, UnitKind::kPredictor, JobKind::kPredict, 16, 64, 16);
  CHECK(sanger.stream == 64);
  CHECK(sanger.scratchpad_stall == 0);
  CHECK(sanger.read_rate == 64);
  CHECK(sanger.write_rate == 0.5);  // 256 bits
  // SpAtten ranks 64 keys by 4 bytes each: 64 + 43 + 45 + 20 + ... cycles at one a cycle; at most 4 bytes a cycle.
  config.machine = MachineKind::kSpatten, config.sparse_unit.predictor_cols = 64;
  const JobCost spatten = cost_on(config, UnitKind::kPredictor, JobKind::kPredict, 16, 64, 64);
  CHECK(spatten.read_rate == Approx(256.0 / static_cast<double>(spatten.stream)));
  CHECK(spatten.write_rate == Approx(128.0 / static_cast<double>(spatten.stream)));
}

TEST_CASE("job cost: a row division uses as many of its lanes as end first") {
  // Two rows of 64 columns. The divisors need a cycle a lane: on all 64 lanes 1 + 63 + 18 cycles to the last quotient;
  // on 11 lanes 6 passes, 11 + 8 (the last pass has 9 columns; the one before ends no later) + 18.
  HardwareConfig config;
  config.dividers.lanes = 64;
  const JobCost divide = cost_on(config, UnitKind::kDividers, JobKind::kRowDivide, 2, 0, 64);
  Cycles best = 1000;
  for (int lanes = 1; lanes <= 64; ++lanes) {
    const int passes = (64 + lanes - 1) / lanes, last = 64 - (passes - 1) * lanes;
    // Lane j of pass p works on row i from cycle 2 p + i + j on.
    const Cycles full = passes > 1 ? 2 * (passes - 2) + 1 + lanes - 1 : 0, end = 2 * (passes - 1) + 1 + last - 1;
    best = std::min(best, std::max(full, end) + 18);
  }
  CHECK(best < 1 + 63 + 18);
  CHECK(divide.stream + divide.latency == best);
  // Many rows: all lanes, once.
  CHECK(cost_on(config, UnitKind::kDividers, JobKind::kRowDivide, 197, 0, 64).stream == 197);
}

TEST_CASE("job cost: more lanes of a unit never cost cycles") {
  Dice dice(20);
  int mapped = 0;
  for (int i = 0; i < 60; ++i) {
    const VitModel model = test::random_workload(dice);
    const HardwareConfig config =
        read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json", test::random_machine(dice));
    try {
      check_more_lanes(map_model(model, config), config, dice);
      ++mapped;
    } catch (const InfeasibleError&) {
    }
  }
  CHECK(mapped > 30);
  // Jobs on masks and of training, of any size.
  for (int i = 0; i < 200; ++i) {
    HardwareConfig config = with_ports(dice.between(1, 300));
    config.machine = dice.one_of<MachineKind>(
        {MachineKind::kSanger, MachineKind::kVitcod, MachineKind::kElsa, MachineKind::kDota, MachineKind::kSpatten});
    config.noc.link_bytes = dice.between(1, 300);
    for (int* lanes : lanes_of(config)) *lanes = dice.between(1, 70);
    Schedule schedule;
    schedule.mask_tiles.resize(1);
    schedule.updates.resize(1);
    schedule.updates[0].gradient_element = 2;
    MaskTile& tile = schedule.mask_tiles[0];
    tile.used_rows = tile.rows = dice.between(1, 20), tile.kept = tile.rows * dice.between(1, 40);
    for (const JobKind kind :
         {JobKind::kRowSums, JobKind::kSparseSoftmax, JobKind::kSparseSoftmaxGradient, JobKind::kRowTerms,
          JobKind::kUnifiedGradient, JobKind::kLossGradient, JobKind::kNormGradient, JobKind::kActivationGradient,
          JobKind::kSoftmaxGradient, JobKind::kRowProducts, JobKind::kAddOuter, JobKind::kUpdate, JobKind::kClear}) {
      Job job{};
      job.unit = UnitKind::kSpecialFunctions;
      job.kind = kind, job.m = tile.rows, job.n = dice.between(1, 90), job.detail = detail_of(kind, 0);
      schedule.jobs.push_back(job);
    }
    check_more_lanes(schedule, config, dice);
  }
}
