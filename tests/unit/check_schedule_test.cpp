// What check_schedule() accepts, and what it says of a schedule with one thing wrong.
#include "schedule/check_schedule.h"

#include <catch2/catch.hpp>

#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "tests/support/schedule_changes.h"
#include "workload/workload_json.h"

using Catch::Contains;
using namespace vitality;

namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;
constexpr DependencyKind kDone = DependencyKind::kDone, kReleased = DependencyKind::kReleased,
                         kIssued = DependencyKind::kIssued;

struct Mapped {
  HardwareConfig config;
  VitModel model;
  Schedule schedule;
  ScheduleLimits limits;
};

// Small tiles in a small scratchpad: every place is used again and again.
Mapped mapped(std::vector<std::string> overrides = {}, const std::string& workload = "tiny_vit") {
  const std::vector<std::string> small = {"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=5"};
  overrides.insert(overrides.begin(), small.begin(), small.end());
  Mapped m{read_hardware_config(kRoot + "/configs/vitality.json", overrides),
           read_workload(kRoot + "/workloads/" + workload + ".json"),
           {},
           {}};
  m.schedule = map_model(m.model, m.config);
  m.limits = {Bytes{m.config.scratchpad.capacity_kib} * 1024, storage_bytes(m.config.precision)};
  return m;
}

std::string findings(const Mapped& m, const Schedule& schedule) {
  std::string text;
  for (const std::string& finding : check_schedule(schedule, m.limits)) text += finding + "\n";
  return text;
}

std::int32_t first_job(const Schedule& schedule, JobKind kind, std::int32_t from = 0) {
  for (std::size_t i = static_cast<std::size_t>(from); i < schedule.jobs.size(); ++i)
    if (schedule.jobs[i].kind == kind) return static_cast<std::int32_t>(i);
  throw std::runtime_error("no such job");
}

// Two loads into a buffer each, a pass, its store, then another load into the first buffer: written by hand.
struct Hand {
  Schedule s;
  ScheduleLimits limits{1024, 2};

  Hand() {
    s.buffers = {{0, 80}, {80, 32}, {112, 80}};
    s.tensors = {{"x", TensorRole::kInput, 0, 10, 4, 0, 80},
                 {"w", TensorRole::kWeight, 0, 4, 4, 4096, 32},
                 {"y", TensorRole::kActivation, 0, 10, 4, 8192, 80}};
    s.operators = {{OperatorRole::kGemm, 0}};
    job(UnitKind::kDmaLoad, JobKind::kLoad, {}).detail = transfer(0, 10, 0);
    job(UnitKind::kDmaLoad, JobKind::kLoad, {}).detail = transfer(1, 4, 1);
    Job& fold = job(UnitKind::kMatrixEngine, JobKind::kFold, {{{0}, kDone}, {{1}, kDone}});
    fold.m = 10, fold.k = fold.n = 4, fold.flags = kFirst | kLast;
    fold.streamed = {0}, fold.stationary = {1}, fold.result = {2};
    job(UnitKind::kDmaStore, JobKind::kStore, {{{2}, kDone}}).detail = transfer(2, 10, 2);
    job(UnitKind::kDmaLoad, JobKind::kLoad, {{{2}, kReleased}}).detail =
        transfer(0, 10, 0);  // when the pass has read x
  }
  Job& job(UnitKind unit, JobKind kind, const std::vector<Dependency>& on) {
    Job job{};
    job.unit = unit, job.kind = kind, job.op = {0};
    job.first_dependency = static_cast<std::int32_t>(s.dependencies.size());
    job.dependency_count = static_cast<std::int32_t>(on.size());
    s.dependencies.insert(s.dependencies.end(), on.begin(), on.end());
    s.jobs.push_back(job);
    return s.jobs.back();
  }
  TransferRange transfer(std::int32_t tensor, std::int32_t rows, std::int32_t buffer) {
    Transfer t{{tensor}, 0, 0, rows, 4, {buffer}, 0, 4, kNone, kNone, 0, 0};
    s.transfers.push_back(t);
    return {static_cast<std::int32_t>(s.transfers.size()) - 1, 1};
  }
  std::string found() const {
    std::string text;
    for (const std::string& finding : check_schedule(s, limits)) text += finding + "\n";
    return text;
  }
};

}  // namespace

TEST_CASE("check_schedule: the hand-written schedule is right, and each change to it is named") {
  const Hand good;
  CHECK(good.found() == "");
  const auto changed = [&](auto change) {
    Hand hand = good;
    change(hand.s);
    return hand.found();
  };
  CHECK(changed([](Schedule& s) { s.buffers[2].address = 945; }) ==
        "buffer 2: 80 bytes at address 945 do not lie in the scratchpad of 1024 bytes\n");
  CHECK(changed([](Schedule& s) { s.buffers[1].address = -8; }) ==
        "buffer 1: 32 bytes at address -8 do not lie in the scratchpad of 1024 bytes\n");
  // The pass waits for the second load alone; so the last load, which waits for the pass, does not wait for the first.
  CHECK(changed([](Schedule& s) { s.jobs[2].first_dependency = 1, s.jobs[2].dependency_count = 1; }) ==
        "job 2 (fold of layer 0) reads buffer 0 and does not wait for job 0 (load of layer 0), which writes it\n"
        "job 4 (load of layer 0) overwrites buffer 0 and does not wait for job 0 (load of layer 0), which writes it\n");
  // The last load waits for nothing, or for the pass's issue alone.
  const std::string overwritten =
      "job 4 (load of layer 0) overwrites buffer 0 and does not wait for job 2 (fold of layer 0), which reads it\n";
  CHECK(changed([](Schedule& s) { s.jobs[4].dependency_count = 0; }) ==
        "job 4 (load of layer 0) overwrites buffer 0 and does not wait for job 0 (load of layer 0), which writes it\n" +
            overwritten);
  CHECK(changed([](Schedule& s) { s.dependencies.back() = {{2}, kIssued}; }) == overwritten);
  CHECK(changed([](Schedule& s) { s.jobs[2].streamed = {2}; }) ==
        "job 2 (fold of layer 0) reads buffer 2, which nothing has written\n");
  CHECK(changed([](Schedule& s) { s.jobs[2].streamed = {3}; }) ==
        "job 2 (fold of layer 0): streamed buffer 3 of 3 does not exist\n");
  CHECK(changed([](Schedule& s) { s.jobs[3].op = {1}; }) ==
        "job 3 (store of layer 0): operator 1 of 1 does not exist\n");
  CHECK(changed([](Schedule& s) { s.transfers[1].tensor = {7}; }) ==
        "job 1 (load of layer 0): tensor 7 of 3 does not exist\n");
  CHECK(changed([](Schedule& s) { s.jobs[1].detail = MeanOver{4}; }) == "job 1 (load of layer 0) has no transfers\n");
  CHECK(changed([](Schedule& s) { s.jobs[2].flags |= kIm2col; }) == "job 2 (fold of layer 0) has no im2col tile\n");
  // 3 x 3 patches of an image of 5 x 4 pixels and 4 channels, from its second row on: 3 rows for the first 2 x 2
  // outputs, and the buffer holds 40 elements.
  const auto gathering = [](Schedule& s, std::int32_t geometry) {
    s.geometries = {Conv2d{4, 4, 3, 1, 0, 1, 5, 4, 3, 2, false}};
    s.im2col_tiles.push_back({geometry, 2, 1, 0, 0, 1});
    s.jobs[2].flags |= kIm2col, s.jobs[2].m = 2, s.jobs[2].detail = Im2colTileId{0};
  };
  CHECK(changed([&](Schedule& s) { gathering(s, 1); }) == "job 2 (fold of layer 0): geometry 1 of 1 does not exist\n");
  CHECK(changed([&](Schedule& s) { gathering(s, 0); }) ==
        "job 2 (fold of layer 0): its part of the image of 3 x 16 elements does not fit buffer 0 of 80 bytes\n");
  CHECK(changed([](Schedule& s) { s.jobs[2].kind = JobKind::kSddmm, s.jobs[2].detail = MaskTileId{0}; }) ==
        "job 2 (sddmm of layer 0): mask tile 0 of 0 does not exist\n");
  CHECK(changed([](Schedule& s) { std::swap(s.jobs[2].streamed, s.jobs[2].stationary); }) ==
        "job 2 (fold of layer 0): its streamed tile of 10 x 4 elements does not fit buffer 1 of 32 bytes\n");
  CHECK(changed([](Schedule& s) { std::swap(s.transfers[0].buffer, s.transfers[1].buffer); }) ==
        "job 0 (load of layer 0): its transfer of 10 x 4 elements does not fit buffer 1 of 32 bytes\n");
  CHECK(changed([](Schedule& s) { s.transfers[1].row = 1; }) ==
        "job 1 (load of layer 0): rows 1 to 5, columns 0 to 4 do not lie in tensor w of 4 x 4\n");
  CHECK(changed([](Schedule& s) {
          s.dependencies[1] = {{2}, kDone};
        }) == "job 2 (fold of layer 0) waits for job 2 (fold of layer 0), which is no job before it\n");
  CHECK(changed([](Schedule& s) {
          s.dependencies[0] = {{4}, kDone};
        }) == "job 2 (fold of layer 0) waits for job 4 (load of layer 0), which is no job before it\n");
  // The second load lands on x.
  CHECK(changed([](Schedule& s) { s.buffers[1].address = 48; }) ==
        "job 1 (load of layer 0) overwrites buffer 0 and does not wait for job 0 (load of layer 0), which writes it\n"
        "job 2 (fold of layer 0) reads buffer 0, whose place job 1 (load of layer 0) has overwritten\n");
  // A tensor that a layer makes is read before anybody has stored it.
  CHECK(changed([](Schedule& s) { s.transfers[0].tensor = {2}; }) ==
        "job 0 (load of layer 0) reads a part of tensor y that nobody has stored\n");
  // Read back without waiting for its store.
  CHECK(changed([](Schedule& s) { s.transfers[3].tensor = {2}, s.transfers[3].buffer = {0}; }) ==
        "job 4 (load of layer 0) reads tensor y and does not wait for job 3 (store of layer 0), which stores it\n");
  CHECK(changed([](Schedule& s) { s.jobs[2].follows = {1}; }) ==
        "job 2 (fold of layer 0) follows job 1 (load of layer 0) of another kind of unit\n");
  CHECK(changed([](Schedule& s) { s.jobs[4].follows = {3}; }) ==
        "job 4 (load of layer 0) runs where job 3 ran, and does not wait for it\n");
}

TEST_CASE("ids: of one kind only, and a list takes its own") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<BufferId, TensorId>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<JobId, std::int32_t>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::int32_t, OperatorId>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<std::size_t, BufferId>);
  IdVector<BufferId, int> list;
  CHECK(list.next() == BufferId{0});
  list.push_back(7);
  CHECK(list[BufferId{0}] == 7);
  CHECK(BufferId() == kNone);
}

TEST_CASE("check_schedule: what the mapper makes is right") {
  for (const char* workload : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled"}) {
    for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
             {},
             {"attention=softmax", "scratchpad.capacity_kib=40"},
             {"matrix_engine.dataflow=output_stationary"},
             {"matrix_engine.accumulation=g_stationary", "scratchpad.capacity_kib=40"},
             {"matrix_engine.count=3", "dividers.count=2"},
             {"matrix_engine.count=2", "pipeline.intra_layer=false"},
             {"pipeline.row_streaming=true", "matrix_engine.count=2", "special_functions.charge=charged"},
             {"special_functions.charge=charged", "batch_norm=separate"}}) {
      INFO(workload << (more.empty() ? "" : " " + more[0]));
      const Mapped m = mapped(more, workload);
      CHECK(findings(m, m.schedule) == "");
    }
  }
}

TEST_CASE("check_schedule: dependencies left out of a mapped schedule are missed, unless others imply them") {
  const Mapped m = mapped({"mapping.residency=layer"});
  REQUIRE(findings(m, m.schedule) == "");
  // On data: a pass and the load that brings its stationary tile.
  int found = 0, all = 0;
  const std::size_t count = m.schedule.dependencies.size(), step = std::max<std::size_t>(1, count / 300);
  for (std::size_t d = 0; d < count; d += step, ++all) found += findings(m, without_dependency(m.schedule, d)) != "";
  INFO(found << " of " << all);
  CHECK(all >= 250);
  CHECK(found > 2 * all / 5);  // the loads and stores of small tiles imply each other
  const std::int32_t fold = first_job(m.schedule, JobKind::kFold);
  const Job& job = m.schedule.jobs[static_cast<std::size_t>(fold)];
  CHECK_THAT(findings(m, without_dependency(m.schedule, static_cast<std::size_t>(job.first_dependency))),
             Contains("job " + std::to_string(fold) + " (fold of layer 0) reads buffer"));
}

TEST_CASE("check_schedule: swapped and moved buffers of a mapped schedule are found") {
  const Mapped m = mapped();
  int swapped = 0, moved = 0;
  std::vector<std::int32_t> folds;
  for (std::int32_t i = 0; folds.size() < 40; ++i) folds.push_back(i = first_job(m.schedule, JobKind::kFold, i));
  for (std::size_t i = 1; i < folds.size(); ++i) {
    Schedule changed = m.schedule;
    Job &a = changed.jobs[static_cast<std::size_t>(folds[0])], &b = changed.jobs[static_cast<std::size_t>(folds[i])];
    if (a.stationary == b.stationary) {
      ++swapped;
      continue;
    }
    std::swap(a.stationary, b.stationary);
    swapped += findings(m, changed) != "";
  }
  CHECK(swapped == static_cast<int>(folds.size()) - 1);
  for (std::size_t b = 0; b < m.schedule.buffers.size(); b += 7) {
    Schedule changed = m.schedule;
    changed.buffers[b].address = static_cast<std::int32_t>(m.limits.scratchpad) - changed.buffers[b].bytes + 1;
    CHECK_THAT(findings(m, changed), Contains("buffer " + std::to_string(b) + ":") && Contains("do not lie in"));
    ++moved;
  }
  CHECK(moved > 10);
}

namespace {

// Rows [first, first + rows) of 4 elements of a resident buffer of 10 rows.
struct HandRows : Hand {
  HandRows() {
    s = Schedule{};
    s.buffers = {{0, 80, {40, 4, 4}}};
    s.tensors = {{"x", TensorRole::kInput, 0, 10, 4, 0, 80}, {"y", TensorRole::kActivation, 0, 10, 4, 8192, 80}};
    s.operators = {{OperatorRole::kGemm, 0}};
  }
  void move(JobKind kind, std::int32_t first, std::int32_t rows, const std::vector<Dependency>& on) {
    const bool load = kind == JobKind::kLoad;
    s.transfers.push_back({{load ? 0 : 1}, first, 0, rows, 4, {0}, 4 * first, 4, kNone, kNone, 0, 0});
    job(load ? UnitKind::kDmaLoad : UnitKind::kDmaStore, kind, on).detail =
        TransferRange{static_cast<std::int32_t>(s.transfers.size()) - 1, 1};
  }
  void add(std::int32_t first, std::int32_t rows, const std::vector<Dependency>& on) {
    Job& job = this->job(UnitKind::kSpecialFunctions, JobKind::kElementwise, on);
    job.m = rows, job.n = 4;
    job.streamed = job.result = {0};
    job.streamed_offset = job.result_offset = 4 * first;
    job.detail = ElementwiseStep{0, 1};
  }
};

}  // namespace

TEST_CASE("check_schedule: a pass that gathers must wait for the rows of the image that it uses") {
  // The buffer as 5 x 2 pixels: patches of 2 x 2, a row of pixels is 8 elements.
  HandRows hand;
  hand.s.geometries = {Conv2d{4, 4, 2, 1, 0, 1, 5, 2, 4, 1, false}};
  hand.s.buffers.push_back({80, 32});
  const auto gather = [](HandRows& rows, std::int32_t output, const std::vector<Dependency>& on) {
    Job& job = rows.job(UnitKind::kMatrixEngine, JobKind::kFold, on);
    job.m = 1, job.k = 16, job.n = 4, job.flags = kFirst | kLast | kIm2col;
    job.streamed = {0}, job.result = {1};
    job.detail = rows.s.im2col_tiles.next();
    rows.s.im2col_tiles.push_back({0, output, 0, 0, 0, 1});
  };
  hand.move(JobKind::kLoad, 0, 5, {});  // 0: elements 0 to 20
  hand.move(JobKind::kLoad, 5, 5, {});  // 1: 20 to 40
  HandRows first = hand;
  gather(first, 0, {{{0}, kDone}});  // 0 to 16
  CHECK(first.found() == "");
  HandRows second = hand;
  gather(second, 1, {{{0}, kDone}});  // 8 to 24
  CHECK(second.found() ==
        "job 2 (fold of layer 0) reads buffer 0 and does not wait for job 1 (load of layer 0), which writes it\n");
}

TEST_CASE("check_schedule: of a resident buffer with bands, jobs must wait for the same rows of the same band") {
  HandRows hand;
  hand.s.buffers[{0}].stays = {40, 4, 2};
  const auto add = [](HandRows& to, std::int32_t col, const std::vector<Dependency>& on) {
    to.add(0, 10, on);
    Job& job = to.s.jobs[JobId{static_cast<std::int32_t>(to.s.jobs.size()) - 1}];
    job.n = 2, job.streamed_offset = job.result_offset = col, job.streamed_stride = job.result_stride = 4;
  };
  hand.move(JobKind::kLoad, 0, 10, {});  // 0
  add(hand, 0, {{{0}, kDone}});          // 1: columns 0 and 1
  add(hand, 2, {{{0}, kDone}});          // 2: columns 2 and 3
  CHECK(hand.found() == "");
  HandRows same = hand;
  add(same, 2, {{{1}, kDone}});  // 3
  CHECK(
      same.found() ==
      "job 3 (elementwise of layer 0) reads buffer 0 and does not wait for job 2 (elementwise of layer 0), which "
      "writes it\n"
      "job 3 (elementwise of layer 0) overwrites buffer 0 and does not wait for job 2 (elementwise of layer 0), which "
      "writes it\n");
  HandRows both = hand;
  add(both, 1, {{{2}, kDone}});  // 3: a column of each
  CHECK(
      both.found() ==
      "job 3 (elementwise of layer 0) reads buffer 0 and does not wait for job 1 (elementwise of layer 0), which "
      "writes it\n"
      "job 3 (elementwise of layer 0) overwrites buffer 0 and does not wait for job 1 (elementwise of layer 0), which "
      "writes it\n");
}

TEST_CASE("check_schedule: of a resident buffer, jobs must wait for those that use the same elements") {
  HandRows hand;
  hand.move(JobKind::kLoad, 0, 5, {});  // 0
  hand.move(JobKind::kLoad, 5, 5, {});  // 1: other rows
  hand.add(0, 5, {{{0}, kDone}});       // 2
  hand.add(5, 5, {{{1}, kDone}});       // 3
  hand.move(JobKind::kStore, 3, 4, {{{2}, kDone}, {{3}, kDone}});
  CHECK(hand.found() == "");
  HandRows overlap = hand;
  overlap.add(4, 2, {{{3}, kDone}, {{4}, kReleased}});  // 5: row 4 is job 2's, which the store has waited for
  CHECK(overlap.found() == "");
  HandRows too_early = hand;
  too_early.add(4, 2, {{{3}, kDone}});
  CHECK(
      too_early.found() ==
      "job 5 (elementwise of layer 0) reads buffer 0 and does not wait for job 2 (elementwise of layer 0), which "
      "writes it\n"
      "job 5 (elementwise of layer 0) overwrites buffer 0 and does not wait for job 2 (elementwise of layer 0), which "
      "writes it\n"
      "job 5 (elementwise of layer 0) overwrites buffer 0 and does not wait for job 4 (store of layer 0), which reads "
      "it\n"
      "job 5 (elementwise of layer 0) overwrites buffer 0 and does not wait for job 4 (store of layer 0), which reads "
      "it\n");
  HandRows missing;
  missing.move(JobKind::kLoad, 0, 4, {});
  missing.move(JobKind::kLoad, 6, 4, {});
  missing.move(JobKind::kStore, 0, 10, {{{0}, kDone}, {{1}, kDone}});
  CHECK(missing.found() == "job 2 (store of layer 0) reads buffer 0, which nothing has written\n");
}
