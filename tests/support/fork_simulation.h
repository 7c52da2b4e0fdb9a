// Many simulations in one TEST_CASE: SystemC allows one elaboration a process, so each simulation runs in a forked
// child and sends a plain result back through a pipe. Call it before the test's own process elaborates anything.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <systemc>
#include <type_traits>
#include <vector>

namespace vitality::test {

template <class T>
struct Simulated {
  std::int64_t cycles = 0;
  std::vector<T> values;
};

inline void write_all(int file, const void* data, std::size_t size) {
  const char* p = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(file, p, size);
    if (written <= 0) _exit(3);
    p += written;
    size -= static_cast<std::size_t>(written);
  }
}

// Runs `simulate`, a callable that elaborates, simulates and returns Simulated<T>, in a child. Throws when the child
// does not end well.
template <class T, class F>
Simulated<T> fork_simulation(F simulate) {
  static_assert(std::is_trivially_copyable_v<T>, "values cross the pipe as bytes");
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("fork_simulation: no pipe");
  std::fflush(nullptr);  // or the child would print the parent's buffers again
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork_simulation: no process");
  if (child == 0) {
    close(ends[0]);
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO,
                                            sc_core::SC_DO_NOTHING);  // "stopped by user"
    try {
      const Simulated<T> result = simulate();
      write_all(ends[1], &result.cycles, sizeof result.cycles);
      write_all(ends[1], result.values.data(), result.values.size() * sizeof(T));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "simulation failed: %s\n", error.what());
      _exit(2);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string bytes;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    bytes.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || bytes.size() < sizeof(std::int64_t)) {
    throw std::runtime_error("fork_simulation: the simulation failed with status " + std::to_string(status));
  }
  Simulated<T> result;
  bytes.copy(reinterpret_cast<char*>(&result.cycles), sizeof result.cycles);
  result.values.resize((bytes.size() - sizeof result.cycles) / sizeof(T));
  bytes.copy(reinterpret_cast<char*>(result.values.data()), result.values.size() * sizeof(T), sizeof result.cycles);
  return result;
}

}  // namespace vitality::test
