// `vitality sweep` and `merge` from outside: tables, kills, shards, refusals.
#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;

namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;

long lines_of(const std::string& path) {
  const std::string text = read_text(path);
  return std::count(text.begin(), text.end(), '\n');
}

// 48 points of a small model.
std::string spec_text(const std::string& more = "") {
  return "{\"base\": \"" + kRoot + "/configs/vitality.json\", \"workloads\": [\"" + kRoot +
         "/workloads/tiny_vit.json\"], \"axes\": {\"matrix_engine.rows\": [8, 16, 32, 64], "
         "\"matrix_engine.cols\": [16, 32, 64], \"dram.channels\": [1, 2], \"dividers.initiation_interval\": [1, 4]}" +
         more + "}";
}

pid_t start(const std::vector<std::string>& words) {
  const pid_t child = fork();
  if (child != 0) return child;
  setpgid(0, 0);
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  std::string program = VITALITY_PROGRAM;
  std::vector<std::string> copies = words;
  std::vector<char*> arguments{program.data()};
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  _exit(127);
}

std::vector<pid_t> children_of(pid_t parent) {
  const std::string number = std::to_string(parent);
  std::ifstream in("/proc/" + number + "/task/" + number + "/children");
  return {std::istream_iterator<pid_t>(in), {}};
}

// Kills children (generation 0) or their children (1) of a program, a limited number of times, until it ends; its exit
// code.
int kill_descendants(pid_t program, int times, std::chrono::milliseconds pause, int generation) {
  int status = 0;
  for (std::size_t turn = 0; waitpid(program, &status, WNOHANG) == 0;) {
    std::vector<pid_t> victims = children_of(program);
    if (generation == 1) {
      std::vector<pid_t> below;
      for (const pid_t child : victims)
        for (const pid_t grandchild : children_of(child)) below.push_back(grandchild);
      victims = below;
    }
    if (times > 0 && !victims.empty() && kill(victims[turn++ % victims.size()], SIGKILL) == 0) --times;
    std::this_thread::sleep_for(std::max<std::chrono::microseconds>(pause, std::chrono::microseconds(200)));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("sweep: machines with several units, the same bytes for any number of jobs") {
  const ScratchFolder folder;
  const std::string spec =
      folder.write("spec.json", "{\"base\": \"" + kRoot + "/configs/vitality.json\", \"workloads\": [\"" + kRoot +
                                    "/workloads/tiny_vit.json\"], \"axes\": {\"matrix_engine.count\": [1, 2, 3], "
                                    "\"matrix_engine.rows\": [8, 16], \"dividers.count\": [1, 3]}}");
  for (const std::string jobs : {"1", "4"}) {
    const ProgramResult run =
        run_program({"sweep", "--spec", spec, "--out", folder.path(jobs), "--jobs", jobs, "--quiet"});
    INFO(run.err);
    CHECK(run.exit_code == 0);
  }
  const std::string table = read_text(folder.path("1/results.csv"));
  CHECK(std::count(table.begin(), table.end(), '\n') == 13);
  CHECK(table.find("failed") == std::string::npos);
  CHECK(table == read_text(folder.path("4/results.csv")));
}

TEST_CASE("sweep: tables, a second run for nothing, shards and merge, all the same bytes") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  const ProgramResult first = run_program({"sweep", "--spec", spec, "--out", folder.path("one"), "--jobs", "1"});
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(first.err.empty());  // no progress line in a pipe
  CHECK_THAT(first.out, Contains("48 points simulated") && Contains("48 rows: 48 ok"));
  CHECK(lines_of(folder.path("one/results.csv")) == 49);
  CHECK(lines_of(folder.path("one/pareto.csv")) > 1);
  CHECK_THAT(
      read_text(folder.path("one/results.csv")),
      Catch::StartsWith(
          "matrix_engine.rows,matrix_engine.cols,dram.channels,dividers.initiation_interval,workload,status,reason,"
          "cycles,latency_ms,energy_mj,"));
  const ProgramResult again =
      run_program({"sweep", "--spec", spec, "--out", folder.path("one"), "--progress", "always"});
  CHECK_THAT(again.out, Contains("0 points simulated"));
  CHECK_THAT(again.err, Contains("points"));

  std::vector<std::string> merge{"merge", "--out", folder.path("merged"), "--quiet"};
  for (const std::string i : {"0", "1", "2"}) {
    const ProgramResult shard = run_program(
        {"sweep", "--spec", spec, "--out", folder.path("shard" + i), "--shard", i + "/3", "--quiet", "--jobs", "3"});
    CHECK(shard.exit_code == 0);
    CHECK(shard.out.empty());
    merge.push_back(folder.path("shard" + i));
  }
  CHECK(run_program(merge).exit_code == 0);
  for (const std::string table : {"results.csv", "pareto.csv", "convergence.csv", "results.json"})
    CHECK(read_text(folder.path("merged/" + table)) == read_text(folder.path("one/" + table)));
  merge.pop_back();
  merge[2] = folder.path("less");
  const ProgramResult missing = run_program(merge);
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, Contains("32 of 48 rows"));
}

TEST_CASE("sweep: fewer blocks or every block, the same bytes") {
  const ScratchFolder folder;
  const std::string spec = folder.write(
      "spec.json", "{\"base\": \"" + kRoot + "/configs/vitality.json\", \"workloads\": [\"" + kRoot +
                       "/workloads/deit_tiny.json\"], \"axes\": {\"matrix_engine.rows\": [24, 64], "
                       "\"scratchpad.capacity_kib\": [150, 200, 800], \"attention\": [\"taylor\", \"softmax\"]}}");
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("fewer")}).exit_code == 0);
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("every"), "--every-block"}).exit_code == 0);
  CHECK(lines_of(folder.path("fewer/results.csv")) == 13);
  CHECK(read_text(folder.path("fewer/results.csv")) == read_text(folder.path("every/results.csv")));
}

TEST_CASE("sweep: kill -9 at any moment, and SIGINT") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("whole")}).exit_code == 0);
  for (const int milliseconds : {20, 45, 60, 90}) {
    const pid_t child = start({"sweep", "--spec", spec, "--out", folder.path("killed")});
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(child, SIGKILL);  // the parent alone: its children must not outlive it or hold the folder
    waitpid(child, nullptr, 0);
  }
  const pid_t child = start({"sweep", "--spec", spec, "--out", folder.path("killed"), "--jobs", "1"});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  kill(-child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) ? WEXITSTATUS(status) == 130 || WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGINT));
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("killed")}).exit_code == 0);
  CHECK(read_text(folder.path("killed/results.csv")) == read_text(folder.path("whole/results.csv")));
}

TEST_CASE("sweep: workers that are killed from outside cost nothing") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("whole")}).exit_code == 0);
  const pid_t child = start({"sweep", "--spec", spec, "--out", folder.path("killed"), "--jobs", "2"});
  const int status = kill_descendants(child, 8, std::chrono::milliseconds(15), 0);
  CHECK(status == 0);
  CHECK(read_text(folder.path("killed/results.csv")) == read_text(folder.path("whole/results.csv")));
}

TEST_CASE("sweep: points that are killed whenever they run have no result, exit 1, and are computed by the next run") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text(", \"numerics\": \"check\""));
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", folder.path("whole")}).exit_code == 0);
  const pid_t child = start({"sweep", "--spec", spec, "--out", folder.path("killed"), "--jobs", "2"});
  CHECK(kill_descendants(child, 1 << 30, std::chrono::milliseconds(0), 1) == 1);
  CHECK(read_text(folder.path("killed/results.csv")).find("failed") == std::string::npos);
  const ProgramResult again = run_program({"sweep", "--spec", spec, "--out", folder.path("killed")});
  CHECK(again.exit_code == 0);
  CHECK(read_text(folder.path("killed/results.csv")) == read_text(folder.path("whole/results.csv")));
}

TEST_CASE("compare: a pair that is killed whenever it runs is reported with exit 1") {
  const pid_t child = start({"compare", "--config", kRoot + "/configs/vitality.json", "--config",
                             kRoot + "/configs/dense_softmax.json", "--workload", kRoot + "/workloads/deit_tiny.json"});
  CHECK(kill_descendants(child, 1 << 30, std::chrono::milliseconds(0), 0) == 1);
  const pid_t once = start({"compare", "--config", kRoot + "/configs/vitality.json", "--workload",
                            kRoot + "/workloads/deit_tiny.json", "--quiet"});
  CHECK(kill_descendants(once, 1, std::chrono::milliseconds(0), 0) == 0);
}

TEST_CASE("sweep: refusals exit with 2, say why, and write nothing") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  const std::string thousand = "{\"from\": 1, \"to\": 1000, \"steps\": 1000}";
  struct Case {
    std::string text, expected;
  };
  const std::string head = "{\"base\": \"" + kRoot + "/configs/vitality.json\", \"workloads\": [\"" + kRoot +
                           "/workloads/tiny_vit.json\"], ";
  for (const Case& c : std::vector<Case>{
           {spec_text(", \"sampelr\": {}"), "/sampelr"},
           {head + "\"axes\": {\"matrix_engine.rows\": []}}", "/axes/matrix_engine.rows: an axis without values"},
           {head + "\"axes\": {\"matrix_engin.rows\": [1]}}", "did you mean \"matrix_engine.rows\"?"},
           {head + "\"axes\": {\"matrix_engine.rows\": " + thousand + ", \"matrix_engine.cols\": " + thousand +
                ", \"dividers.lanes\": " + thousand + ", \"adders.lanes\": " + thousand + "}}",
            "1000000000000 points"},
           {"{", "error: "},
           {spec_text(", \"constraints\": [\"area_mm2 < \"]"), "/constraints/0"}}) {
    const std::string file = folder.write("bad.json", c.text);
    const ProgramResult result = run_program({"sweep", "--spec", file, "--out", folder.path("out")});
    INFO(c.expected);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: " + file) && Contains(c.expected));
    CHECK_FALSE(std::filesystem::exists(folder.path("out")));
  }
  for (const std::string shard : {"3/3", "-1/3", "1", "1/", "/3", "1/0", "a/b", "1/3x", ""})
    CHECK(run_program({"sweep", "--spec", spec, "--out", folder.path("out"), "--shard", shard}).exit_code == 2);
  CHECK(run_program({"sweep", "--spec", spec, "--out", folder.path("out"), "--jobs", "0"}).exit_code == 2);
  CHECK(run_program({"sweep", "--spec", spec}).exit_code == 2);
  CHECK(run_program({"sweep", "--spec", folder.path("none.json"), "--out", folder.path("out")}).exit_code == 2);
  CHECK(run_program({"merge", "--out", folder.path("out")}).exit_code == 2);
  CHECK(run_program({"merge", "--out", folder.path("out"), folder.path("none")}).exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(folder.path("out")));

  // A damaged store is refused and kept as it is.
  std::filesystem::create_directory(folder.path("damaged"));
  folder.write("damaged/results.sqlite", "SQLite format 3, or so it says");
  const ProgramResult damaged = run_program({"sweep", "--spec", spec, "--out", folder.path("damaged")});
  CHECK(damaged.exit_code == 2);
  CHECK_THAT(damaged.err, Contains("results.sqlite") && Contains("damaged"));
  CHECK(read_text(folder.path("damaged/results.sqlite")) == "SQLite format 3, or so it says");
  CHECK(run_program({"sweep", "--spec", spec, "--out", "/proc/nowhere"}).exit_code == 2);
}

TEST_CASE("sweep: constraints that nothing meets are reported as infeasible") {
  const ScratchFolder folder;
  const std::string spec = folder.write(
      "spec.json", spec_text(", \"constraints\": [\"matrix_engine.rows > 64\", \"matrix_engine.rows < 8\"]"));
  const ProgramResult result = run_program({"sweep", "--spec", spec, "--out", folder.path("out")});
  CHECK(result.exit_code == 4);
  CHECK_THAT(result.err,
             Contains("not one of 48 points is ok") && Contains("constraint not met: matrix_engine.rows > 64"));
  CHECK(lines_of(folder.path("out/results.csv")) == 49);
  CHECK(lines_of(folder.path("out/pareto.csv")) == 1);
}

TEST_CASE("sweep: two on one folder, the second is refused and the first unharmed") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  const pid_t first = start({"sweep", "--spec", spec, "--out", folder.path("out"), "--jobs", "1"});
  for (int tries = 0; tries < 500 && !std::filesystem::exists(folder.path("out/results.sqlite")); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  kill(first, SIGSTOP);  // so that it is still there
  const ProgramResult second = run_program({"sweep", "--spec", spec, "--out", folder.path("out")});
  CHECK(second.exit_code == 2);
  CHECK_THAT(second.err, Contains("another sweep or merge (process " + std::to_string(first) + ")"));
  kill(first, SIGCONT);
  int status = 0;
  waitpid(first, &status, 0);
  CHECK(status == 0);
  CHECK(lines_of(folder.path("out/results.csv")) == 49);
}

TEST_CASE("sweep: a full disk stops it with a reason, and what was stored goes on elsewhere") {
  const ScratchFolder folder;
  const std::string small = folder.path("small");
  std::filesystem::create_directory(small);
  if (mount("none", small.c_str(), "tmpfs", 0, "size=128k") != 0) {
    WARN("no small file system here (needs root): not tested");
    return;
  }
  const std::string spec = folder.write("spec.json", spec_text());
  const ProgramResult full = run_program({"sweep", "--spec", spec, "--out", small});
  CHECK(full.exit_code == 1);  // the environment's failure
  CHECK_THAT(full.err, Contains("error: " + small));
  std::filesystem::copy(small, folder.path("large"));
  umount(small.c_str());
  CHECK(run_program({"sweep", "--spec", spec, "--out", folder.path("large")}).exit_code == 0);
  CHECK(lines_of(folder.path("large/results.csv")) == 49);
}

TEST_CASE("sweep: a read-only folder is refused, and its results can be read and merged") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  const std::string medium = folder.path("medium 100%?#");
  std::filesystem::create_directory(medium);
  if (mount("none", medium.c_str(), "tmpfs", 0, "size=8m") != 0) {
    WARN("no file system to make read-only here (needs root): not tested");
    return;
  }
  const std::string done = medium + "/done", killed = medium + "/killed";
  CHECK(run_program({"sweep", "--spec", spec, "--out", done, "--quiet"}).exit_code == 0);
  std::filesystem::create_directory(killed);
  std::filesystem::copy(done + "/results.sqlite", killed + "/results.sqlite");
  std::ofstream(killed + "/results.sqlite-wal") << "what a killed sweep leaves";
  REQUIRE(mount("none", medium.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=8m") == 0);

  const ProgramResult again = run_program({"sweep", "--spec", spec, "--out", done});
  CHECK(again.exit_code == 2);
  CHECK_THAT(again.err, Contains("error: " + done) && Contains("read-only"));
  const ProgramResult fresh = run_program({"sweep", "--spec", spec, "--out", medium + "/new"});
  CHECK(fresh.exit_code == 2);
  CHECK_THAT(fresh.err, Contains("can't make this folder: Read-only file system"));
  CHECK(run_program({"merge", "--out", folder.path("copy"), done, "--quiet"}).exit_code == 0);
  CHECK(read_text(folder.path("copy/results.csv")) == read_text(done + "/results.csv"));
  CHECK(run_program({"report", done, "--html", folder.path("page.html")}).exit_code == 0);
  const ProgramResult unclean = run_program({"report", killed, "--html", folder.path("page.html")});
  CHECK(unclean.exit_code == 2);
  CHECK_THAT(unclean.err, Contains("copy the folder"));
  umount(medium.c_str());
}

TEST_CASE("sweep: a dry run lists the points and estimates, and stores nothing") {
  const ScratchFolder folder;
  const std::string spec = folder.write("spec.json", spec_text());
  const ProgramResult dry =
      run_program({"sweep", "--spec", spec, "--out", folder.path("out"), "--dry-run", "--shard", "1/4"});
  CHECK(dry.exit_code == 0);
  CHECK(std::count(dry.out.begin(), dry.out.end(), '\n') == 13);
  CHECK_THAT(dry.out, Contains("\n1,8,16,1,4,tiny_vit,\n"));
  CHECK_THAT(dry.err, Contains("48 points in the spec, 12 listed") && Contains("ms a point") && Contains("MiB"));
  CHECK_FALSE(std::filesystem::exists(folder.path("out")));
}
