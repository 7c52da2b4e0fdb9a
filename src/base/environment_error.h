// The machine that runs the program stood in the way: a full disk, a limit, no memory, no process. Exit code 1.
#pragma once

#include <stdexcept>

namespace vitality {

class EnvironmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace vitality
