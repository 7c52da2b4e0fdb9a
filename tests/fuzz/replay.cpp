// Runs a fuzzer over the files of its corpus, whatever the compiler. usage: replay_NAME FOLDER
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // the last one printed is the one that fails
    const std::string text = vitality::read_text_file(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
