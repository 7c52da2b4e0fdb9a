// Writes formatted text into a stream through a buffer of 64 KiB. FMT_COMPILE: formatting is most of the cost of a
// trace.
#pragma once

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <utility>

namespace vitality {

class TraceStream {
 public:
  explicit TraceStream(std::FILE* stream) : stream_(stream) {}

  template <class Format, class... Values>
  void print(const Format& format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
    if (out_.size() > (1U << 16)) flush();
  }
  void flush() {
    std::fwrite(out_.data(), 1, out_.size(), stream_);
    out_.clear();
  }

 private:
  std::FILE* stream_;
  fmt::memory_buffer out_;
};

}  // namespace vitality
