#include "base/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <functional>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/signals.h"
#include "tests/support/program.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::read_text;
using test::ScratchFolder;

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void write(const std::string& path, const std::string& text) {
  OutputSet files;
  files.add(path, text);
  files.commit();
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// The exit code of `body` in a process of its own; 0 when it returns.
int exit_code_of(const std::function<void()>& body) {
  std::fflush(nullptr);  // what waits in a buffer is printed once
  const pid_t child = fork();
  if (child == 0) {
    try {
      body();
    } catch (...) {
      _exit(99);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("outputs: all of a set appear, or none") {
  const ScratchFolder folder;
  folder.write("a", "old a");
  {
    OutputSet files;
    files.add(folder.path("a"), "new a");
    files.add(folder.path("b"), "new b");
    CHECK(read_text(folder.path("a")) == "old a");
  }
  CHECK(files_in(folder.path()) == std::vector<std::string>{"a"});
  CHECK(read_text(folder.path("a")) == "old a");
  OutputSet files;
  files.add(folder.path("a"), "new a");
  files.add(folder.path("b"), "new b");
  files.commit();
  CHECK(files_in(folder.path()) == std::vector<std::string>{"a", "b"});
  CHECK(read_text(folder.path("a")) == "new a");
  CHECK(read_text(folder.path("b")) == "new b");
}

TEST_CASE("outputs: a name that became a folder meanwhile gives back what was replaced before it") {
  const ScratchFolder folder;
  folder.write("a", "old a");
  {
    OutputSet files;
    files.add(folder.path("a"), "new a");
    files.add(folder.path("new"), "new");
    files.add(folder.path("z"), "new z");
    fs::create_directory(folder.path("z"));
    CHECK_THROWS_WITH(files.commit(), Contains("z: cannot be written: it is a folder"));
  }
  CHECK(read_text(folder.path("a")) == "old a");
  CHECK(files_in(folder.path()) == std::vector<std::string>{"a", "z"});
}

TEST_CASE("outputs: links stay links and what they point to is written") {
  const ScratchFolder folder;
  fs::create_directory(folder.path("deep"));
  folder.write("real", "old");
  fs::create_symlink("real", folder.path("link"));
  fs::create_symlink("../link", folder.path("deep/second"));
  fs::create_symlink("not/yet", folder.path("nowhere"));
  fs::create_symlink("fresh", folder.path("dangling"));
  fs::create_symlink("loop", folder.path("loop"));
  write(folder.path("deep/second"), "new");
  CHECK(read_text(folder.path("real")) == "new");
  CHECK(fs::is_symlink(folder.path("link")));
  CHECK(fs::is_symlink(folder.path("deep/second")));
  write(folder.path("dangling"), "made");
  CHECK(fs::is_symlink(folder.path("dangling")));
  CHECK(read_text(folder.path("fresh")) == "made");
  CHECK_THROWS_AS(write(folder.path("nowhere"), "x"), InputError);
  CHECK_THROWS_WITH(write(folder.path("loop"), "x"), Contains("symbolic links"));
}

TEST_CASE("outputs: one file by two names is refused before anything is written") {
  const ScratchFolder folder;
  folder.write("a", "old");
  fs::create_hard_link(folder.path("a"), folder.path("hard"));
  fs::create_symlink("new", folder.path("link"));
  fs::create_directory_symlink(".", folder.path("here"));
  const auto check_one = [&](const std::string& first, const std::string& second) {
    INFO(first << " " << second);
    OutputSet files;
    files.reserve(folder.path(first));
    CHECK_THROWS_WITH(files.reserve(folder.path(second)), Contains("are one file"));
  };
  check_one("a", "hard");
  check_one("a", "./a");
  check_one("new", "here/new");
  check_one("new", "link");
  OutputSet files;
  files.reserve("/dev/null");
  CHECK_NOTHROW(files.reserve("/dev/null"));
  files.reserve("-");
  CHECK_THROWS_AS(files.reserve("/dev/stdout"), InputError);
  CHECK(read_text(folder.path("a")) == "old");
}

TEST_CASE("outputs: what the process has read is never overwritten") {
  const ScratchFolder folder;
  folder.write("input", "{}");
  fs::create_hard_link(folder.path("input"), folder.path("hard"));
  fs::create_symlink("input", folder.path("link"));
  OutputSet early;
  early.add(folder.path("late"), "x");
  note_input(folder.path("input"));
  for (const char* name : {"input", "hard", "link"}) {
    OutputSet files;
    CHECK_THROWS_WITH(files.reserve(folder.path(name)), Contains("reads the same file"));
  }
  fs::rename(folder.path("input"), folder.path("late"));  // the name was free when it was reserved
  CHECK_THROWS_WITH(early.commit(), Contains("reads the same file"));
  CHECK(read_text(folder.path("late")) == "{}");
}

TEST_CASE("outputs: a file keeps its mode, a new one has what the umask leaves, and read-only is refused") {
  const ScratchFolder folder;
  folder.write("private", "old");
  REQUIRE(chmod(folder.path("private").c_str(), 0600) == 0);
  write(folder.path("private"), "new");
  CHECK(mode_of(folder.path("private")) == 0600);
  const mode_t before = umask(027);
  write(folder.path("fresh"), "new");
  umask(before);
  CHECK(mode_of(folder.path("fresh")) == 0640);
  REQUIRE(chmod(folder.path("private").c_str(), 0444) == 0);
  CHECK_THROWS_WITH(write(folder.path("private"), "x"), Contains("it is read-only (mode 0444)"));
  CHECK(read_text(folder.path("private")) == "new");
  fs::create_directory(folder.path("locked"));
  REQUIRE(chmod(folder.path("locked").c_str(), 0555) == 0);
  CHECK_THROWS_WITH(write(folder.path("locked/x"), "x"), Contains("its folder is read-only (mode 0555)"));
  CHECK_THROWS_WITH(write(folder.path("locked"), "x"), Contains("it is a folder"));
  REQUIRE(chmod(folder.path("locked").c_str(), 0755) == 0);
}

TEST_CASE("outputs: a pipe is opened once and gets everything") {
  const ScratchFolder folder;
  const std::string pipe = folder.path("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const std::string text(1 << 20, 'x');
  const int code = exit_code_of([&] {
    alarm(20);
    const pid_t writer = fork();
    if (writer == 0) {
      OutputSet files;
      files.reserve(pipe);
      files.add(pipe, text);
      files.commit();
      _exit(0);
    }
    _exit(read_text(pipe) == text ? 0 : 1);  // the end of the first writer is the end of the file
  });
  CHECK(code == 0);
  CHECK(fs::is_fifo(pipe));
  CHECK(files_in(folder.path()) == std::vector<std::string>{"pipe"});
}

TEST_CASE("outputs: the descriptors of the process are written in place, behind what was printed") {
  const ScratchFolder folder;
  const std::string target = folder.path("out");
  for (const std::string name : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    const int code = exit_code_of([&] {
      const int file = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(file, STDOUT_FILENO);
      std::fputs("first ", stdout);
      write(name, "second");
      std::fputs(" third", stdout);
      std::fflush(stdout);
    });
    CHECK(code == 0);
    CHECK(read_text(target) == "first second third");
    CHECK(is_standard_output(name));
  }
  fs::create_symlink("/dev/stdout", folder.path("link"));
  CHECK(is_standard_output(folder.path("link")));
  CHECK_FALSE(is_standard_output(""));
  CHECK_FALSE(is_standard_output("/dev/stderr"));
}

TEST_CASE("outputs: a full disk and the file size limit are the environment's failures and leave the old files") {
  const ScratchFolder folder;
  folder.write("a", "old");
  CHECK_THROWS_AS(write("/dev/full", "x"), EnvironmentError);
  const int code = exit_code_of([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      OutputSet files;
      files.add(folder.path("a"), "fits");
      files.add(folder.path("b"), std::string(1000, 'x'));
      files.commit();
    } catch (const EnvironmentError& error) {
      _exit(std::string(error.what()).find("b: cannot be written: File too large") != std::string::npos ? 3 : 4);
    }
  });
  CHECK(code == 3);
  CHECK(files_in(folder.path()) == std::vector<std::string>{"a"});
  CHECK(read_text(folder.path("a")) == "old");
}

TEST_CASE("outputs: an ending signal removes what is half-written, with the folders made for it") {
  const int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  const ScratchFolder folder;
  const int code = exit_code_of([&] {
    std::signal(SIGHUP, SIG_DFL);
    exit_on_interrupt();
    OutputSet files;
    files.make_folder(folder.path("one/two"));
    std::FILE* const stream = files.add(folder.path("one/two/file"));
    std::fputs("half", stream);
    std::fflush(stream);
    if (fs::is_empty(folder.path("one/two"))) _exit(5);
    if (fork() == 0) {  // a child that gets the signal leaves the parent's files alone
      std::raise(number);
      _exit(0);
    }
    int status = 0;
    wait(&status);
    if (fs::is_empty(folder.path("one/two"))) _exit(6);
    std::raise(number);
  });
  CHECK(code == 130);
  CHECK(files_in(folder.path()).empty());
}

TEST_CASE("outputs: an ignored hang-up stays ignored, as nohup wants it") {
  const int code = exit_code_of([] {
    std::signal(SIGHUP, SIG_IGN);
    exit_on_interrupt();
    std::raise(SIGHUP);
    _exit(7);
  });
  CHECK(code == 7);
}

TEST_CASE("outputs: a planted temporary name is not followed") {
  const ScratchFolder folder;
  folder.write("precious", "precious");
  fs::create_symlink("precious", folder.path("r.part" + std::to_string(getpid())));
  write(folder.path("r"), "new");
  CHECK(read_text(folder.path("precious")) == "precious");
  // Two writers of one name have temporaries of their own.
  OutputSet one, other;
  one.add(folder.path("r"), "one");
  other.add(folder.path("r"), "other");
  one.commit();
  other.commit();
  CHECK(read_text(folder.path("r")) == "other");
}

TEST_CASE("outputs: folders that were made go again when nothing is committed") {
  const ScratchFolder folder;
  {
    OutputSet files;
    files.make_folder(folder.path("a/b/"));
    files.add(folder.path("a/b/x"), "x");
  }
  CHECK(files_in(folder.path()).empty());
  folder.write("file", "keep");
  OutputSet files;
  CHECK_THROWS_AS(files.make_folder(folder.path("file")), InputError);
  CHECK_THROWS_AS(files.make_folder(folder.path("file/x")), InputError);
  files.make_folder(folder.path("c"));
  files.add(folder.path("c/x"), "x");
  files.commit();
  CHECK(read_text(folder.path("c/x")) == "x");
}

}  // namespace vitality
