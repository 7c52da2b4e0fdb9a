#include "report/page/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"

extern char** environ;

namespace vitality {
namespace {

namespace fs = std::filesystem;

// A folder beside the results that goes again, with what is left in it.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& directory) {
    std::error_code error;
    made_parent_ = fs::create_directories(directory, error);
    parent_ = directory;
    path_ = fs::path(directory) / (".part" + std::to_string(::getpid()));
    if (error || (!fs::create_directory(path_, error) && error))
      throw InputError(directory, "", "cannot be written: " + error.message());
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (made_parent_ && fs::is_empty(parent_, ignored)) fs::remove(parent_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_, parent_;
  bool made_parent_ = false;
};

std::string script_of(const std::vector<Figure>& figures) {
  std::string script;
  for (const Figure& figure : figures) {
    const auto size = [&](double scale, const char* unit) {
      return std::to_string(static_cast<int>(figure.width * scale)) + unit + "," +
             std::to_string(static_cast<int>(figure.height * scale)) + unit;
    };
    script += "reset\nset terminal svg noenhanced size " + size(45, "") +
              " font 'sans-serif,14' background 'white'\nset output '" + figure.name + ".svg'\n" + figure.commands +
              "unset output\nreset\nset terminal pdfcairo noenhanced size " + size(1, "cm") +
              " font 'Sans,9'\nset output '" + figure.name + ".pdf'\n" + figure.commands + "unset output\n";
  }
  return script;
}

// In `folder`, without a shell and without the user's start files.
void run_gnuplot(const WorkFolder& folder) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string log = folder.file("log"), here = folder.file("");
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, here.c_str());
  char program[] = "gnuplot", plain[] = "-d", script[] = "script";
  char* words[] = {program, plain, script, nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, program, &actions, nullptr, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT)
    throw InputError("", "",
                     "option --svg needs gnuplot, which is not installed (Debian: apt-get install gnuplot-nox)");
  if (failed != 0) throw std::runtime_error(std::string("gnuplot cannot be started: ") + std::strerror(failed));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::string said;
  if (fs::file_size(log) > 0) said = read_text_file(log);
  throw std::runtime_error("gnuplot failed: " + (said.empty() ? "it said nothing" : said.substr(0, 2000)));
}

}  // namespace

std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory) {
  if (figures.empty()) throw InputError("", "", "option --svg: nothing in the inputs to draw");
  const WorkFolder folder(directory);
  const std::string script = script_of(figures);
  OutputFile file(folder.file("script"));
  std::fwrite(script.data(), 1, script.size(), file.stream());
  file.commit();
  run_gnuplot(folder);
  for (const Figure& figure : figures) {
    for (const char* ending : {".svg", ".pdf"}) {
      std::error_code error;
      if (fs::file_size(folder.file(figure.name + ending), error) == 0 || error)
        throw std::runtime_error("gnuplot drew nothing into " + figure.name + ending + ": is its folder full?");
    }
  }
  for (const Figure& figure : figures) {
    for (const char* ending : {".svg", ".pdf"}) {
      std::error_code error;
      fs::rename(folder.file(figure.name + ending), fs::path(directory) / (figure.name + ending), error);
      if (error) throw InputError(directory, "", "cannot be written: " + error.message());
    }
  }
  return figures.size();
}

}  // namespace vitality
