#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vitality::fuzz {

void broken(const std::string& promise) {
  std::fprintf(stderr, "broken promise: %s\n", promise.c_str());
  std::abort();
}

InputFile::InputFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
  if (descriptor_ < 0) broken("a file in memory can be made");
  for (std::size_t at = 0; at < size;) {
    const ssize_t written = write(descriptor_, data + at, size - at);
    if (written <= 0) broken("a file in memory can be written");
    at += static_cast<std::size_t>(written);
  }
}

InputFile::~InputFile() {
  close(descriptor_);
}

const std::string& scratch_folder() {
  struct Folder {
    std::string path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "vitality_fuzz.XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) broken("a folder can be made in " + name);
      path = name;
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path;
}

void write_file(const std::string& path, const std::uint8_t* data, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
}

}  // namespace vitality::fuzz
