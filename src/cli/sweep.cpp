// vitality sweep: runs the design points of a spec in parallel, and keeps the results in a store.
#include "explore/sweep.h"

#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "base/cores.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/point_evaluator.h"
#include "cli/sweep_progress.h"
#include "cli/sweep_summary.h"
#include "explore/child_pool.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

const char* const kUsage =
    "usage: vitality sweep --spec SPEC.json --out DIR [OPTIONS]\n"
    "Simulates the design points of SPEC.json that DIR/results.sqlite does not have yet, then writes DIR/results.csv,\n"
    "DIR/pareto.csv, DIR/convergence.csv and DIR/results.json. Run the same command again to go on after an "
    "interruption.";

// "i/N" with 0 <= i < N.
void parse_shard(const std::string& text, SweepOptions& options) {
  const char *begin = text.data(), *end = begin + text.size();
  const auto first = std::from_chars(begin, end, options.shard);
  bool good = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  if (good) {
    const auto second = std::from_chars(first.ptr + 1, end, options.shards);
    good = second.ec == std::errc() && second.ptr == end;
  }
  if (!good || options.shard < 0 || options.shards < 1 || options.shard >= options.shards ||
      options.shards > kMaxSweepRows)
    throw InputError("", "", "option --shard: expected i/N with i from 0 to N - 1, found \"" + text + "\"");
}

int print_dry_run(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate) {
  std::string header = "position";
  for (const std::string& key : spec.columns()) header += "," + csv_cell(key);
  std::cout << header << ",workload,remark\n";
  const DryRun dry = dry_run(spec, options, evaluate, [](const PlannedRow& row) {
    const JsonDocument values = parse_json(row.axes, "");
    std::cout << row.position;
    for (const JsonValue& value : values.items()) std::cout << "," << csv_cell(to_string(axis_value_of(value)));
    std::cout << "," << csv_cell(row.workload) << "," << csv_cell(row.refusal) << "\n";
  });
  const auto left = static_cast<double>(dry.listed - dry.stored - dry.refused);
  std::cerr << fmt::format(
      "{:.0f} points in the spec, {} listed: {} stored already, {} infeasible by the config alone, {:.0f} to "
      "simulate\n",
      dry.rows, dry.listed, dry.stored, dry.refused, left);
  if (dry.seconds_a_point > 0)
    std::cerr << fmt::format("estimate: {:.3g} ms a point, {} with {} jobs, {:.0f} MiB of memory a job\n",
                             dry.seconds_a_point * 1e3, duration_text(left * dry.seconds_a_point / options.jobs),
                             options.jobs, static_cast<double>(dry.peak_kib) / 1024);
  return kDone;
}

}  // namespace

int sweep_command(const Arguments& arguments) {
  po::options_description description("options");
  SweepOptions options;
  std::string spec_file, shard = "0/1", progress_word = "auto";
  std::int64_t jobs = available_cores();
  std::vector<std::string> overrides;
  bool quiet = false, dry = false, every_block = false;
  // clang-format off
  description.add_options()
      ("spec", po::value(&spec_file)->required(), "sweep spec, JSON")
      ("out", po::value(&options.directory)->required(), "folder of the store and the tables")
      ("jobs,j", po::value(&jobs)->default_value(jobs), "points at a time")
      ("shard", po::value(&shard)->default_value(shard), "i/N: only the points i, i + N, i + 2 N, ...; join with merge")
      ("set", po::value(&overrides)->composing(), "dotted.key=value of the base config, workload.key=value of every model, /pointer=value of the spec's mapping (repeatable)")
      ("dry-run", po::bool_switch(&dry), "list the points, estimate time and memory, store nothing")
      ("export-only", po::bool_switch(&options.export_only), "write the tables from what is stored, simulate nothing")
      ("every-block", po::bool_switch(&every_block), "simulate all of a model's equal blocks, not only as many as tell "
          "the time of the rest; the same results")
      ("retry-failed", po::bool_switch(&options.retry_failed), "simulate again what failed or ran out of time")
      ("quiet,q", po::bool_switch(&quiet), "print errors only")
      ("progress", po::value(&progress_word)->default_value(progress_word), "auto|always|never: a line on stderr");
  // clang-format on
  po::variables_map values;
  if (!parse_options(arguments, kUsage, description, "", values)) return kDone;
  check_range("--jobs", jobs, 1, 4096);
  options.jobs = static_cast<int>(jobs);
  parse_shard(shard, options);
  const ProgressMode mode = parse_progress(progress_word);
  if (options.directory.empty()) throw InputError("", "", "option --out: expected a folder");

  const SweepSpec spec = read_sweep_spec(spec_file, overrides);
  const EvaluatePoint evaluate = point_evaluator(spec, every_block);
  if (dry) return print_dry_run(spec, options, evaluate);

  for (const char* table : {"results.csv", "pareto.csv", "convergence.csv", "results.json"})
    refuse_input((std::filesystem::path(options.directory) / table).string());
  SweepOutcome outcome;
  {
    SweepProgressLine line(quiet ? ProgressMode::kNever : mode);
    outcome = run_sweep(spec, options, evaluate, [&](const SweepProgress& progress) { line.show(progress); });
  }
  if (outcome.interrupted) {
    std::cerr << fmt::format("interrupted: {} points simulated and kept in {}; the same command goes on\n",
                             outcome.progress.simulated, harmless(options.directory));
    return kInterrupted;
  }
  if (!quiet)
    std::cout << fmt::format("{} points simulated in {:.2f} s; ", outcome.progress.simulated, outcome.progress.seconds)
              << summary_text(outcome.summary, options.directory);
  if (outcome.progress.lost > 0) {
    std::cout.flush();
    std::cerr << fmt::format(
        "error: {}: {} points have no result, because the machine stopped them {} times each (the last: {}); nothing "
        "is stored of them, and the same command goes on\n",
        options.directory, outcome.progress.lost, Retries::kMaxEnvironment, outcome.lost_reason);
    return kInternalError;
  }
  return judge_summary(outcome.summary, options.directory, options.shards > 1);
}

}  // namespace vitality::cli
