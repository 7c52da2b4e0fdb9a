// Two chunks of the accelerator on one memory controller.
#include <catch2/catch.hpp>
#include <memory>

#include "models/chunk.h"
#include "tests/support/foreign_unit.h"
#include "tests/support/hand_schedule.h"

using namespace vitality;
using namespace vitality::test;

namespace {

constexpr int kSide = 8;

// Values of C = A B in a chunk's own scratchpad, and what its store moved.
struct Product : TileExecutor {
  double scale;
  double* scratchpad = nullptr;
  std::vector<double> stored;
  const Schedule& schedule;
  explicit Product(const Schedule& jobs, double by) : scale(by), schedule(jobs) {}
  double& element(BufferId buffer, int row, int col) const {
    return scratchpad[schedule.buffers[buffer].address + row * kSide + col];
  }
  void execute(const Job& job, UnitId) override {
    for (int r = 0; r < kSide; ++r) {
      for (int c = 0; c < kSide; ++c) {
        if (job.kind == JobKind::kFold) {
          double sum = 0;
          for (int k = 0; k < kSide; ++k) sum += element(job.streamed, r, k) * element(job.stationary, k, c);
          element(job.result, r, c) = sum;
        } else {
          double& moved = element(schedule.transfers_of(job).first->buffer, r, c);
          if (job.kind == JobKind::kLoad) moved = scale * (r + 1) + c;
          if (job.kind == JobKind::kStore) stored.push_back(moved);
        }
      }
    }
  }
};

// C = A B, 8 x 8 of int16 each, from memory and back, in the memory behind `before` bytes.
struct Chunk {
  HandSchedule s;
  std::unique_ptr<Product> values;
  std::unique_ptr<MachineParameters> parameters;
  std::unique_ptr<AcceleratorChunk> chunk;

  Chunk(const char* name, const HardwareConfig& config, DramController& dram, double scale, Bytes before = 0) {
    if (before > 0) s.builder().add_tensor("before", TensorRole::kInput, 0, 1, 1, before);
    const TensorId a = s.tensor(kSide, kSide), b = s.tensor(kSide, kSide), c = s.tensor(kSide, kSide);
    const BufferId abuf = s.buffer(128), bbuf = s.buffer(128), cbuf = s.buffer(128);
    s.load(a, kSide, kSide, abuf), s.load(b, kSide, kSide, bbuf);
    s.fold(kSide, kSide, kSide, abuf, bbuf, cbuf);
    s.store(c, kSide, kSide, cbuf);
    values = std::make_unique<Product>(s.schedule(), scale);
    parameters = std::make_unique<MachineParameters>(config, s.schedule(), values.get());
    chunk = std::make_unique<AcceleratorChunk>(name, *parameters);
    values->scratchpad = chunk->scratchpad.values();
    chunk->load_memory.bind(dram.socket);
    chunk->store_memory.bind(dram.socket);
  }
  void report(std::vector<Cycles>& out) const {
    for (const JobTimes& t : chunk->controller.times()) out.push_back(t.done);
    int wrong = values->stored.size() != kSide * kSide;
    for (int i = 0; wrong == 0 && i < kSide * kSide; ++i) {
      double sum = 0;
      for (int k = 0; k < kSide; ++k)
        sum += (values->scale * (i / kSide + 1) + k) * (values->scale * (k + 1) + i % kSide);
      wrong += values->stored[static_cast<std::size_t>(i)] != sum;
    }
    out.push_back(wrong);
  }
};

struct Starts : sc_core::sc_module {
  std::vector<std::pair<Cycles, Chunk*>> list;
  explicit Starts(sc_core::sc_module_name name) : sc_module(name) {
    SC_HAS_PROCESS(Starts);
    SC_THREAD(run);
  }
  void run() {
    for (const auto& [cycle, chunk] : list) {
      if (at(cycle) > sc_core::sc_time_stamp()) wait(at(cycle) - sc_core::sc_time_stamp());
      chunk->chunk->controller.start();
    }
  }
};

// The ends of both chunks' jobs, and whether a value is wrong; bytes and conflicts of the memory. second < 0: one chunk
// alone.
std::vector<Cycles> run_chunks(const HardwareConfig& config, Cycles second, bool second_built_first = false) {
  return fork_simulation<Cycles>([&] {
           const DramDevice& d = config.dram.device;
           const Bytes half = Bytes{d.rows} / 2 * d.row_bytes * d.bank_groups * d.banks_per_group * d.ranks;
           DramController dram("dram", config.dram, config.clock_mhz);
           Starts starts("starts");
           std::unique_ptr<Chunk> chunks[2];
           for (const int i : {second_built_first ? 1 : 0, second_built_first ? 0 : 1})
             if (i == 0 || second >= 0)
               chunks[i] = std::make_unique<Chunk>(i == 0 ? "first" : "second", config, dram, i == 0 ? 3 : -5,
                                                   i == 0 ? 0 : half);
           starts.list.emplace_back(0, chunks[0].get());
           if (chunks[1]) starts.list.emplace_back(second, chunks[1].get());
           sc_core::sc_start();
           Simulated<Cycles> out;
           for (const auto& chunk : chunks)
             if (chunk) chunk->report(out.values);
           const DramStatistics statistics = dram.statistics();
           out.values.insert(out.values.end(),
                             {statistics.read_bytes, statistics.write_bytes, statistics.row_conflicts});
           return out;
         })
      .values;
}

}  // namespace

TEST_CASE("two chunks: one memory, shared equally, with the values of both") {
  const HardwareConfig config = plain_machine(kSide, kSide, 9);
  // A tile is 2 bursts of a cycle, and its end comes 9 cycles later. Alone: both loads from 1 to 5; the pass takes
  // 8 + 8 + 14 cycles; the store from 45 to 47.
  CHECK(run_chunks(config, -1) == std::vector<Cycles>{14, 14, 44, 56, 0, 256, 128, 0});
  // Together: four loads from 1 to 9; two stores from 49 to 53.
  CHECK(run_chunks(config, 0) == std::vector<Cycles>{18, 18, 48, 62, 0, 18, 18, 48, 62, 0, 512, 256, 0});
  // The second one starts at 1: at 2 one of the first one's 4 bursts has been served, and four tiles share from there:
  // 1.5 bursts each are left of the first one's, which end at 2 + 6 = 8. The second one's 0.5 bursts each then take 1
  // cycle. Passes end at 47 and 48; stores: the first from 48; from 49 on, when one burst of it is left, both; the
  // first ends at 51, the second, with 1 burst left, at 52.
  CHECK(run_chunks(config, 1) == std::vector<Cycles>{17, 17, 47, 60, 0, 18, 18, 48, 61, 0, 512, 256, 0});
}

TEST_CASE("two chunks: which one was built first decides nothing, and a run repeats to the cycle") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    HardwareConfig config = plain_machine(kSide, kSide, 9);
    config.dram.model = model;
    const std::vector<Cycles> once = run_chunks(config, 5);
    CHECK(once == run_chunks(config, 5));
    CHECK(once == run_chunks(config, 5, true));
  }
}

TEST_CASE("two chunks: their rows meet in one bank, and the memory counts the conflicts") {
  HardwareConfig config = plain_machine(kSide, kSide, 9);
  config.dram.model = DramModel::kBanked;
  // The tensors of one chunk lie in one row of each bank; those of the other one half the memory behind.
  const std::vector<Cycles> alone = run_chunks(config, -1), both = run_chunks(config, 0);
  CHECK(alone.back() == 0);
  CHECK(both.back() > 0);
  CHECK(alone[4] == 0);
  CHECK(both[4] == 0);
  CHECK(both[9] == 0);
  CHECK(both[8] > alone[3]);
}
