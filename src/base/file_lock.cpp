#include "base/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/environment_error.h"

namespace vitality {

FileLock::~FileLock() {
  if (file_ >= 0) close(file_);
}

std::optional<pid_t> FileLock::take(const std::string& path) {
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) {
    if (errno == EROFS || errno == EACCES) return {};
    throw_file_error(path, "can't be opened", errno);
  }
  // A POSIX lock belongs to this process alone: its children do not keep it when this process is killed.
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (fcntl(file_, F_SETLK, &wanted) == 0) return {};
  if (errno != EACCES && errno != EAGAIN) throw_file_error(path, "can't be locked", errno);
  struct flock holder = wanted;
  const bool known = fcntl(file_, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0;
  return known ? holder.l_pid : 0;
}

}  // namespace vitality
