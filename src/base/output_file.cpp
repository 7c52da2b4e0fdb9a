#include "base/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace vitality {

OutputFile::OutputFile(const std::string& path) : path_(path), temporary_(path + ".part" + std::to_string(::getpid())) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode)) throw InputError(path, "", "cannot be written: it is a folder");
    temporary_.clear();
  }
  file_ = std::fopen(temporary_.empty() ? path.c_str() : temporary_.c_str(), "wb");
  if (!file_) throw InputError(path, "", std::string("cannot be written: ") + std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (!file_) return;
  std::fclose(file_);
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

void OutputFile::commit() {
  const bool failed = std::ferror(file_) != 0;
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  const auto renamed = [&] { return temporary_.empty() || std::rename(temporary_.c_str(), path_.c_str()) == 0; };
  if (!failed && closed && renamed()) return;
  const std::string reason = std::strerror(errno);
  if (!temporary_.empty()) std::remove(temporary_.c_str());
  throw InputError(path_, "", "cannot be written: " + reason);
}

}  // namespace vitality
