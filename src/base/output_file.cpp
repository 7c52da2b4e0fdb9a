#include "base/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

std::FILE* OutputSet::add(const std::string& path) {
  if (std::find(paths_.begin(), paths_.end(), path) != paths_.end())
    throw InputError(path, "", "two outputs have this one name, expected a name each");
  files_.push_back(std::make_unique<OutputFile>(path));
  paths_.push_back(path);
  return files_.back()->stream();
}

void OutputSet::add(const std::string& path, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), add(path));
}

void OutputSet::commit() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (std::fflush(files_[i]->stream()) != 0 || std::ferror(files_[i]->stream()) != 0)
      throw InputError(paths_[i], "", "cannot be written: the disk is full?");
  }
  for (const auto& file : files_) file->commit();
}

}  // namespace vitality
