#include "base/signals.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "base/output_file.h"

namespace vitality {
namespace {

constexpr int kInterruptedExitCode = 130;

void end_process(int) {
  remove_unfinished_outputs();
  _exit(kInterruptedExitCode);
}

void end_by_broken_pipe(int number) {
  remove_unfinished_outputs();
  std::signal(number, SIG_DFL);
  std::raise(number);  // delivered when this handler returns
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

SignalsWait::SignalsWait() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kEndingSignals) sigaddset(&set, number);
  sigaddset(&set, SIGPIPE);
  sigprocmask(SIG_BLOCK, &set, &previous_);
}

SignalsWait::~SignalsWait() {
  sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

void follow_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  for (const int number : kEndingSignals) std::signal(number, SIG_IGN);
}

}  // namespace vitality
