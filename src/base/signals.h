// Signals that ask the process to end (SIGINT, SIGTERM, SIGHUP), and how they meet files that are being written.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>

namespace vitality {

constexpr std::size_t kEndingSignalCount = 3;
constexpr int kEndingSignals[kEndingSignalCount] = {SIGINT, SIGTERM, SIGHUP};

// From here on these signals end the process with exit code 130, after what is half-written has been removed
// (base/output_file.h); a broken pipe ends it as usual, after the same. SIGHUP stays ignored where it was ignored at
// the start (nohup). A write beyond the file size limit fails with EFBIG and does not kill the process.
void exit_on_interrupt();

// While it lives, the signals wait: the process is between two states of its files.
class SignalsWait {
 public:
  SignalsWait();
  ~SignalsWait();  // as before
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t previous_;
};

// To be called first in a forked child: it dies with `parent`, also where the parent is dead already, and leaves the
// signals to it. (The terminal sends them to both.)
void follow_parent(pid_t parent);

}  // namespace vitality
