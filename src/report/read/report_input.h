// What `vitality report` shows: results, comparisons, evaluations and sweeps. They are read from files and folders and
// checked here, so that later code can rely on them.
//
// The contents of a file decide its kind: results have "layers" and "totals", comparisons "kind": "comparison",
// evaluations "evaluation", sweeps (results.json) "spec" and "points". A folder belongs to a sweep or a merge: its
// results.sqlite is read, as far as it is filled, or else its results.json. Anything else is an InputError with the
// file and the pointer.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "explore/convergence.h"
#include "explore/evaluate.h"
#include "explore/sampler.h"
#include "explore/sweep_spec.h"
#include "report/result.h"

namespace vitality {

constexpr std::size_t kMaxReportBytes = 256U << 20;  // of one input file
constexpr std::size_t kMaxReportResults = 64;        // and as many evaluations
constexpr std::size_t kMaxReportPoints = 100000;     // of all sweeps

struct ReportResult {
  std::string file, machine, label;  // label: "machine, workload", with a number if two are the same
  SimulationResult result;
  JsonDocument document;  // the whole file
  double clock_mhz = 0;   // 0: not known; the same for the values below
  double peak_gops = 0;   // with every multiply-accumulator busy; 1 MAC = 2 operations
  double dram_gb_s = 0;   // peak of all channels
};

// One machine on one model. Numbers that are not known are NaN.
struct ReportComparedPair {
  std::size_t machine = 0, workload = 0;
  PointStatus status = PointStatus::kFailed;
  std::string reason;
  struct Scope {
    double latency_ms, energy_mj, speedup, efficiency_gain, gops, gops_per_w;
  } whole, attention;
};
struct ReportComparison {
  struct Machine {
    std::string name, tag, how;  // tag: simulated, analytic, measured, published, corrected, scaled
    std::vector<std::string> notes;
  };
  std::string file, command, normalize;
  std::vector<Machine> machines;  // the first is the reference, 1.0
  std::vector<std::string> workloads;
  std::vector<ReportComparedPair> pairs;
};

struct ReportEvaluation {
  std::string file;
  JsonDocument document;  // the whole file, checked by read_evaluation.h
};

struct ReportSweep {
  struct Point {
    Design design;
    std::uint32_t workload = 0, reason = 0;
    PointStatus status = PointStatus::kFailed;
    bool pareto = false;
    std::vector<double> totals;   // by metric; NaN: not measured
    std::vector<AxisValue> tied;  // by key of `tied`
  };
  std::string file;
  std::vector<Axis> axes;
  std::vector<std::string> tied;  // keys whose values follow from the axes
  // What a point is run again with; "" and empty where the file does not say.
  std::string base;
  std::string mapping;                                // the file that axes change; "": none
  std::vector<std::string> settings, workload_files;  // key=value; by workload
  bool numerics = false;
  std::vector<Objective> objectives;
  std::vector<std::string> constraints, workloads, metrics, reasons;  // reasons[0] is ""
  std::vector<Point> points;
  std::vector<ConvergenceStep> convergence;  // empty in files of older programs
};

struct ReportInput {
  std::vector<ReportResult> results;
  std::vector<ReportComparison> comparisons;
  std::vector<ReportEvaluation> evaluations;
  std::vector<ReportSweep> sweeps;
};

// Reads all of them. Throws InputError.
ReportInput read_report_inputs(const std::vector<std::string>& paths);
// Adds one document, as if read from `file`.
void add_report_document(std::string text, const std::string& file, ReportInput& input);

}  // namespace vitality
