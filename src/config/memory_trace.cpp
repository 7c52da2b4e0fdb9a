#include "config/memory_trace.h"

#include <cerrno>
#include <cstring>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/output_file.h"

namespace vitality {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16, kMaxLine = 200;
constexpr std::int64_t kMaxCycle = std::int64_t{1} << 50;

// The next word of `line` from `at` on; "" at the end.
std::string next_word(const std::string& line, std::size_t& at) {
  const std::size_t from = line.find_first_not_of(" \t\r", at);
  if (from == std::string::npos) return at = line.size(), "";
  at = std::min(line.find_first_of(" \t\r", from), line.size());
  return line.substr(from, at - from);
}

// A word as it may be printed: unprintable bytes as dots, cut to 40 characters.
std::string printable(const std::string& word) {
  std::string text = "\"" + word.substr(0, 40) + (word.size() > 40 ? "...\"" : "\"");
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '.';
  }
  return text;
}

bool parse_number(const std::string& word, unsigned base, std::int64_t limit, std::int64_t& value) {
  value = 0;
  for (const char c : word) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 99;
    if (digit >= base || value > (limit - digit) / base) return false;
    value = value * base + digit;
  }
  return !word.empty();
}

}  // namespace

MemoryTraceReader::MemoryTraceReader(const std::string& path, Bytes capacity)
    : path_(path), capacity_(capacity), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) throw_file_error(path, "cannot be read", errno);
  note_input(file_);
}

MemoryTraceReader::~MemoryTraceReader() {
  std::fclose(file_);
}

void MemoryTraceReader::reject(const std::string& message) const {
  throw InputError(path_, "", "line " + std::to_string(line_number_) + ": " + message);
}

bool MemoryTraceReader::read_line() {
  line_.clear();
  ++line_number_;
  while (true) {
    if (at_ == buffer_.size()) {
      buffer_.resize(kBufferBytes);
      errno = 0;
      buffer_.resize(std::fread(&buffer_[0], 1, kBufferBytes, file_));
      at_ = 0;
      if (std::ferror(file_)) throw_file_error(path_, "cannot be read", errno);
      if (buffer_.empty()) return !line_.empty();
    }
    const std::size_t end = std::min(buffer_.find('\n', at_), buffer_.size());
    line_.append(buffer_, at_, end - at_);
    if (line_.size() > kMaxLine)
      reject("longer than " + std::to_string(kMaxLine) + " characters, expected [CYCLE] R|W HEX_ADDRESS");
    at_ = end;
    if (end < buffer_.size()) return ++at_, true;
  }
}

void MemoryTraceReader::parse(MemoryRequest& request) {
  std::size_t at = 0;
  std::string word = next_word(line_, at);
  if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
    std::int64_t cycle = 0;
    if (!parse_number(word, 10, kMaxCycle, cycle)) reject("expected a cycle from 0 to 2^50, found " + printable(word));
    if (cycle < cycle_)
      reject("cycle " + word + " comes before cycle " + std::to_string(cycle_) + " of an earlier line");
    cycle_ = cycle;
    word = next_word(line_, at);
  }
  if (word != "R" && word != "W")
    reject("expected " + std::string(at == word.size() ? "a cycle, R or W" : "R or W") + ", found " + printable(word));
  request.cycle = cycle_;
  request.write = word == "W";
  word = next_word(line_, at);
  const bool prefix = word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
  if (!parse_number(prefix ? word.substr(2) : word, 16, INT64_MAX, request.address)) {
    reject("expected a byte address in hexadecimal, found " + printable(word));
  }
  if (request.address >= capacity_) {
    reject("address " + printable(word) + " lies outside the memory of " + std::to_string(capacity_) + " bytes");
  }
  word = next_word(line_, at);
  if (!word.empty()) reject("expected nothing after the address, found " + printable(word));
}

bool MemoryTraceReader::next(MemoryRequest& request) {
  while (read_line()) {
    const std::size_t first = line_.find_first_not_of(" \t\r");
    if (first == std::string::npos || line_[first] == '#') continue;
    parse(request);
    return true;
  }
  return false;
}

}  // namespace vitality
