// The machine that runs the program stood in the way: a full disk, a limit, no memory, no process. Exit code 1.
#pragma once

#include <stdexcept>
#include <string>

namespace vitality {

class EnvironmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether a number of <cerrno> says something of the machine at this moment and nothing of what was asked of it.
bool is_of_the_environment(int error);

// "PATH: WHAT: reason of errno": EnvironmentError where the machine is the reason, InputError else.
[[noreturn]] void throw_file_error(const std::string& path, const std::string& what, int error);

}  // namespace vitality
