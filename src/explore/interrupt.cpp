#include "explore/interrupt.h"

#include <poll.h>

namespace vitality {
namespace {

volatile std::sig_atomic_t signal_came = 0;
void note_signal(int) {
  signal_came = 1;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  signal_came = 0;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &previous_mask_);
  struct sigaction action {};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_int_);
  sigaction(SIGTERM, &action, &previous_term_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_int_, nullptr);
  sigaction(SIGTERM, &previous_term_, nullptr);
  sigprocmask(SIG_SETMASK, &previous_mask_, nullptr);
}

bool InterruptGuard::requested() const {
  const timespec now{};
  ppoll(nullptr, 0, &now, &previous_mask_);
  return signal_came != 0;
}

}  // namespace vitality
