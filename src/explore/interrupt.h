// SIGINT, SIGTERM and SIGHUP while a sweep runs: blocked but for the waits, so that none arrives between a look and a
// wait.
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

  // Lets a pending signal in.
  bool requested() const;
  const sigset_t* mask_while_waiting() const { return &previous_mask_; }

 private:
  sigset_t previous_mask_;
  struct sigaction previous_[kEndingSignalCount];
};

}  // namespace vitality
