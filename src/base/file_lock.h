// An exclusive lock between processes, on a file that is there for it alone. It goes with its process, however that one
// ends; the file stays.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace vitality {

class FileLock {
 public:
  FileLock() = default;
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Nothing: the lock is this object's, or nobody can write there. Otherwise the process that has it, 0 where its
  // number is unknown. Throws InputError or EnvironmentError if the file cannot be opened or locked for another reason.
  std::optional<pid_t> take(const std::string& path);

 private:
  int file_ = -1;
};

}  // namespace vitality
