// A file that appears whole or not at all: written beside its name, renamed by commit(), removed when it is not
// committed. What is no regular file (a terminal, /dev/null, a pipe) is written in place.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace vitality {

class OutputFile {
 public:
  // Throws InputError when the file cannot be made, or is a folder.
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();
  std::FILE* stream() { return file_; }
  // Throws InputError when anything could not be written.
  void commit();

 private:
  std::string path_, temporary_;
  std::FILE* file_ = nullptr;
};

// Files that appear together: all are written before the first is renamed.
class OutputSet {
 public:
  // Throws InputError when a file of this set has the name.
  std::FILE* add(const std::string& path);
  void add(const std::string& path, const std::string& text);
  void commit();

 private:
  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<OutputFile>> files_;
};

}  // namespace vitality
