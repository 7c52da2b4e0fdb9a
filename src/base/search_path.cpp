#include "base/search_path.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/folder.h"
#include "base/json.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return !error && fs::exists(status) && !fs::is_directory(status);
}

bool holds_shipped_files(const fs::path& folder) {
  return is_file(folder / "configs" / "vitality.json");
}

std::vector<std::string> find_shipped_folders() {
  std::vector<std::string> folders;
  const char* const variable = std::getenv("VITALITY_PATH");
  std::string rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) folders.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const char* const way : {"../share/vitality", "../.."}) {
    const fs::path folder = (program.parent_path() / way).lexically_normal();
    if (error || !holds_shipped_files(folder)) continue;
    folders.push_back(folder.string());
    break;
  }
  return folders;
}

void add_names(const fs::path& folder, std::vector<std::string>& names) {
  std::error_code error;
  for (const fs::path& entry : entries_of(folder, error))
    if (entry.extension() == ".json") names.push_back(entry.stem().string());
}

std::string list_of(const std::vector<fs::path>& looked_in) {
  std::string places;
  for (const fs::path& place : looked_in)
    places += (places.empty() ? "" : ", ") + quoted(place.empty() ? "." : place.string());
  return places.empty() ? "" : "; looked in " + places + " too";
}

[[noreturn]] void refuse(const std::string& name, const std::string& folder, const std::vector<fs::path>& looked_in) {
  // A slip in the name of an own file: what lies beside it.
  const fs::path own = fs::path(name).parent_path();
  std::vector<std::string> names, beside;
  for (const fs::path& place : {fs::path("."), looked_in.empty() ? fs::path(".") : looked_in.front()})
    add_names(place / own, beside);
  if (const std::string near = nearest_name(fs::path(name).stem().string(), beside); !near.empty())
    throw InputError(name, "",
                     "cannot open: No such file or directory (did you mean \"" + (own / (near + ".json")).string() +
                         "\"?)" + list_of(looked_in));
  add_names(folder, names);
  for (const fs::path& place : looked_in) add_names(place / folder, names);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::string near = nearest_name(fs::path(name).stem().string(), names);
  throw InputError(name, "",
                   "cannot open: No such file or directory" +
                       (near.empty() ? "" : " (did you mean \"" + folder + "/" + near + ".json\"?)") +
                       list_of(looked_in));
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// A name that the system cannot open is not the name of a shipped file either; its reader says why.
bool cannot_be_opened(const std::string& name) {
  return name.empty() || name.find('\0') != std::string::npos || name.size() > 4000;
}

}  // namespace

const std::vector<std::string>& shipped_folders() {
  static const std::vector<std::string> folders = find_shipped_folders();
  return folders;
}

std::string find_file(const std::string& name, const std::string& folder, const std::string& beside) {
  if (cannot_be_opened(name)) return name;
  std::vector<fs::path> looked_in;
  if (!beside.empty()) {
    const fs::path near = fs::path(beside).parent_path() / name;
    if (is_file(near)) return near.string();
  }
  std::error_code error;
  if (is_file(name)) return name;
  if (!fs::path(name).is_absolute()) {
    if (!beside.empty()) looked_in.push_back(fs::path(beside).parent_path());
    for (const std::string& place : shipped_folders()) looked_in.emplace_back(place);
    for (const fs::path& place : looked_in)
      for (const fs::path& candidate : {place / name, place / folder / name, place / folder / (name + ".json")})
        if (is_file(candidate)) return candidate.string();
  }
  if (fs::exists(name, error)) return name;  // a folder, or nothing that can be read: its reader says so
  refuse(name, folder, looked_in);
}

std::string find_folder(const std::string& name, const std::string& folder) {
  std::error_code error;
  if (cannot_be_opened(name) || fs::path(name).is_absolute() || fs::exists(name, error)) return name;
  std::vector<fs::path> looked_in;
  for (const std::string& place : shipped_folders()) looked_in.emplace_back(place);
  for (const fs::path& place : looked_in)
    for (const fs::path& candidate : {place / name, place / folder / name})
      if (is_folder(candidate)) return candidate.string();
  throw InputError(name, "", "can't be read as a folder of .npy files: No such file or directory" + list_of(looked_in));
}

std::string find_data(const std::string& name) {
  std::error_code error;
  if (cannot_be_opened(name) || fs::path(name).is_absolute() || fs::exists(name, error)) return name;
  for (const std::string& place : shipped_folders())
    if (const fs::path candidate = fs::path(place) / name; is_file(candidate)) return candidate.string();
  return name;
}

}  // namespace vitality
