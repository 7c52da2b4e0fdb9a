// The request of a `vitality run`: what decides the result, and where the outputs go.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/progress_line.h"
#include "sim/simulate.h"

namespace vitality::cli {

struct RunRequest {
  // What decides the result.
  std::string config, workload;
  std::vector<std::string> overrides;  // --set
  bool training = false;               // --mode
  bool numerics = true;
  std::uint64_t seed = 1;
  std::string inputs, layers;  // "" = none, all
  bool allow_seeded = false;   // weights that `inputs` lacks come from the seed
  std::string mapping;         // file; "" = the search's
  int images = 1;
  int search_budget = kSearchBudget;
  std::string checkpoint;  // of the mapping search; "" = none
  // Where the outputs go.
  std::string result, csv, trace, vcd, dram_commands;  // "" = not written
  std::string mapping_out;                             // the mapping that was used
  std::string outputs, outputs_of;                     // folder for layers' outputs; their pattern ("" = last)
  bool what_if = false;
  bool check = false;  // checks the schedule before it runs; changes no result
  bool quiet = false;
  ProgressMode progress = ProgressMode::kAuto;

  // Arguments that ask for the same result again, in a fixed order.
  std::vector<std::string> arguments() const;
};

// Returns false if --help was printed. Throws InputError for words that are wrong or ask for what this version does not
// have.
bool parse_run(const Arguments& arguments, RunRequest& request);

// `vitality SUBCOMMAND ...`, quoted as a shell needs it.
std::string command_line(const std::string& subcommand, const std::vector<std::string>& arguments);

}  // namespace vitality::cli
