// The entries of a folder. This does not use directory_iterator::increment(error_code): in libstdc++ it is noexcept but
// allocates, so a lack of memory would end the program without a message.
#pragma once

#include <filesystem>
#include <system_error>
#include <vector>

namespace vitality {

// In the file system's order. `error` says why there are none, or not all.
inline std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder, std::error_code& error) {
  std::vector<std::filesystem::path> entries;
  error.clear();
  try {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) entries.push_back(entry.path());
  } catch (const std::filesystem::filesystem_error& failure) {
    error = failure.code();
  }
  return entries;
}

}  // namespace vitality
