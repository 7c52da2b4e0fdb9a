#include "base/signals.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <new>
#include <string_view>

#include "base/output_file.h"

namespace vitality {
namespace {

constexpr int kInterruptedExitCode = 130;
constexpr int kOutOfMemoryExitCode = 1;

void end_process(int) {
  remove_unfinished_outputs();
  _exit(kInterruptedExitCode);
}

void end_by_broken_pipe(int number) {
  remove_unfinished_outputs();
  std::signal(number, SIG_DFL);
  std::raise(number);  // delivered when this handler returns
}

// While files are being replaced, a failed allocation is handled by the code that replaces them.
int replacing_files = 0;

void end_without_memory() {
  if (replacing_files > 0) throw std::bad_alloc();
  remove_unfinished_outputs();
  constexpr std::string_view kReason = "error: out of memory\n";
  if (write(STDERR_FILENO, kReason.data(), kReason.size()) < 0) _exit(kOutOfMemoryExitCode);  // nobody to tell
  _exit(kOutOfMemoryExitCode);
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

}  // namespace

void exit_on_interrupt() {
  struct sigaction before {};
  const bool keeps_running = sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
  for (const int number : kEndingSignals)
    if (number != SIGHUP || !keeps_running) handle(number, end_process);
  if (sigaction(SIGPIPE, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) handle(SIGPIPE, end_by_broken_pipe);
  std::signal(SIGXFSZ, SIG_IGN);
}

void exit_when_memory_runs_out() {
  std::set_new_handler(end_without_memory);
}

SignalsWait::SignalsWait() {
  ++replacing_files;
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kEndingSignals) sigaddset(&set, number);
  sigaddset(&set, SIGPIPE);
  sigprocmask(SIG_BLOCK, &set, &previous_);
}

SignalsWait::~SignalsWait() {
  --replacing_files;
  sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

void follow_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  for (const int number : kEndingSignals) std::signal(number, SIG_IGN);
  std::set_new_handler(nullptr);
}

}  // namespace vitality
