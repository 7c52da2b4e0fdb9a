#include "base/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace vitality {

OutputFile::OutputFile(const std::string& path) : path_(path), temporary_(path + ".part" + std::to_string(::getpid())) {
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (!file_) throw InputError(path, "", std::string("cannot be written: ") + std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (!file_) return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

void OutputFile::commit() {
  const bool failed = std::ferror(file_) != 0;
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (!failed && closed && std::rename(temporary_.c_str(), path_.c_str()) == 0) return;
  const std::string reason = std::strerror(errno);
  std::remove(temporary_.c_str());
  throw InputError(path_, "", "cannot be written: " + reason);
}

}  // namespace vitality
