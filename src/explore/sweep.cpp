#include "explore/sweep.h"

#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "explore/child_pool.h"
#include "explore/interrupt.h"
#include "explore/plan.h"
#include "explore/search.h"
#include "explore/store.h"
#include "explore/sweep_keys.h"
#include "explore/worker_pool.h"

namespace vitality {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<Design> fixed_designs(const SweepSpec& spec) {
  switch (spec.sampler.kind) {
    case SamplerKind::kRandom:
      return random_designs(spec.axis_sizes(), spec.sampler.points, spec.sampler.seed);
    case SamplerKind::kLatinHypercube:
      return latin_hypercube_designs(spec.axis_sizes(), spec.sampler.points, spec.sampler.seed);
    case SamplerKind::kGrid:
      return grid_designs(spec.axis_sizes());
    case SamplerKind::kGiven:
      return spec.sampler.designs;
    case SamplerKind::kNsga2:  // plan generation by generation
    case SamplerKind::kSmsEgo:
      break;
  }
  throw std::logic_error("this sampler has no fixed list of designs");
}

void check_shards(const SweepSpec& spec, const SweepOptions& options) {
  if (is_search(spec.sampler.kind) && options.shards > 1)
    throw InputError(spec.file, "/sampler/kind",
                     sampler_names()[static_cast<std::size_t>(spec.sampler.kind)] +
                         " needs the results of whole generations and can't be cut into shards; use --jobs");
}

// Runs a list of designs: points without a result in the store go through the pool.
constexpr int kMaxLostInARow = 20;  // then the computer is not able to go on

class SweepRunner {
 public:
  SweepRunner(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate,
              const ReportProgress& report)
      : spec_(spec),
        options_(options),
        evaluate_(evaluate),
        report_(report),
        planner_(spec),
        pool_({options.jobs, spec.point_time_limit_s, spec.point_memory_limit_mib},
              [this](const WorkerPool::Request& request, Shortcuts shortcuts) {
                const PreparedRow row = planner_.resolve(Design(request.begin() + 1, request.end()), request[0]);
                return evaluate_(row.task(shortcuts));
              }),
        store_(options.directory, ResultStore::Mode::kWrite),
        started_(Clock::now()) {
    if (options.retry_failed) {
      store_.forget(PointStatus::kFailed);
      store_.forget(PointStatus::kTimeout);
    }
    store_.begin_spec(planner_.identity(), write_json(spec));
    store_.set_meta("files", files_json(spec, planner_.workload_names()));
    progress_.total =
        std::ceil((spec.row_limit() - static_cast<double>(options.shard)) / static_cast<double>(options.shards));
  }

  SweepOutcome run() {
    bool complete = true;
    if (options_.export_only && all_planned())
      progress_.done = static_cast<std::int64_t>(progress_.total);
    else if (is_search(spec_.sampler.kind))
      complete = search();
    else
      complete = run_designs(fixed_designs(spec_), 0);
    SweepOutcome outcome;
    outcome.interrupted = !complete && interrupts_.requested();
    if (!outcome.interrupted) {
      if (complete && rows_of_spec_ > 0) store_.set_meta("rows", std::to_string(rows_of_spec_));
      store_.commit();
      tell_progress();
      outcome.summary = export_results(store_, spec_, options_.directory);
    }
    outcome.progress = progress_;
    outcome.lost_reason = lost_reason_;
    return outcome;
  }

 private:
  // Whether every row of this spec and shard is in the store, because a sweep went through all of them.
  bool all_planned() const {
    const std::string rows = store_.meta("rows");
    return !rows.empty() &&
           std::to_string(store_.row_count(options_.shard, options_.shards)) ==
               std::to_string((std::stoll(rows) - options_.shard + options_.shards - 1) / options_.shards);
  }

  // Runs the rows of these designs; the first has the position first_design * workloads. Returns false if interrupted.
  bool run_designs(const std::vector<Design>& designs, std::int64_t first_design) {
    const auto workloads = static_cast<std::int64_t>(planner_.workload_count());
    const auto rows = static_cast<std::int64_t>(designs.size()) * workloads;
    const std::int64_t first = first_design * workloads;
    rows_of_spec_ = first + rows;
    std::int64_t next = 0;
    for (;;) {
      while (pool_.has_free_slot() && !ready_.empty()) launch();
      store_finished();
      if (lost_in_a_row_ >= kMaxLostInARow) return false;
      if (next < rows && ready_.size() < 2 * static_cast<std::size_t>(options_.jobs)) {  // prepares the next rows while
                                                                                         // the pool works
        const std::int64_t row = next++;
        if ((first + row) % options_.shards == options_.shard)
          prepare(designs[static_cast<std::size_t>(row / workloads)], static_cast<std::size_t>(row % workloads),
                  first + row);
        if (!ready_.empty() && pool_.has_free_slot()) continue;
        if (next % 64 == 0 && interrupts_.requested()) return false;
        pool_.collect(0, interrupts_.mask_while_waiting(), finished_);
        continue;
      }
      if (pool_.empty() && ready_.empty()) break;
      if (interrupts_.requested()) return false;
      pool_.collect(-1, interrupts_.mask_while_waiting(), finished_);
    }
    store_.commit();
    return !interrupts_.requested();
  }

  void prepare(const Design& design, std::size_t workload, std::int64_t position) {
    const PreparedRow row = planner_.prepare(design, workload, position);
    store_.put_row(row.planned);
    const std::string& key = row.planned.key;
    if (!row.planned.refusal.empty()) {
      ++progress_.infeasible;
      return count_done();
    }
    if (const auto known = store_.find(key)) {
      count(*known);
      return count_done();
    }
    // Another row of a point that is already running will share its result.
    if (options_.export_only || !in_flight_.insert(key).second) return count_done();
    WorkerPool::Request request{static_cast<std::uint32_t>(workload)};
    request.insert(request.end(), design.begin(), design.end());
    ready_.push_back({next_id_++, key, std::move(request)});
  }

  void launch() {
    Ready& next = ready_.front();
    pool_.start(next.id, next.request);
    in_pool_.emplace(next.id, std::move(next));
    ready_.pop_front();
  }

  void store_finished() {
    for (const ChildPool::Finished& finished : finished_) {
      auto node = in_pool_.extract(finished.id);
      Ready& point = node.mapped();
      const Retries::Verdict verdict = retries_.judge(finished);
      if (verdict == Retries::Verdict::kRunAgain) {
        ready_.push_back(std::move(point));
        continue;
      }
      if (verdict == Retries::Verdict::kKeep) {
        store_.put_result(point.key, finished.result);
        store_.commit();
        ++progress_.simulated;
        count(finished.result);
        lost_in_a_row_ = 0;
      } else {
        ++progress_.lost;
        ++lost_in_a_row_;
        lost_reason_ = finished.result.reason;
      }
      in_flight_.erase(point.key);
      count_done();
    }
    finished_.clear();
  }

  void count(const PointResult& result) {
    if (result.status == PointStatus::kInfeasible) ++progress_.infeasible;
    if (result.status == PointStatus::kFailed || result.status == PointStatus::kTimeout) ++progress_.failed;
  }
  void count_done() {
    ++progress_.done;
    tell_progress();
  }
  void tell_progress() {
    progress_.seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    if (report_) report_(progress_);
  }

  // Runs the search generation by generation. Results that were found before are replayed from the store.
  bool search() {
    const std::unique_ptr<Search> search = make_search(search_space(spec_.axes), spec_.sampler);
    std::int64_t asked = 0;
    for (std::vector<Design> designs = search->ask(); !designs.empty(); designs = search->ask()) {
      if (!run_designs(designs, asked)) return false;
      std::vector<Assessment> assessments(designs.size());
      if (!assess(asked, assessments)) return false;  // export only, and this generation has not been run
      search->tell(assessments);
      asked += static_cast<std::int64_t>(designs.size());
    }
    return true;
  }

  // A design's objectives are the sums over the workloads, its violation the number of broken constraints.
  bool assess(std::int64_t first_design, std::vector<Assessment>& assessments) {
    const auto workloads = static_cast<std::int64_t>(planner_.workload_count());
    const std::int64_t first = first_design * workloads;
    const auto end = first + static_cast<std::int64_t>(assessments.size()) * workloads;
    bool complete = true;
    store_.for_each_row(first, end, [&](const StoredRow& row) {
      if (row.planned.refusal.empty() && !row.result) {
        complete = false;
        return;
      }
      Assessment& assessment = assessments[static_cast<std::size_t>((row.planned.position - first) / workloads)];
      const Judgement judgement = judge(row, spec_);
      const bool measured = judgement.status == PointStatus::kOk || judgement.broken_constraints > 0;
      assessment.violation += measured ? judgement.broken_constraints : std::numeric_limits<double>::infinity();
      if (judgement.status != PointStatus::kOk) return;
      if (judgement.objectives.empty()) assessment.violation = std::numeric_limits<double>::infinity();
      assessment.objectives.resize(spec_.objectives.size(), 0.0);
      for (std::size_t i = 0; i < judgement.objectives.size(); ++i) assessment.objectives[i] += judgement.objectives[i];
    });
    return complete;
  }

  const SweepSpec& spec_;
  const SweepOptions& options_;
  const EvaluatePoint& evaluate_;
  const ReportProgress& report_;
  InterruptGuard interrupts_;
  Planner planner_;
  WorkerPool pool_;  // made first, before the store, so that the workers stay small
  ResultStore store_;
  Clock::time_point started_;
  SweepProgress progress_;
  std::int64_t rows_of_spec_ = 0;
  struct Ready {
    std::size_t id;  // the id in the pool; the same when the point runs again
    std::string key;
    WorkerPool::Request request;
  };
  std::deque<Ready> ready_;
  std::map<std::size_t, Ready> in_pool_;  // by id
  std::size_t next_id_ = 0;
  Retries retries_;
  std::string lost_reason_;
  int lost_in_a_row_ = 0;
  std::set<std::string> in_flight_;
  std::vector<ChildPool::Finished> finished_;
};

}  // namespace

SweepOutcome run_sweep(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate,
                       const ReportProgress& report) {
  check_shards(spec, options);
  return SweepRunner(spec, options, evaluate, report).run();
}

DryRun dry_run(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate,
               const std::function<void(const PlannedRow&)>& show) {
  check_shards(spec, options);
  Planner planner(spec);
  std::optional<ResultStore> store;
  if (std::filesystem::exists(options.directory + "/results.sqlite"))
    store.emplace(options.directory, ResultStore::Mode::kRead);
  const std::vector<Design> designs =
      is_search(spec.sampler.kind) ? make_search(search_space(spec.axes), spec.sampler)->ask() : fixed_designs(spec);
  DryRun out;
  out.rows = spec.row_limit();
  const std::size_t workloads = planner.workload_count();
  std::vector<std::size_t> runnable;
  for (std::size_t position = 0; position < designs.size() * workloads; ++position) {
    if (static_cast<std::int64_t>(position) % options.shards != options.shard) continue;
    const PreparedRow row =
        planner.prepare(designs[position / workloads], position % workloads, static_cast<std::int64_t>(position));
    show(row.planned);
    ++out.listed;
    if (!row.planned.refusal.empty())
      ++out.refused;
    else if (store && store->find(row.planned.key))
      ++out.stored;
    else
      runnable.push_back(position);
  }
  if (runnable.empty()) return out;
  const ChildPool::Limits limits{1, spec.point_time_limit_s, spec.point_memory_limit_mib};
  const std::set<std::size_t> probes{runnable.front(), runnable[runnable.size() / 2], runnable.back()};
  for (const std::size_t position : probes) {
    const PreparedRow row =
        planner.prepare(designs[position / workloads], position % workloads, static_cast<std::int64_t>(position));
    const ChildPool::Finished finished =
        run_point(limits, [&](Shortcuts shortcuts) { return evaluate(row.task(shortcuts)); });
    out.seconds_a_point += finished.seconds / static_cast<double>(probes.size());
    out.peak_kib = std::max(out.peak_kib, finished.peak_kib);
  }
  return out;
}

}  // namespace vitality
