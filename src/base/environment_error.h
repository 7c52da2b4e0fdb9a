// Errors of the computer that runs the program: a full disk, a limit, no memory, no more processes. Exit code 1.
#pragma once

#include <stdexcept>
#include <string>

namespace vitality {

class EnvironmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether an errno value describes the state of the computer at this moment, not the file or value that was asked for.
bool is_of_the_environment(int error);

// Throws "PATH: WHAT: reason of errno": an EnvironmentError if is_of_the_environment(errno), else an InputError.
[[noreturn]] void throw_file_error(const std::string& path, const std::string& what, int error);

}  // namespace vitality
