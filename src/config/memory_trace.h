// Memory traces: lines `CYCLE R|W HEX_BYTE_ADDRESS` or `R|W HEX_BYTE_ADDRESS` (as soon as possible), with or without
// the prefix 0x; each line is one 64-byte request. Empty lines and lines that start with # are skipped. The file is
// read in pieces, so that a trace of any length needs little memory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/units.h"

namespace vitality {

struct MemoryRequest {
  std::int64_t cycle;  // never less than the one before; a line without a cycle has its predecessor's
  bool write;
  Bytes address;
};

class MemoryTraceReader {
 public:
  // Throws InputError when the file cannot be opened. Addresses must lie below `capacity`.
  MemoryTraceReader(const std::string& path, Bytes capacity);
  MemoryTraceReader(const MemoryTraceReader&) = delete;
  MemoryTraceReader& operator=(const MemoryTraceReader&) = delete;
  ~MemoryTraceReader();
  // False at the end. Throws InputError with the line's number.
  bool next(MemoryRequest& request);

 private:
  bool read_line();
  void parse(MemoryRequest& request);
  [[noreturn]] void reject(const std::string& message) const;

  std::string path_, line_;
  Bytes capacity_;
  std::FILE* file_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::int64_t line_number_ = 0, cycle_ = 0;
};

}  // namespace vitality
