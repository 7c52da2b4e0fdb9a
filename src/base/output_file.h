// Everything that a command writes. All files of a command appear together and whole, or none of them does: they are
// written under unpredictable names beside their own, and renamed by commit() when all of them are on the disk.
//
// A symbolic link stays a link, and what it points to is written. A file that exists keeps its mode, and is refused
// where its mode is read-only, for root too. What is no regular file (a pipe, a terminal, /dev/null) is opened once and
// written in place; "-", /dev/stdout and /dev/fd/N are the process's own descriptors. Nothing that the process has read
// is overwritten, and no file is written twice, by whatever names.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace vitality {

class OutputSet {
 public:
  OutputSet();
  ~OutputSet();  // what was not committed goes, with the folders that were made for it
  OutputSet(const OutputSet&) = delete;
  OutputSet& operator=(const OutputSet&) = delete;

  // Says before a long run what would fail after it: InputError where the file cannot be written, is one that the
  // process has read, or is an output of this set already. A pipe waits here for its reader.
  void reserve(const std::string& path);
  // Makes the folder (and those above it) where it is missing.
  void make_folder(const std::string& path);

  // The stream to write to; reserves the file where that was not done. The caller neither flushes nor closes it.
  std::FILE* add(const std::string& path);
  void add(const std::string& path, const std::string& text);
  // Closes a file that is written whole, where too many would be open else.
  void finish(const std::string& path);

  // Throws EnvironmentError when anything could not be written (a full disk, a limit); then no file is replaced.
  void commit();

 private:
  class Output;
  Output& find(const std::string& path);

  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::unique_ptr<class Unfinished>> folders_;
};

// Whether this output is standard output, which then carries nothing else.
bool is_standard_output(const std::string& path);

// Remembers a file that the process reads. The second form is for a file that is open.
void note_input(const std::string& path);
void note_input(std::FILE* file);
// InputError where `path` names a file that the process has read.
void refuse_input(const std::string& path);

// Removes what is half-written. For signal handlers; does nothing in a forked child.
void remove_unfinished_outputs();

// A file or an empty folder that remove_unfinished_outputs() takes away while this object lives.
class Unfinished {
 public:
  enum class Kind { kFile, kFolder };
  Unfinished(std::string path, Kind kind);
  ~Unfinished();  // removes nothing by itself
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }

 private:
  friend void remove_unfinished_outputs();
  std::string path_;
  Kind kind_;
  pid_t owner_;
  Unfinished *older_, *newer_ = nullptr;
};

}  // namespace vitality
