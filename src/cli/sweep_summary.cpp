#include "cli/sweep_summary.h"

#include <fmt/core.h>

#include <iostream>

#include "base/text.h"
#include "cli/cli.h"

namespace vitality::cli {

std::string summary_text(const ExportSummary& s, const std::string& directory) {
  std::string text = fmt::format("{} rows: {} ok, {} infeasible, {} failed, {} timed out; {} on the Pareto front",
                                 s.rows(), s.ok, s.infeasible, s.failed, s.timeout, s.pareto);
  if (s.missing > 0) text += fmt::format("; {} not simulated yet", s.missing);
  return text + fmt::format("\n{0}/results.csv {0}/pareto.csv {0}/results.json\n", harmless(directory));
}

int judge_summary(const ExportSummary& s, const std::string& directory, bool is_shard) {
  if (s.ok > 0 || s.rows() == 0 || is_shard) return kDone;
  std::cout.flush();
  std::cerr << fmt::format(
      "error: {}: not one of {} points is ok ({} infeasible, {} failed, {} timed out); most frequent reason: {}\n",
      harmless(directory), s.rows(), s.infeasible, s.failed, s.timeout, harmless(s.most_frequent_reason()));
  return s.infeasible > 0 ? kInfeasible : kInternalError;
}

}  // namespace vitality::cli
