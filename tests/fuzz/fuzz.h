// What the fuzzers share. A fuzzer is one file with LLVMFuzzerTestOneInput: clang's libFuzzer drives it (preset fuzz,
// scripts/fuzz), and replay.cpp runs it over its corpus with any compiler (ctest -R corpus).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace vitality::fuzz {

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

// A reader returns, or says what is wrong with the input; any other exception ends the process.
template <class Read>
void accepts_or_refuses(const Read& read) {
  try {
    read();
  } catch (const InputError&) {
  }
}

// A file in memory that holds the input, for readers that open a path.
class InputFile {
 public:
  InputFile(const std::uint8_t* data, std::size_t size);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// A folder of this process, made at the first call and removed at its end.
const std::string& scratch_folder();
void write_file(const std::string& path, const std::uint8_t* data, std::size_t size);

// What a broken promise looks like to a fuzzer.
[[noreturn]] void broken(const std::string& promise);

}  // namespace vitality::fuzz
