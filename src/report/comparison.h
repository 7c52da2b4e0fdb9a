// Several machines compared on the same models: what `vitality compare` measured, relative to the first machine (=
// 1.0), and its tables.
//
// Numbers that are not known are NaN: empty in tables, null in JSON. Every number of a pair carries the tag of its
// machine: where it comes from (provenance), or "scaled" when the machine was resized to the first one's budget.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "explore/evaluate.h"

namespace vitality {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// The whole model, or its attention layers alone.
struct ComparedScope {
  double latency_ms = kUnknown, energy_mj = kUnknown, gops = kUnknown, gops_per_w = kUnknown, utilization = kUnknown,
         macs = kUnknown;
  double on_chip_energy_mj = kUnknown;  // without the memory's; known for simulated machines
  // Relative to the first machine on the same model; a value above 1 is better than the first machine.
  double speedup = kUnknown;
  double efficiency_gain = kUnknown;  // energy of the first / energy of this one: inferences per joule
  double on_chip_gain = kUnknown;     // the same for the energy on chip
  EnergyClasses energy;               // zero where the machine is not simulated
  std::array<double, 2> energy_range_mj{kUnknown, kUnknown};  // around energy_mj, as a result's energy_mj_range
  // Low and high end of both gains, prices of both machines off in the same direction (config/energy_range.h).
  std::array<double, 2> efficiency_range{kUnknown, kUnknown}, on_chip_range{kUnknown, kUnknown};
};

struct ComparedPair {
  std::size_t machine = 0, workload = 0;
  PointStatus status = PointStatus::kFailed;
  std::string reason;            // "" when ok
  std::string attention_reason;  // why attention alone is unknown though the pair ran; "" when it is known
  ComparedScope whole, attention;
  double power_w = kUnknown;
  // Shares of the attention maps' entries: executed, and kept by the predictor; unknown where nothing is masked.
  double density = kUnknown, kept_density = kUnknown;
  double attention_error =
      kUnknown;                    // largest error of a layer's attention against exact softmax, over its largest value
  bool outside_tolerance = false;  // the machine's values against the reference of its own algorithm
};

struct ComparedMachine {
  std::string name, file;
  std::string tag;                 // "simulated", "analytic", "measured", "published", "corrected" or "scaled"
  std::string how;                 // in words: how the numbers came about, what was resized
  std::vector<std::string> notes;  // what the reader must know to use the numbers
  double area_mm2 = kUnknown, peak_gops = kUnknown;
  EnergyFactors factors{};  // how far its prices may be off
  std::string dram;         // its memory's device
  // Geometric means over the models that both this machine and the first could run.
  std::size_t compared_models = 0;
  double speedup = kUnknown, efficiency_gain = kUnknown, on_chip_gain = kUnknown, attention_speedup = kUnknown,
         attention_efficiency_gain = kUnknown, attention_on_chip_gain = kUnknown;
  // Of the models' ranges: geometric means of the low and of the high ends.
  std::array<double, 2> efficiency_range{kUnknown, kUnknown}, on_chip_range{kUnknown, kUnknown};
};

struct Comparison {
  std::string command, normalize = "none";
  bool numerics = true;
  std::uint64_t seed = 1;
  bool random_weights = true;  // some weights are random numbers made from the seed
  std::string reference;       // of tables that show a part: the machine that is 1.0; "": the first
  std::vector<ComparedMachine> machines;
  std::vector<std::string> workloads;
  std::vector<ComparedPair> pairs;  // ordered by machine: pairs[machine * workloads + workload]

  ComparedPair& pair(std::size_t machine, std::size_t workload) { return pairs[machine * workloads.size() + workload]; }
  const ComparedPair& pair(std::size_t machine, std::size_t workload) const {
    return pairs[machine * workloads.size() + workload];
  }
};

// Copies what a run measured into a pair.
void fill_pair(const PointResult& result, ComparedPair& pair);
// Fills the attention part from a run of only the attention layers; unknown if that run failed.
void fill_attention(const PointResult& result, ComparedPair& pair);
// Computes everything that is relative to the first machine, and the means.
void complete(Comparison& comparison);

// What the tables for people show of a comparison.
struct TableView {
  std::vector<std::string> columns;   // of comparison_columns(), in this order; empty: the format's own
  std::vector<std::string> machines;  // by name, in this order; empty: all
  std::vector<std::string> labels;    // what these machines are called, one each; empty: their names
  std::string caption;                // of LaTeX: before what a table shows
};
const std::vector<std::string>& comparison_columns();
// Throws InputErrors that name the options --columns, --machines and --labels.
void check_view(const TableView& view, const std::vector<std::string>& machine_names);

std::string comparison_text(const Comparison& comparison, const TableView& view = {});
std::string comparison_csv(const Comparison& comparison);  // one row per pair and scope
std::string comparison_markdown(const Comparison& comparison, const TableView& view = {});
// Floats of tables for a two-column article (packages booktabs and graphicx); a table of up to six columns takes one
// column of the page, a wider one both. What is still too wide is scaled to fit, so no box is overfull.
std::string comparison_latex(const Comparison& comparison, const TableView& view = {});
std::string comparison_json(const Comparison& comparison);  // schema_version 1, each number {"value", "tag"}

}  // namespace vitality
