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
    const auto size = [&](double scale, const char* unit) {
      const auto text = [&](double cm) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.4g", unit[0] == 0 ? std::floor(cm * scale) : cm * scale);
        return digits + std::string(unit);
      };
      return text(width) + "," + text(height);
    };
    script += "reset\nset terminal svg noenhanced size " + size(45, "") + " font 'sans-serif," +
              (width_cm > 0 ? "11" : "14") + "' background 'white'\nset output '" + figure.name + ".svg'\n" +
              figure.commands + "unset output\nreset\nset terminal pdfcairo noenhanced size " + size(1, "cm") +
              " font 'Sans," + (width_cm > 0 ? "7" : "9") + "'\nset output '" + figure.name + ".pdf'\n" +
              figure.commands + "unset output\n";
  }
  return script;
}

constexpr int kNotInstalled = 127;  // the code of shells for this case

// Becomes gnuplot, in `folder`, without a shell and without the user's start files.
[[noreturn]] void become_gnuplot(pid_t parent, const std::string& folder, const std::string& log) {
  follow_parent(parent);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = open("/dev/null", O_RDONLY), output = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (input < 0 || output < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
      chdir(folder.c_str()) != 0)
    _exit(1);
  execlp("gnuplot", "gnuplot", "-d", "script", static_cast<char*>(nullptr));
  _exit(errno == ENOENT ? kNotInstalled : 1);
}

// Waits for the child and returns its status. A signal that asks this process to end ends the child first; this process
// ends when the caller's SignalsWait is over.
int wait_for(pid_t child, const sigset_t& awaited) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) throw EnvironmentError(std::string("gnuplot is lost: ") + std::strerror(errno));
    const int number = sigwaitinfo(&awaited, nullptr);
    if (number < 0 || number == SIGCHLD) continue;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    raise(number);
    throw EnvironmentError("interrupted");
  }
}

void run_gnuplot(const WorkFolder& folder) {
  const std::string log = folder.file("log");
  sigset_t awaited, before;
  sigemptyset(&awaited);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&awaited, number);
  sigprocmask(SIG_BLOCK, &awaited, &before);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) become_gnuplot(parent, folder.file(""), log);
  if (child < 0) {
    const std::string why = std::strerror(errno);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    throw EnvironmentError("gnuplot cannot be started: " + why);
  }
  const int status = wait_for(child, awaited);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotInstalled)
    throw InputError("", "",
                     "option --svg needs gnuplot, which is not installed (Debian: apt-get install gnuplot-nox)");
  std::error_code error;
  const std::string said = fs::file_size(log, error) > 0 && !error ? read_text_file(log) : "it said nothing";
  throw std::runtime_error("gnuplot failed: " + said.substr(0, 2000));
}

void write_script(const std::string& path, const std::string& script) {
  std::ofstream file(path, std::ios::binary);
  file << script;
  file.close();
  if (!file) throw EnvironmentError(path + ": cannot be written: is its disk full?");
}

// Reads what gnuplot drew. gnuplot does not report a full disk, but the file then lacks its end.
std::string drawing(const WorkFolder& folder, const std::string& name, const std::string& end) {
  constexpr std::size_t kEndBytes = 32;  // the end and what may follow it
  std::ifstream file(folder.file(name), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.find(end, bytes.size() - std::min(kEndBytes, bytes.size())) == std::string::npos)
    throw EnvironmentError("gnuplot did not finish " + name + ": is the disk of its folder full? (TMPDIR)");
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
  run_gnuplot(folder);
  for (const Figure& figure : figures) {
    for (const auto& [ending, end] : {std::pair(".svg", "</svg>"), std::pair(".pdf", "%%EOF")}) {
      const std::string name = figure.name + ending, path = fs::path(directory) / name;
      files.add(path, drawing(folder, name, end));
      files.finish(path);
    }
  }
  return figures.size();
}

}  // namespace vitality
