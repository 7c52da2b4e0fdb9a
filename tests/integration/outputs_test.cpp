// Outputs, signals and names of the built program: what no unit test sees.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/program.h"

namespace vitality::test {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using Json = nlohmann::json;

std::vector<std::string> files_under(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    names.push_back(fs::relative(entry.path(), folder).string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> quick_run(std::vector<std::string> more) {
  std::vector<std::string> words{
      "run", "--config", "configs/vitality.json", "--workload", "workloads/tiny_vit.json", "--numerics", "off"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Starts the program, sends it the signal as soon as `ready` says so; the exit code, -1 where a signal killed it.
template <class Ready>
int interrupted(const std::vector<std::string>& words, int number, const Ready& ready) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(number, SIG_DFL);
    if (std::freopen("/dev/null", "w", stdout) == nullptr || std::freopen("/dev/null", "w", stderr) == nullptr)
      _exit(127);
    std::string program = VITALITY_PROGRAM;
    std::vector<std::string> copies = words;
    std::vector<char*> arguments{program.data()};
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    alarm(120);
    if (chdir(VITALITY_SOURCE_DIR) == 0) execv(program.c_str(), arguments.data());
    _exit(127);
  }
  int status = 0;
  while (!ready(child) && waitpid(child, &status, WNOHANG) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(child, number);
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("outputs: no command writes over what it reads") {
  const ScratchFolder folder;
  const auto copy = [&](const char* from, const char* to) {
    fs::copy_file(std::string(VITALITY_SOURCE_DIR) + "/" + from, folder.path(to));
    return folder.path(to);
  };
  const std::string config = copy("configs/vitality.json", "c.json"),
                    workload = copy("workloads/tiny_vit.json", "w.json");
  const std::string trace = folder.write("t.txt", "R 0x0\n");
  REQUIRE(run_program(quick_run({"--quiet", "--result", folder.path("r.json")})).exit_code == 0);
  const std::string result = folder.path("r.json");
  fs::create_symlink("c.json", folder.path("link"));
  struct Case {
    std::string kept;
    std::vector<std::string> words;
  };
  const std::vector<std::string> run{"run", "--config", config, "--workload", workload, "--numerics", "off"};
  const auto with = [](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::vector<Case> cases{
      {config, with(run, {"--result", config})},
      {config, with(run, {"--trace", folder.path("link")})},
      {workload, with(run, {"--vcd", workload})},
      {config, {"compare", "--config", config, "--workload", workload, "--numerics", "off", "--json", config}},
      {result, {"report", result, "--html", result}},
      {trace, {"dram", "--config", config, "--trace", trace, "--result", trace}},
      {config, {"gemm", "--m", "4", "--k", "4", "--n", "4", "--config", config, "--result", config}},
      {workload, {"train", "--workload", workload, "--steps", "1", "--losses", workload}},
  };
  for (const Case& c : cases) {
    INFO(c.words[0] << " " << c.words.back());
    const std::string before = read_text(c.kept);
    const auto files = files_under(folder.path());
    const ProgramResult ended = run_program(c.words);
    CHECK(ended.exit_code == 2);
    CHECK_THAT(ended.err, Contains("reads the same file"));
    CHECK(read_text(c.kept) == before);
    CHECK(files_under(folder.path()) == files);
  }
}

TEST_CASE("outputs: - is standard output and carries nothing else") {
  const ScratchFolder folder;
  for (const std::string name : {"-", "/dev/stdout"}) {
    const ProgramResult run = run_program(quick_run({"--result", name}));
    CHECK(run.exit_code == 0);
    CHECK(Json::parse(run.out)["mode"] == "inference");
    const ProgramResult compared = run_program({"compare", "--config", "configs/vitality.json", "--workload",
                                                "workloads/tiny_vit.json", "--numerics", "off", "--json", name});
    CHECK(compared.exit_code == 0);
    CHECK(Json::parse(compared.out).contains("pairs"));
    const ProgramResult gemm = run_program({"gemm", "--m", "4", "--k", "4", "--n", "4", "--result", name});
    CHECK(Json::parse(gemm.out)["macs"] == 64);
  }
  const ProgramResult twice = run_program(quick_run({"--result", "-", "--trace", "/dev/stdout"}));
  CHECK(twice.exit_code == 2);
  CHECK(twice.out.empty());
}

TEST_CASE("outputs: train and report end with 130 at a signal and leave nothing half-written") {
  const int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  const ScratchFolder folder;
  // The first kind of attention is done and its weights are there; the next ones are on their way.
  const int trained =
      interrupted({"train", "--steps", "40", "--test-images", "40", "--attention", "taylor", "--attention", "unified",
                   "--attention", "softmax", "--save-weights", folder.path("w"), "--losses", folder.path("l.csv")},
                  number, [&](pid_t) { return fs::exists(folder.path("w/taylor/input.npy")); });
  CHECK(trained == 130);
  CHECK_FALSE(fs::exists(folder.path("l.csv")));
  CHECK(fs::exists(folder.path("w/taylor/head.weight.npy")));
  for (const std::string& name : files_under(folder.path())) CHECK(name.find(".part") == std::string::npos);
}

TEST_CASE("outputs: a tiny checked run fits 300 MB of addresses, and says when it has too few") {
  const auto limited = [](long kib) {
    const std::string line = "ulimit -v " + std::to_string(kib) + "; exec '" + VITALITY_PROGRAM + "' run --config '" +
                             VITALITY_SOURCE_DIR + "/configs/vitality.json' --workload '" + VITALITY_SOURCE_DIR +
                             "/workloads/deit_base.json' --quiet >/dev/null 2>&1";
    return WEXITSTATUS(std::system(line.c_str()));
  };
  const std::string tiny = std::string("ulimit -v 300000; exec '") + VITALITY_PROGRAM + "' run --config '" +
                           VITALITY_SOURCE_DIR + "/configs/vitality.json' --workload '" + VITALITY_SOURCE_DIR +
                           "/workloads/tiny_vit.json' --quiet";
  CHECK(std::system(tiny.c_str()) == 0);
  CHECK(limited(50000) == 1);
}

TEST_CASE("names: escape sequences and formulas in a config's name stay text") {
  const ScratchFolder folder;
  Json config = Json::parse(read_text(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json"));
  config["name"] = "=1+1\x1b[31m\nerror: forged \xe2\x80\xae";
  Json workload = Json::parse(read_text(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json"));
  workload["name"] = "@model\x07";
  folder.write("c.json", config.dump());
  folder.write("w.json", workload.dump());
  const ProgramResult run = run_program({"run", "--config", folder.path("c.json"), "--workload", folder.path("w.json"),
                                         "--numerics", "off", "--result", folder.path("r.json")});
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, Contains("=1+1\\x1b[31m\\nerror: forged \\u{202e}"));
  const ProgramResult compared =
      run_program({"compare", "--config", folder.path("c.json"), "--workload", folder.path("w.json"), "--numerics",
                   "off", "--csv", folder.path("c.csv")});
  CHECK(compared.exit_code == 0);
  for (const std::string& text : {run.out, run.err, compared.out, compared.err, read_text(folder.path("c.csv"))}) {
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
    CHECK(text.find("\nerror: forged") == std::string::npos);
  }
  CHECK_THAT(read_text(folder.path("c.csv")), Contains("\n'@model\\x07,'=1+1\\x1b[31m"));
  // In an error too: the name of a file that is not there.
  const ProgramResult missing = run_program({"validate", "no\x1b]0;title\x07"});
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, Contains("no\\x1b]0;title\\x07"));
}

}  // namespace vitality::test
