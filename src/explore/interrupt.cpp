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
  for (const int number : kEndingSignals) sigaddset(&blocked, number);
  sigprocmask(SIG_BLOCK, &blocked, &previous_mask_);
  struct sigaction action {};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kEndingSignalCount; ++i) {
    sigaction(kEndingSignals[i], nullptr, &previous_[i]);
    if (previous_[i].sa_handler != SIG_IGN || kEndingSignals[i] != SIGHUP)  // SIGHUP stays ignored under nohup
      sigaction(kEndingSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kEndingSignalCount; ++i) sigaction(kEndingSignals[i], &previous_[i], nullptr);
  sigprocmask(SIG_SETMASK, &previous_mask_, nullptr);
}

bool InterruptGuard::requested() const {
  const timespec now{};
  ppoll(nullptr, 0, &now, &previous_mask_);
  return signal_came != 0;
}

}  // namespace vitality
