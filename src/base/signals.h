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

// From here on an allocation by `new` that fails ends the process with exit code 1 and its reason, after what is
// half-written has been removed. An exception would not do: destructors of libraries (nlohmann/json's) allocate, and
// end the process without a word where they cannot. A forked child gets std::bad_alloc again (follow_parent).
void exit_when_memory_runs_out();

// While it lives, the signals wait, and what cannot be allocated throws: the process is between two states of its
// files.
class SignalsWait {
 public:
  SignalsWait();
  ~SignalsWait();  // as before
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t previous_;
};

// To be called first in a forked child: it dies with `parent`, also where the parent is dead already, leaves the
// signals to it (the terminal sends them to both), and can catch std::bad_alloc.
void follow_parent(pid_t parent);

}  // namespace vitality
