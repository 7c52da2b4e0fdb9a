// SIGINT, SIGTERM and SIGHUP while a sweep runs: they are blocked except during waits, so that none can arrive between
// a check and the wait after it.
#pragma once

#include <csignal>

#include "base/signals.h"

namespace vitality {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();  // as before
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // Whether a signal has arrived; unblocks a pending one for a moment.
  bool requested() const;
  const sigset_t* mask_while_waiting() const { return &previous_mask_; }

 private:
  sigset_t previous_mask_;
  struct sigaction previous_[kEndingSignalCount];
};

}  // namespace vitality
