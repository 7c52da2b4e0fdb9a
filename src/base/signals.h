// Signals that ask the process to end (SIGINT, SIGTERM, SIGHUP), and how they meet files that are being written.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>

namespace vitality {

constexpr std::size_t kEndingSignalCount = 3;
constexpr int kEndingSignals[kEndingSignalCount] = {SIGINT, SIGTERM, SIGHUP};

// After this call these signals end the process with exit code 130, after half-written files have been removed
// (base/output_file.h); a broken pipe also removes them, then ends the process as usual. SIGHUP stays ignored if it was
// ignored at the start (nohup). A write beyond the limit of the file size fails with EFBIG and does not kill the
// process.
void exit_on_interrupt();

// After this call an allocation by `new` that fails ends the process with exit code 1 and the reason, after
// half-written files have been removed. An exception is not enough: destructors of libraries (nlohmann/json's)
// allocate, and end the process without a message if they cannot. A forked child gets std::bad_alloc again
// (follow_parent).
void exit_when_memory_runs_out();

// While this object lives, signals are blocked and a failed allocation throws, because the process is in the middle of
// replacing files.
class SignalsWait {
 public:
  SignalsWait();
  ~SignalsWait();  // as before
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t previous_;
};

// To be called first in a forked child. The child then dies with `parent`, even if the parent is dead already; it
// ignores the signals that its parent handles (the terminal sends them to both); and it can catch std::bad_alloc.
void follow_parent(pid_t parent);

}  // namespace vitality
