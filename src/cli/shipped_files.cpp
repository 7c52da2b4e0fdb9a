#include "cli/shipped_files.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace vitality::cli {

namespace fs = std::filesystem;

void require_file(const std::string& path, const char* folder) {
  std::error_code error;
  if (fs::exists(path, error)) return;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".json") names.push_back(it->path().stem().string());
  std::sort(names.begin(), names.end());
  const std::string near = nearest_name(fs::path(path).stem().string(), names);
  throw InputError(path, "",
                   "cannot open: No such file or directory" +
                       (near.empty() ? "" : " (did you mean \"" + std::string(folder) + "/" + near + ".json\"?)"));
}

}  // namespace vitality::cli
