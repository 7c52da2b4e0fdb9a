// The program's outside: help, version, exit codes, misspelt commands and options, validate and list.
#include "tests/support/program.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <sstream>

using namespace vitality::test;
using Catch::Contains;

TEST_CASE("help and version") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--help"}, {"-h"}, {"validate", "--help"}, {"list", "--help"}, {"validate", "x.json", "-h"}}) {
    const ProgramResult result = run_program(arguments);
    CHECK(result.exit_code == 0);
    CHECK_THAT(result.out, Contains("usage: vitality"));
    CHECK(result.err.empty());
  }
  const std::string version = run_program({"--version"}).out;
  CHECK(version == "vitality 0.1.0\n");
  for (const char* command : {"run", "rerun", "attention", "compare", "dram", "gemm", "sweep", "merge", "train",
                              "report", "validate", "list"}) {
    const ProgramResult result = run_program({command, "--version"}, "/");
    INFO(command);
    CHECK(result.exit_code == 0);
    CHECK(result.out == version);
    CHECK(result.err.empty());
  }
}

TEST_CASE("help prints default numbers in their fewest digits") {
  const std::string help = run_program({"train", "--help"}).out;
  CHECK_THAT(help, Contains("(=0.005)") && Contains("(default: 0.02)") && Contains("(=0.3)") && !Contains("0000"));
}

TEST_CASE("nothing but the program's own text is printed: no SystemC banner") {
  unsetenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE");
  const ProgramResult result = run_program({"--version"});
  CHECK(result.err.empty());
  CHECK(result.out.size() < 40);
}

TEST_CASE("wrong command lines exit with 2 and say what was meant") {
  struct Case {
    std::vector<std::string> arguments;
    std::string expected;
  };
  for (const Case& c : std::vector<Case>{
           {{"valdate"}, "error: unknown command \"valdate\" (did you mean \"validate\"?)"},
           {{"lits"}, "did you mean \"list\"?"},
           {{""}, "error: unknown command \"\""},
           {{"--verison"}, "error: unknown option \"--verison\""},
           {{"validate"}, "error: expected one file or more"},
           {{"validate", "--sett", "a=b"}, "error: unknown option --sett (did you mean \"--set\"?)"},
           {{"validate", "--se", "a=b"}, "error: unknown option --se"},
           {{"validate", "-x"}, "error: unknown option -x"},
           {{"validate", "x.json", "--set"}, "error: the required argument for option '--set' is missing"},
           {{"list"}, "error: expected one of workloads, configs, operators"},
           {{"list", "config"}, "did you mean \"configs\"?"},
           {{"list", "configs", "workloads"}, "error: expected one of"},
           {{"list", "configs", "--dir", "/nonexistent"}, "error: /nonexistent/configs: no such folder"},
           {{"list", "configs", "--dir", ".", "--dir", "."}, "error: "}}) {
    const ProgramResult result = run_program(c.arguments);
    INFO(c.expected);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Contains(c.expected));
  }
  const ProgramResult nothing = run_program({});
  CHECK(nothing.exit_code == 2);
  CHECK_THAT(nothing.err, Contains("usage: vitality"));
}

TEST_CASE("validate: every shipped file is in order, from any folder") {
  namespace fs = std::filesystem;
  std::vector<std::string> arguments{"validate"};
  for (const char* folder : {"configs", "configs/memory", "configs/energy", "workloads"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(VITALITY_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == ".json") arguments.push_back(entry.path().string());
    }
  }
  const ProgramResult result = run_program(arguments, "/");
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(static_cast<std::size_t>(std::count(result.out.begin(), result.out.end(), '\n')) == arguments.size() - 1);
  CHECK(arguments.size() > 20);
}

TEST_CASE("validate: overrides are checked too") {
  const ProgramResult good = run_program({"validate", "configs/vitality.json", "--set", "matrix_engine.rows=32"});
  CHECK(good.exit_code == 0);
  const ProgramResult bad = run_program({"validate", "configs/vitality.json", "--set", "matrix_engine.rows=0"});
  CHECK(bad.exit_code == 2);
  CHECK(bad.err ==
        "error: --set matrix_engine.rows=0: /matrix_engine/rows: expected an integer from 1 to 4096, found 0\n");
}

TEST_CASE("list") {
  const ProgramResult workloads = run_program({"list", "workloads"});
  CHECK(workloads.exit_code == 0);
  CHECK_THAT(workloads.out, Contains("deit_tiny") && Contains("5717416") && Contains("1253683200"));
  CHECK_THAT(run_program({"list", "configs"}).out, Contains("vitality_overlapped") && Contains("dense_softmax") &&
                                                       Contains("sanger") && Contains("vitcod") && Contains("salo"));
  CHECK_THAT(run_program({"list", "operators"}).out, Contains("conv2d") && Contains("unfold"));
}

TEST_CASE("a full disk behind standard output is an error") {
  CHECK(std::system((std::string(VITALITY_PROGRAM) + " --version > /dev/full 2> /dev/null").c_str()) == 1 << 8);
}

TEST_CASE("list operators names exactly the machines and kinds of attention that run") {
  std::istringstream text(run_program({"list", "operators"}).out);
  std::map<std::string, std::string> machines;  // kind -> the line's rest
  std::string line, training;
  while (std::getline(text, line) && line.find("that `run` takes") == std::string::npos) {
  }
  while (std::getline(text, line) && line.find("`run --mode training` takes") == std::string::npos)
    if (line.size() > 12) machines[line.substr(2, line.find(' ', 2) - 2)] = line.substr(12);
  while (std::getline(text, line)) training += line + "\n";
  const auto names = [](const std::string& list, const std::string& word) {
    std::istringstream words(list);
    for (std::string w; words >> w;)
      if (w.substr(0, w.find_first_of(",;")) == word) return true;
    return false;
  };
  const std::map<std::string, std::string> files{{"vitality", "vitality_training"},
                                                 {"dense", "dense_softmax"},
                                                 {"sanger", "sanger"},
                                                 {"vitcod", "vitcod"},
                                                 {"salo", "salo"},
                                                 {"spatten", "spatten"},
                                                 {"elsa", "elsa"},
                                                 {"dota", "dota"},
                                                 {"roofline", "gpu_h100"}};
  for (const auto& [kind, file] : files) {
    REQUIRE(machines.count(kind) == 1);
    for (const char* attention :
         {"softmax", "taylor", "taylor_elided", "taylor_released", "sparse", "unified", "unified_additive", "auto"}) {
      const std::vector<std::string> words{"--config", "configs/" + file + ".json", "--workload",
                                           "workloads/tiny_vit.json", "--set", std::string("attention=") + attention,
                                           "--numerics", "off", "--quiet",
                                           // What the unit needs, where the machine may have one.
                                           "--set", "sparse_unit.enabled=true"};
      std::vector<std::string> run{"run"};
      const bool unit = kind == "vitality" || kind == "dense";
      run.insert(run.end(), words.begin(), words.end() - (unit ? 0 : 2));
      INFO(kind << " " << attention);
      CHECK((run_program(run).exit_code == 0) == names(machines[kind], attention));
      if (kind != "vitality") continue;
      run.insert(run.end(), {"--mode", "training"});
      CHECK((run_program(run).exit_code == 0) == names(training, attention));
    }
  }
}

TEST_CASE("list tensors names every tensor of a workload with its shape and layout") {
  const ProgramResult result = run_program({"list", "tensors", "--workload", "workloads/tiny_vit.json"});
  REQUIRE(result.exit_code == 0);
  CHECK_THAT(result.out, Contains("input ") && Contains("(1024, 3)") && Contains("pixels x channels"));
  CHECK_THAT(result.out, Contains("blocks.0.attn.qkv.weight") && Contains("inputs x outputs") && Contains("C order"));
  CHECK(run_program({"list", "tensors"}).exit_code == 2);
  CHECK(run_program({"list", "configs", "--workload", "workloads/tiny_vit.json"}).exit_code == 2);
}
