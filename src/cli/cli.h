// The program's subcommands: one file each, all with the same signature, listed in the table of commands.cpp.
//
// A subcommand gets the words after its own name, prints to stdout, and returns an exit code. It throws InputError for
// bad input (exit 2) and InfeasibleError for a workload that does not fit the machine (exit 4); main.cpp turns them
// into `error: ...` on stderr. Any other exception is an internal error (exit 1).
#pragma once

#include <string>
#include <vector>

namespace vitality::cli {

using Arguments = std::vector<std::string>;

enum ExitCode {
  kDone = 0,
  kInternalError = 1,
  kBadInput = 2,
  kOutsideTolerance = 3,
  kInfeasible = 4,
  kInterrupted = 130
};

int attention_command(const Arguments& arguments);
int compare_command(const Arguments& arguments);
int dram_command(const Arguments& arguments);
int evaluate_command(const Arguments& arguments);
int gemm_command(const Arguments& arguments);
int import_command(const Arguments& arguments);
int list_command(const Arguments& arguments);
int merge_command(const Arguments& arguments);
int new_command(const Arguments& arguments);
int report_command(const Arguments& arguments);
int rerun_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int schema_command(const Arguments& arguments);
int sweep_command(const Arguments& arguments);
int train_command(const Arguments& arguments);
int validate_command(const Arguments& arguments);

struct Command {
  const char* name;
  int (*run)(const Arguments&);
  const char* summary;
};
// Every subcommand that this program has, in the order of --help.
const std::vector<Command>& commands();

// argv[1..] of the program: finds the subcommand (or --help, --version), runs it, reports its exceptions, returns the
// exit code.
int run_program(const Arguments& arguments);

}  // namespace vitality::cli
