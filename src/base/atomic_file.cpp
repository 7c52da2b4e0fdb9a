#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace vitality {
namespace {

bool write_all(int file, const std::string& content) {
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t wrote = write(file, content.data() + done, content.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    done += static_cast<std::size_t>(wrote);
  }
  return true;
}

}  // namespace

void write_file_atomically(const std::string& path, const std::string& content) {
  const std::string beside = path + ".part" + std::to_string(getpid());
  const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool done = file >= 0;
  int error = errno;
  if (done) {
    done = write_all(file, content);
    error = errno;
    if (close(file) != 0 && done) done = false, error = errno;
    if (done && std::rename(beside.c_str(), path.c_str()) != 0) done = false, error = errno;
    if (!done) unlink(beside.c_str());
  }
  if (!done) throw InputError(path, "", std::string("can't be written: ") + std::strerror(error));
}

}  // namespace vitality
