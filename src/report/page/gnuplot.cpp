#include "report/page/gnuplot.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/json.h"
#include "base/signals.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;

// A folder for gnuplot's files; the destructor removes it with its contents.
class WorkFolder {
 public:
  WorkFolder() {
    std::string name = (fs::temp_directory_path() / "vitality-figures-XXXXXX").string();
    if (!mkdtemp(name.data())) throw EnvironmentError(name + ": cannot be made: " + std::strerror(errno));
    path_ = name;
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// In a column of an article: at most this high for its width, and letters of 7 points.
constexpr double kColumnHeight = 0.75;

std::string script_of(const std::vector<Figure>& figures, double width_cm) {
  std::string script;
  for (const Figure& figure : figures) {
    const double width = width_cm > 0 ? width_cm : figure.width;
    const double height = width_cm > 0 ? std::min(figure.height, kColumnHeight * width_cm) : figure.height;
    char size[64];
    std::snprintf(size, sizeof size, "%.4gcm,%.4gcm", width, height);
    script += std::string("reset\nset terminal pdfcairo noenhanced background 'white' size ") + size + " font 'Sans," +
              (width_cm > 0 ? "7" : "9") + "'\nset output '" + figure.name + ".pdf'\n" + figure.commands +
              "unset output\n";
  }
  return script;
}

constexpr int kNotInstalled = 127;  // the code of shells for this case

// Becomes the tool, in `folder`, without a shell.
[[noreturn]] void become(pid_t parent, const char* tool, const std::vector<const char*>& words,
                         const std::string& folder, const std::string& log) {
  follow_parent(parent);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = open("/dev/null", O_RDONLY), output = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (input < 0 || output < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
      chdir(folder.c_str()) != 0)
    _exit(1);
  execvp(tool, const_cast<char* const*>(words.data()));
  _exit(errno == ENOENT ? kNotInstalled : 1);
}

// Waits for the child and returns its status. A signal that asks this process to end ends the child first; this process
// ends when the caller's SignalsWait is over.
int wait_for(pid_t child, const char* tool, const sigset_t& awaited) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) throw EnvironmentError(std::string(tool) + " is lost: " + std::strerror(errno));
    const int number = sigwaitinfo(&awaited, nullptr);
    if (number < 0 || number == SIGCHLD) continue;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    raise(number);
    throw EnvironmentError("interrupted");
  }
}

// Runs the tool with `arguments` in the folder; returns when it is done.
void run_tool(const char* tool, const std::vector<std::string>& arguments, const WorkFolder& folder) {
  const std::string log = folder.file("log");
  std::vector<const char*> words{tool};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  words.push_back(nullptr);
  sigset_t awaited, before;
  sigemptyset(&awaited);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&awaited, number);
  sigprocmask(SIG_BLOCK, &awaited, &before);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) become(parent, tool, words, folder.file(""), log);
  if (child < 0) {
    const std::string why = std::strerror(errno);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    throw EnvironmentError(std::string(tool) + " cannot be started: " + why);
  }
  const int status = wait_for(child, tool, awaited);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotInstalled)
    throw InputError("", "",
                     "option --svg needs gnuplot and pdftocairo: " + std::string(tool) +
                         " is not installed (Debian: apt-get install gnuplot-nox poppler-utils)");
  std::error_code error;
  const std::string said = fs::file_size(log, error) > 0 && !error ? read_text_file(log) : "it said nothing";
  throw std::runtime_error(std::string(tool) + " failed: " + said.substr(0, 2000));
}

void write_script(const std::string& path, const std::string& script) {
  std::ofstream file(path, std::ios::binary);
  file << script;
  file.close();
  if (!file) throw EnvironmentError(path + ": cannot be written: is its disk full?");
}

// Reads what a tool drew. gnuplot does not report a full disk, but the file then lacks its end.
std::string drawing(const WorkFolder& folder, const std::string& name, const std::string& end) {
  constexpr std::size_t kEndBytes = 32;  // the end and what may follow it
  std::ifstream file(folder.file(name), std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.find(end, bytes.size() - std::min(kEndBytes, bytes.size())) == std::string::npos)
    throw EnvironmentError(name + " is not finished: is the disk of its folder full? (TMPDIR)");
  return bytes;
}

}  // namespace

std::size_t write_figures(const std::vector<Figure>& figures, const std::string& directory, double width_cm,
                          OutputSet& files) {
  if (figures.empty()) throw InputError("", "", "option --svg: nothing in the inputs to draw");
  files.make_folder(directory);
  for (const Figure& figure : figures)
    for (const char* ending : {".svg", ".pdf"}) files.reserve(fs::path(directory) / (figure.name + ending));
  const SignalsWait wait;  // so that the folder is removed before the process ends
  const WorkFolder folder;
  write_script(folder.file("script"), script_of(figures, width_cm));
  run_tool("gnuplot", {"-d", "script"}, folder);  // -d: without the user's start files
  const auto keep = [&](const std::string& name, const char* end) {
    const std::string path = fs::path(directory) / name;
    files.add(path, drawing(folder, name, end));
    files.finish(path);
  };
  for (const Figure& figure : figures) {
    keep(figure.name + ".pdf", "%%EOF");
    run_tool("pdftocairo", {"-svg", figure.name + ".pdf", figure.name + ".svg"}, folder);
    keep(figure.name + ".svg", "</svg>");
  }
  return figures.size();
}

}  // namespace vitality
