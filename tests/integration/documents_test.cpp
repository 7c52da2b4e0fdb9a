// The documents against the tree: numbers of configs, the version, and every path that a text names.
#include <algorithm>
#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "base/json.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
namespace fs = std::filesystem;

namespace {

const fs::path kRoot = VITALITY_SOURCE_DIR;

std::vector<fs::path> files_of(const std::vector<std::string>& folders, const std::vector<std::string>& extensions) {
  std::vector<fs::path> files;
  for (const std::string& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (std::count(extensions.begin(), extensions.end(), entry.path().extension().string()) > 0)
        files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> documents() {
  std::vector<fs::path> files = files_of({"docs", "examples"}, {".md"});
  for (const char* name : {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}) files.push_back(kRoot / name);
  return files;
}

// The cells of a table's row, without spaces and backquotes; none for any other line.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  if (line.empty() || line[0] != '|') return cells;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) {
    cell.erase(std::remove(cell.begin(), cell.end(), '`'), cell.end());
    const std::size_t begin = cell.find_first_not_of(' '), end = cell.find_last_not_of(' ');
    cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, end - begin + 1));
  }
  return cells;
}

// The value at a dotted key, or nullptr.
const JsonValue* value_at(const JsonValue& document, const std::string& dotted) {
  const JsonValue* value = &document;
  std::istringstream keys(dotted);
  for (std::string key; value != nullptr && std::getline(keys, key, '.');) value = value->find(key);
  return value;
}

bool shows(const std::string& cell, const JsonValue* value) {
  if (value == nullptr) return cell == "-";
  switch (value->type) {
    case JsonValue::Type::kString:
      return cell == value->text;
    case JsonValue::Type::kBoolean:
      return cell == (value->boolean ? "true" : "false");
    case JsonValue::Type::kInteger:
    case JsonValue::Type::kNumber: {
      char* end = nullptr;
      return std::strtod(cell.c_str(), &end) == value->number && end != cell.c_str() && *end == '\0';
    }
    case JsonValue::Type::kNull:
    case JsonValue::Type::kArray:
    case JsonValue::Type::kObject:
      return false;
  }
  return false;
}

// A column headed FILE.json or FILE.json#dotted.key, relative to configs/.
struct ConfigColumn {
  std::size_t index;
  std::string file, prefix;
  JsonValue document;
};

std::vector<ConfigColumn> config_columns(const std::vector<std::string>& heading) {
  std::vector<ConfigColumn> columns;
  for (std::size_t i = 1; i < heading.size(); ++i) {
    const std::size_t hash = std::min(heading[i].find('#'), heading[i].size());
    const std::string file = heading[i].substr(0, hash);
    if (file.find(".json") == std::string::npos) continue;
    columns.push_back({i, file, hash < heading[i].size() ? heading[i].substr(hash + 1) + "." : "",
                       read_json_file((kRoot / "configs" / file).string())});
  }
  return columns;
}

}  // namespace

TEST_CASE("documents: tables headed key show what the files in configs say") {
  int compared = 0;
  for (const fs::path& path : documents()) {
    std::istringstream text(read_text(path.string()));
    std::vector<ConfigColumn> columns;
    for (std::string line; std::getline(text, line);) {
      const std::vector<std::string> cells = cells_of(line);
      if (cells.empty()) columns.clear();
      if (cells.empty() || cells[0].find("---") == 0) continue;
      if (cells[0] == "key") {
        columns = config_columns(cells);
        continue;
      }
      for (const ConfigColumn& column : columns) {
        INFO(path.string() << ": " << cells[0] << " of " << column.file);
        REQUIRE(column.index < cells.size());
        CHECK(shows(cells[column.index], value_at(column.document, column.prefix + cells[0])));
        ++compared;
      }
    }
  }
  CHECK(compared > 300);  // the tables of docs/hardware.md were found
}

TEST_CASE("documents: one version, that of the program") {
  const std::string printed = run_program({"--version"}).out;
  std::smatch found;
  REQUIRE(std::regex_match(printed, found, std::regex("vitality (\\d+\\.\\d+\\.\\d+)\n")));
  const std::string version = found[1], citation = read_text((kRoot / "CITATION.cff").string()),
                    changelog = read_text((kRoot / "CHANGELOG.md").string());
  REQUIRE(std::regex_search(citation, found, std::regex("\nversion: (\\S+)\n")));
  CHECK(found[1] == version);
  // The newest released section; "## Unreleased" stands above it.
  REQUIRE(std::regex_search(changelog, found, std::regex("\n## (\\d\\S*) - \\d{4}-\\d{2}-\\d{2}\n")));
  CHECK(found[1] == version);
}

TEST_CASE("documents: links lead to files") {
  const std::regex link("\\]\\(([^)#: ]+)(#[^)]*)?\\)");
  int links = 0;
  for (const fs::path& path : documents()) {
    const std::string text = read_text(path.string());
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it, ++links) {
      INFO(path.string() << " links to " << (*it)[1]);
      CHECK(fs::exists(path.parent_path() / (*it)[1].str()));
    }
  }
  CHECK(links > 20);
}
