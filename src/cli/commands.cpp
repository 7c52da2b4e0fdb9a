// The table of subcommands, and what is done before and after each of them.
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/vectorised.h"
#include "cli/cli.h"
#include "cli/options.h"

namespace vitality::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> table{
      {"run", run_command, "simulate a model on a machine: cycles, energy, checked values"},
      {"rerun", rerun_command, "repeat a run from its result and say whether every byte agrees"},
      {"attention", attention_command, "attention problems from .npy files, values only"},
      {"compare", compare_command, "machines side by side on the same models, in parallel"},
      {"dram", dram_command, "replays a memory trace on the DRAM model"},
      {"gemm", gemm_command, "compute cycles of one GEMM on the matrix engine"},
      {"sweep", sweep_command, "simulate the design points of a spec, in parallel, into a store"},
      {"merge", merge_command, "join the shards of a sweep"},
      {"train", train_command, "train a small model on a synthetic task with each kind of attention"},
      {"import", import_command, "make a workload and its weights of an ONNX graph or a .safetensors file"},
      {"evaluate", evaluate_command, "accuracy of a trained model on images, in the reference and on a machine"},
      {"report", report_command, "results, comparisons and sweeps as one HTML page and as figures"},
      {"schema", schema_command, "print the JSON Schema of a config, workload, sweep spec or result"},
      {"new", new_command, "write a start for a machine or a model of your own, with a word on each key"},
      {"validate", validate_command, "check configs, workloads and sweep specs; print OK or every error"},
      {"list", list_command, "list the workloads, configs, operators, or the tensors of a workload"},
  };
  return table;
}

namespace {

void print_help(std::ostream& out) {
  out << "vitality: a transaction-level simulator of the ViTALiTy accelerator and its baselines\n\n"
         "usage: vitality COMMAND [OPTIONS]\n\ncommands:\n";
  for (const Command& command : commands()) {
    out << "  " << command.name << std::string(12 - std::string(command.name).size(), ' ') << command.summary << "\n";
  }
  out << "\nvitality COMMAND --help describes the options of a command; --version prints the version.\n"
         "exit codes: 0 done, 1 internal error, 2 bad input, 3 values outside tolerance, 4 infeasible, 130 "
         "interrupted\n";
}

int dispatch(const Arguments& arguments) {
  if (arguments.empty()) {
    print_help(std::cerr);
    return kBadInput;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(std::cout);
    return kDone;
  }
  if (name == "--version") {
    print_version();
    return kDone;
  }
  if (name == kListOptions && arguments.size() == 1) {
    for (const Command& command : commands()) std::cout << command.name << "\t" << command.summary << "\n";
    return kDone;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (name == command.name) return command.run(Arguments(arguments.begin() + 1, arguments.end()));
    names.push_back(command.name);
  }
  const bool option = !name.empty() && name[0] == '-';
  throw InputError("", "",
                   std::string("unknown ") + (option ? "option" : "command") + " \"" + name + "\"" +
                       (option ? ", expected a command (see vitality --help)" : suggestion(name, names)));
}

int report(const std::string& text, int code) {
  std::cout.flush();
  std::cerr << "error: " << harmless(text) << std::endl;
  return code;
}

}  // namespace

int run_program(const Arguments& arguments) {
  exit_on_interrupt();
  exit_when_memory_runs_out();
  try {
    check_instruction_set();
    const int code = dispatch(arguments);
    std::cout.flush();
    // A full disk or a closed pipe behind stdout must not look like success.
    if (code == kDone && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout))
      return report("cannot write to standard output", kInternalError);
    return code;
  } catch (const InputError& error) {
    return report(error.what(), kBadInput);
  } catch (const InfeasibleError& error) {
    return report(error.what(), kInfeasible);
  } catch (const EnvironmentError& error) {
    return report(error.what(), kInternalError);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kInternalError);
  } catch (const std::exception& error) {
    // SystemC turns an exception of a simulation's process into a report of its own, and keeps only its text.
    if (std::strstr(error.what(), "bad_alloc") != nullptr) return report("out of memory", kInternalError);
    return report(std::string("internal error: ") + error.what(), kInternalError);
  } catch (...) {
    return report("internal error of unknown kind", kInternalError);
  }
}

}  // namespace vitality::cli
