#include "cli/shipped_files.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/folder.h"

namespace vitality::cli {

namespace fs = std::filesystem;

void require_file(const std::string& path, const char* folder) {
  std::error_code error;
  if (fs::exists(path, error)) return;
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(folder, error))
    if (entry.extension() == ".json") names.push_back(entry.stem().string());
  std::sort(names.begin(), names.end());
  const std::string near = nearest_name(fs::path(path).stem().string(), names);
  throw InputError(path, "",
                   "cannot open: No such file or directory" +
                       (near.empty() ? "" : " (did you mean \"" + std::string(folder) + "/" + near + ".json\"?)"));
}

}  // namespace vitality::cli
