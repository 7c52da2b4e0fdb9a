// Everything that a command writes. Either all files of a command appear, complete, or none does: they are written
// under unpredictable names beside their final ones, and commit() renames them when all of them are on the disk.
//
// A symbolic link stays a link, and the file that it points to is written. An existing file keeps its mode; it is
// refused if its mode is read-only, for root too. Anything that is not a regular file (a pipe, a terminal, /dev/null)
// is opened once and written in place; "-", /dev/stdout and /dev/fd/N are descriptors of this process. A file that the
// process has read is never overwritten, and no file is written twice, whatever names are used for it.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace vitality {

class OutputSet {
 public:
  OutputSet();
  ~OutputSet();  // removes what was not committed, with the folders that were made for it
  OutputSet(const OutputSet&) = delete;
  OutputSet& operator=(const OutputSet&) = delete;

  // Reports before a long run what would fail after it: throws InputError if the file cannot be written, if the process
  // has read it, or if it is already an output of this set. If it is a pipe, waits for its reader.
  void reserve(const std::string& path);
  // Makes the folder (and those above it) where it is missing.
  void make_folder(const std::string& path);

  // The stream to write to; reserves the file if that was not done. The caller neither flushes nor closes it.
  std::FILE* add(const std::string& path);
  void add(const std::string& path, const std::string& text);
  // Closes a file that is completely written, for commands that would otherwise have too many files open.
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
