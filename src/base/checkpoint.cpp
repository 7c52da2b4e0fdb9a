#include "base/checkpoint.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/sha256.h"

namespace vitality {
namespace {

constexpr std::size_t kDigits = 16;

struct RecordHeader {
  std::int64_t part;
  std::uint64_t item, size;
  char digits[kDigits];
};

RecordHeader header_of(std::int64_t part, std::uint64_t item, const std::string& contents) {
  RecordHeader header{part, item, contents.size(), {}};
  std::memcpy(header.digits, sha256_hex(contents).data(), kDigits);
  return header;
}

bool read_at(int file, std::uint64_t at, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = pread(file, to, size, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got, at += static_cast<std::uint64_t>(got), size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Checkpoint::Checkpoint(const std::string& path, const std::string& work, const std::string& identity) : path_(path) {
  if (path.empty()) return;
  refuse_input(path);
  file_.number = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (file_.number < 0) throw_file_error(path, "can't be opened", errno);
  struct stat status {};
  if (fstat(file_.number, &status) != 0 || !S_ISREG(status.st_mode)) throw InputError(path, "", "not a regular file");
  if (flock(file_.number, LOCK_EX | LOCK_NB) != 0)
    throw InputError(path, "", "another " + work + " is using this checkpoint");
  const std::string format = "vitality " + work + " 1\n", start = format + identity + "\n";
  if (status.st_size == 0) {
    if (pwrite(file_.number, start.data(), start.size(), 0) != static_cast<ssize_t>(start.size()))
      throw_file_error(path, "can't be written", errno);
    end_ = start.size();
    return;
  }
  std::string found(start.size(), '\0');
  if (!read_at(file_.number, 0, found.data(), found.size()) || found.compare(0, format.size(), format) != 0)
    throw InputError(path, "", "not a checkpoint of this kind of work (" + work + ")");
  if (found != start)
    throw InputError(path, "",
                     "belongs to another " + work +
                         " (workload, weights, images or options differ), expected its own: "
                         "remove it or name another file");
  scan(start);
}

Checkpoint::Descriptor::~Descriptor() {
  if (number >= 0) close(number);
}

// Finds the complete records.
void Checkpoint::scan(const std::string& start) {
  struct stat status {};
  fstat(file_.number, &status);
  const auto length = static_cast<std::uint64_t>(status.st_size);
  std::string contents;
  for (end_ = start.size();;) {
    RecordHeader header;
    const std::uint64_t begin = end_ + sizeof header;
    if (begin > length || !read_at(file_.number, end_, reinterpret_cast<char*>(&header), sizeof header)) break;
    if (header.size > length - begin) break;
    contents.resize(header.size);
    if (!read_at(file_.number, begin, contents.data(), contents.size())) break;
    const RecordHeader expected = header_of(header.part, header.item, contents);
    if (std::memcmp(expected.digits, header.digits, kDigits) != 0) break;
    places_[{header.part, header.item}] = {begin, header.size};
    end_ = begin + header.size;
  }
}

std::string Checkpoint::read(std::int64_t part, std::size_t item) const {
  const Place& place = places_.at({part, item});
  std::string contents(place.size, '\0');
  if (!read_at(file_.number, place.begin, contents.data(), contents.size()))
    throw_file_error(path_, "can't be read", errno);
  return contents;
}

void Checkpoint::add(std::int64_t part, std::size_t item, const std::string& contents) {
  if (file_.number < 0) return;
  const RecordHeader header = header_of(part, item, contents);
  std::string record(reinterpret_cast<const char*>(&header), sizeof header);
  record += contents;
  for (std::size_t done = 0; done < record.size();) {
    const ssize_t written =
        pwrite(file_.number, record.data() + done, record.size() - done, static_cast<off_t>(end_ + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_file_error(path_, "can't be written", errno);
    done += static_cast<std::size_t>(written);
  }
  places_[{part, item}] = {end_ + sizeof header, contents.size()};
  end_ += record.size();
}

}  // namespace vitality
