// The finished part of a long piece of work (an evaluation, a mapping search), in a file that stays readable if the
// process is killed at any moment; a later run continues from it.
//
// One line with the format, one with the identity of the work (a SHA-256), then records: part, item and size as 64-bit
// integers, the first 16 digits of the contents' SHA-256, and the contents. Bytes after the last complete record
// are cut off. Only one process at a time may use it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace vitality {

class Checkpoint {
 public:
  // Throws InputError if the file is not a checkpoint of such `work`, belongs to another one, or is in use. path "":
  // nothing is kept.
  Checkpoint(const std::string& path, const std::string& work, const std::string& identity);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  bool has(std::int64_t part, std::size_t item) const { return places_.count({part, item}) != 0; }
  std::string read(std::int64_t part, std::size_t item) const;  // of a record that exists
  void add(std::int64_t part, std::size_t item, const std::string& contents);

 private:
  void scan(const std::string& start);

  struct Place {
    std::uint64_t begin, size;
  };
  struct Descriptor {  // closed where the constructor throws, too
    int number = -1;
    Descriptor() = default;
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
  };
  std::string path_;
  Descriptor file_;
  std::uint64_t end_ = 0;
  std::map<std::pair<std::int64_t, std::uint64_t>, Place> places_;
};

}  // namespace vitality
