// Do the checks see a wrong schedule? Dependencies are taken out of a good one, one at a time: wrong values, or jobs
// out of order, unless the dependency was implied by others. And k_hat_sum is computed: losing it changes the result.
#include <catch2/catch.hpp>

#include "models/host.h"
#include "reference/fixed_point.h"
#include "reference/model.h"
#include "sim/values/value_executor.h"
#include "tests/support/attention_model.h"
#include "tests/support/machine_run.h"
#include "tests/support/race_check.h"
#include "tests/support/schedule_changes.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// What a run of a schedule leaves: the codes of every tensor, and the races.
struct Outcome {
  std::vector<MatrixD> tensors;
  std::string races;
  bool ended = false;

  std::string bytes() const {
    std::string text;
    for (const MatrixD& tensor : tensors)
      text.append(reinterpret_cast<const char*>(tensor.data()), tensor.size() * sizeof(double));
    return text;
  }
};

struct Bench {
  VitModel model;
  HardwareConfig config;
  SeededParameters parameters{1};
  reference::ForwardResult expected;
  std::unique_ptr<ValuePlan> plan;
  Schedule schedule;

  explicit Bench(const std::vector<std::string>& overrides, VitModel of = workload("tiny_vit"))
      : model(std::move(of)), config(machine(overrides)) {
    expected = reference::forward(model, parameters, {});
    plan = std::make_unique<ValuePlan>(model, config, expected, parameters);
    schedule = map_model(model, config);
  }

  // In a child process only.
  Outcome run(const Schedule& changed) const {
    ValueExecutor executor(changed, model, config, *plan, parameters, expected.outputs);
    const MachineParameters built(config, changed, &executor);
    HostedAccelerator accelerator("machine", built);
    executor.attach(accelerator.chunk.scratchpad.values());
    Outcome outcome;
    try {
      sc_core::sc_start();
    } catch (const std::exception&) {
      return outcome;  // e.g. a bias before its weights: noticed
    }
    outcome.ended = accelerator.chunk.controller.finished();
    outcome.races = find_races(changed, accelerator.chunk.controller.times(), 1);
    for (const TensorId tensor : changed.layer_output)
      outcome.tensors.push_back(tensor == kNone ? MatrixD() : executor.codes(tensor));
    return outcome;
  }
};

// Does job `user` use what job `owner` wrote (read after write), or overwrite what it read or wrote?
bool reads_result(const Schedule& schedule, const Job& user, const Job& owner) {
  std::vector<BufferId> written;
  if (owner.result != kNone) written.push_back(owner.result);
  if (owner.partial != kNone) written.push_back(owner.partial);
  if (owner.kind == JobKind::kLoad)
    for (const Transfer& t : schedule.transfers_of(owner)) written.push_back(t.buffer);
  std::vector<BufferId> read = {user.streamed, user.stationary, user.partial};
  if (user.kind == JobKind::kStore) read = {schedule.transfers_of(user).begin()->buffer};
  for (const BufferId buffer : read)
    if (buffer != kNone && std::find(written.begin(), written.end(), buffer) != written.end()) return true;
  return false;
}

// Of dependencies that were left out, one at a time: how many show in values, and in the order of jobs.
struct LeftOut {
  int wrong = 0, unordered = 0, total = 0;
};

// Those of the jobs that `takes` picks, at most `most`. Whatever makes values wrong must show in the order too.
template <class Takes>
LeftOut leave_out(const Bench& bench, int most, const Takes& takes) {
  const Schedule& schedule = bench.schedule;
  REQUIRE(OrderCheck(schedule).run() == "");
  const std::string good = in_child([&] { return bench.run(schedule).bytes(); });
  LeftOut found;
  for (const Job& job : schedule.jobs) {
    if (!takes(job)) continue;
    for (int d = 0; d < job.dependency_count && found.total < most; ++d, ++found.total) {
      const Schedule changed = without_dependency(schedule, static_cast<std::size_t>(job.first_dependency + d));
      const bool by_order = OrderCheck(changed).run() != "";
      const bool by_value = in_child([&] {
                              const Outcome outcome = bench.run(changed);
                              return std::string(outcome.ended && outcome.bytes() == good ? "" : "wrong");
                            }) != "";
      INFO("dependency " << job.first_dependency + d << " of " << to_string(job.kind));
      if (by_value) CHECK(by_order);
      found.wrong += by_value, found.unordered += by_order;
    }
  }
  return found;
}

}  // namespace

TEST_CASE("mutations: a dependency left out shows in values, and in the order of jobs") {
  // Small tiles in a small scratchpad: every buffer is used again and again.
  const Bench bench({"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=5"});
  const std::string good = in_child([&] {
    const Outcome outcome = bench.run(bench.schedule);
    return outcome.ended && outcome.races.empty() ? outcome.bytes() : std::string();
  });
  REQUIRE(good.size() > 1000);
  REQUIRE(OrderCheck(bench.schedule).run() == "");
  int data_by_value = 0, reuse_by_value = 0, by_order = 0, total = 0;
  const std::size_t count = bench.schedule.dependencies.size(), step = std::max<std::size_t>(1, count / 400);
  for (std::size_t d = 0; d < count; d += step, ++total) {
    const Schedule changed = without_dependency(bench.schedule, d);
    const bool wrong = in_child([&] {
                         const Outcome outcome = bench.run(changed);
                         return std::string(outcome.ended && outcome.bytes() == good ? "" : "wrong");
                       }) != "";
    const bool unordered = OrderCheck(changed).run() != "";
    const Dependency dependency = bench.schedule.dependencies[d];
    const Job* user = nullptr;
    for (const Job& job : bench.schedule.jobs)
      if (static_cast<std::size_t>(job.first_dependency) <= d &&
          d < static_cast<std::size_t>(job.first_dependency + job.dependency_count))
        user = &job;
    REQUIRE(user != nullptr);
    const bool data = reads_result(bench.schedule, *user, bench.schedule.jobs[dependency.job()]);
    if (wrong) ++(data ? data_by_value : reuse_by_value);
    by_order += unordered;
    // Whatever makes values wrong, the order check sees without running anything.
    INFO("dependency " << d << " on job " << dependency.job().value);
    if (wrong) CHECK(unordered);
  }
  INFO(total << " dependencies left out: read after write seen in values " << data_by_value
             << ", buffer reuse seen in values " << reuse_by_value << ", seen by the order check " << by_order);
  CHECK(data_by_value > 5);
  CHECK(reuse_by_value > 0);
  CHECK(by_order >= data_by_value + reuse_by_value);
}

TEST_CASE("mutations: a dependency of online softmax left out shows in the order of jobs") {
  const Bench bench({"matrix_engine.rows=8", "matrix_engine.cols=8", "attention=softmax", "mapping.objective=latency",
                     "scratchpad.capacity_kib=8"},
                    attention_model(45, 61, 2, 9));
  const LeftOut found = leave_out(bench, 120, [](const Job& job) {
    return job.kind == JobKind::kOnlineSoftmax || job.kind == JobKind::kRescaleRows;
  });
  INFO(found.total << " left out, " << found.unordered << " seen by the order check, " << found.wrong << " in values");
  CHECK(found.total > 50);
  CHECK(found.unordered > 25);
  CHECK(found.wrong > 5);
}

TEST_CASE("mutations: a dependency of a pass that gathers from the scratchpad left out shows in the order of jobs") {
  // A dense, a depthwise and a strided convolution whose images stay there, of two tiles of channels.
  const Bench bench({"matrix_engine.rows=20", "matrix_engine.cols=8", "mapping.objective=energy"},
                    parse_workload(R"({"name":"m","image":{"height":9,"width":8,"channels":3},"layers":[
    {"name":"a","kind":"conv2d","out_channels":12,"kernel":3,"pad":1},
    {"name":"b","kind":"conv2d","out_channels":12,"kernel":3,"pad":1,"groups":12},
    {"name":"c","kind":"conv2d","out_channels":8,"kernel":3,"stride":2,"pad":1}]})",
                                   "m.json"));
  const LeftOut found = leave_out(bench, std::numeric_limits<int>::max(), [&](const Job& job) {
    return (job.flags & kIm2col) != 0 && bench.schedule.buffers[job.streamed].stays.elements != 0;
  });
  INFO(found.total << " left out, " << found.unordered << " seen by the order check, " << found.wrong << " in values");
  CHECK(found.unordered > 5);
  CHECK(found.wrong > 0);
}

TEST_CASE("k_hat_sum is computed: rounding the mean leaves it non-zero, and t_D follows") {
  // Keys whose mean is no code: 7 tokens, sums 7 k + 3.
  const reference::Codes q = [] {
    reference::Codes x(5, 4);
    for (int r = 0; r < 5; ++r)
      for (int c = 0; c < 4; ++c) x(r, c) = 25 * r - 11 * c + 3;
    return x;
  }();
  reference::Codes k(7, 4, 10), v(7, 2, 40);
  for (int c = 0; c < 4; ++c) k(0, c) = 13;
  reference::FixedAttentionScales scales;
  scales.q = scales.k = 0.02, scales.v = 0.05, scales.context = 1, scales.numerator = 1e-6, scales.result = 0.05;
  reference::FixedRange range;
  const reference::FixedTaylor t = reference::fixed_taylor(q, k, v, scales, 127, false, range);
  const auto constant = static_cast<std::int64_t>(std::nearbyint(7 * 2 / (0.02 * 0.02)));
  for (int c = 0; c < 4; ++c) CHECK(t.k_hat_sum(0, c) == 3);  // 73 - 7 * round(73 / 7)
  for (int r = 0; r < 5; ++r) {
    std::int64_t sum = 0;
    for (int c = 0; c < 4; ++c) sum += q(r, c);
    CHECK(t.t_d(r, 0) == constant + 3 * sum);
    CHECK(t.t_d(r, 0) != constant);
  }
}

TEST_CASE("k_hat_sum is computed: a machine that takes it for zero has other codes") {
  const Bench bench({"precision=int8"});
  const auto codes = [&](bool zero) {
    return in_child([&] {
      // k_hat_sum forgotten: its accumulation sums no rows.
      Schedule schedule = bench.schedule;
      int changed = 0;
      for (Job& job : schedule.jobs) {
        if (!zero || job.kind != JobKind::kColumnSum || schedule.operators[job.op].role != OperatorRole::kKeySum)
          continue;
        job.m = 0;
        ++changed;
      }
      if (zero && changed == 0) return std::string("no k_hat_sum in the schedule");
      const Outcome outcome = bench.run(schedule);
      std::string text;
      for (std::size_t i = 0; i < bench.model.layers.size(); ++i) {
        if (!std::holds_alternative<Attention>(bench.model.layers[i].parameters)) continue;
        const MatrixD& z = outcome.tensors[i];
        for (std::size_t e = 0; e < z.size(); ++e) text += std::to_string(static_cast<int>(z.data()[e])) + " ";
      }
      return text;
    });
  };
  const std::string computed = codes(false), assumed = codes(true);
  CHECK(computed.size() > 500);
  CHECK(assumed.size() > 500);
  CHECK(computed != assumed);
}
