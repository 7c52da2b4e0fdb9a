// The documents against the tree: numbers of configs, the version, and every path that a text names.
#include <algorithm>
#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "base/json.h"
#include "config/hardware_config_json.h"
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
  switch (value->type()) {
    case JsonValue::Type::kString:
      return cell == value->text();
    case JsonValue::Type::kBoolean:
      return cell == (value->boolean() ? "true" : "false");
    case JsonValue::Type::kInteger:
    case JsonValue::Type::kNumber: {
      char* end = nullptr;
      return std::strtod(cell.c_str(), &end) == value->number() && end != cell.c_str() && *end == '\0';
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
  JsonDocument document;
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

// The part of docs/interface.md below a heading of this text, up to the next heading of the same level or a higher one.
std::string interface_section(const std::string& heading) {
  const std::string text = read_text((kRoot / "docs/interface.md").string()), line = "\n" + heading + "\n";
  const std::size_t begin = text.find(line);
  if (begin == std::string::npos) return "";
  const std::size_t level = heading.find(' ');
  std::size_t end = begin + line.size();
  do {
    end = text.find("\n#", end + 1);
  } while (end != std::string::npos && text.find(' ', end) - end - 1 > level);
  return text.substr(begin, end == std::string::npos ? end : end - begin);
}

bool names(const std::string& text, const std::string& word) {
  return text.find("`" + word + "`") != std::string::npos;
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

TEST_CASE("docs/interface.md names every command and option of --help") {
  const std::string help = run_program({"--help"}).out;
  const std::regex command("\n  ([a-z]+) +[a-z]"), option("\n +(?:-\\w \\[ )?--([a-z0-9-]+)");
  int options = 0;
  for (std::sregex_iterator it(help.begin(), help.end(), command), end; it != end; ++it) {
    const std::string name = (*it)[1], section = interface_section("### " + name),
                      own = run_program({name, "--help"}).out;
    INFO("docs/interface.md, command " << name);
    CHECK(!section.empty());
    for (std::sregex_iterator o(own.begin(), own.end(), option); o != end; ++o) {
      if ((*o)[1] == "help" || (*o)[1] == "version") continue;  // of every command
      INFO("option --" << (*o)[1]);
      CHECK(names(section, "--" + (*o)[1].str()));
      ++options;
    }
  }
  CHECK(options > 60);
}

// What a page of docs/interface says of each key or field: the cells of its row.
std::map<std::string, std::vector<std::string>> interface_rows(const std::string& page) {
  std::map<std::string, std::vector<std::string>> rows;
  std::istringstream text(read_text((kRoot / page).string()));
  for (std::string line; std::getline(text, line);)
    if (const auto cells = cells_of(line); cells.size() > 2) rows[cells[0]] = cells;
  return rows;
}

TEST_CASE("docs/interface names every key of a config with its default") {
  const JsonDocument defaults = parse_json(write_json(HardwareConfig{}), "defaults");
  const auto rows = interface_rows("docs/interface/config.md");
  for (const std::string& key : hardware_config_keys()) {
    const bool of_a_library = key.find("dram.device.") == 0 || key.find("energy.") == 0;
    if (key.find("energy.format.") == 0) continue;
    const std::string shown =
        !of_a_library ? key : key.substr(key.find("dram.device.") == 0 ? 12 : 7);  // the page has tables of their own
    INFO("docs/interface/config.md, key " << key);
    REQUIRE(rows.count(shown) == 1);
    const JsonValue* value = value_at(defaults, key);
    REQUIRE(value != nullptr);
    if (value->type() == JsonValue::Type::kObject || value->type() == JsonValue::Type::kArray || shown == "name" ||
        shown == "source" || shown == "technology_nm")
      continue;  // of a file, or of the config and of a file
    CHECK(shows(rows.at(shown)[3], value));
  }
}

TEST_CASE("docs/interface names the fields of a result") {
  const ScratchFolder scratch;
  const std::string file = scratch.path("result.json");
  REQUIRE(run_program({"run", "--config", "configs/vitality.json", "--workload", "workloads/tiny_vit.json", "--quiet",
                       "--result", file})
              .exit_code == 0);
  const JsonDocument result = read_json_file(file);
  const auto rows = interface_rows("docs/interface/result.md");
  // Members of maps (units, actions, causes) are data.
  const auto check = [&](const JsonValue* record, const std::string& prefix) {
    REQUIRE(record != nullptr);
    for (const JsonMember& member : record->members()) {
      INFO("docs/interface/result.md, field " << prefix << member.key);
      CHECK(rows.count(prefix + std::string(member.key)) == 1);
    }
  };
  check(&result, "");
  for (const std::string key : {"manifest", "workload", "batch", "numerics", "totals", "totals.operations", "timeline",
                                "energy_breakdown_pj", "roofline"})
    check(value_at(result, key), key + ".");
  check(&result.find("layers")->items()[0], "layers[].");
  check(result.find("layers")->items()[0].find("bytes"), "layers[].bytes.");
  check(result.find("layers")->items()[0].find("roofline"), "layers[].roofline.");
  check(&result.find("units")->items()[0], "units[].");
}

TEST_CASE("documents: paths of the tree that a document names exist") {
  const std::regex named("`((?:src|models|tests|configs|scripts|docs|workloads|examples|bench)/[a-z0-9_./-]*)`");
  int paths = 0;
  for (const fs::path& path : documents()) {
    const std::string text = read_text(path.string());
    for (std::sregex_iterator it(text.begin(), text.end(), named), end; it != end; ++it, ++paths) {
      INFO(path.string() << " names " << (*it)[1]);
      CHECK(fs::exists(kRoot / (*it)[1].str()));
    }
  }
  CHECK(paths > 50);
}

TEST_CASE("documents: comments cite documents that a clone has") {
  const std::regex cited("([A-Za-z0-9_./-]*)\\b([a-z0-9_-]+\\.md)\\b");
  for (const fs::path& path : files_of({"src", "models", "tests", "bench", "configs", "workloads"},
                                       {".h", ".cpp", ".json", ".cmake", ".sv", ".js"})) {
    const std::string text = read_text(path.string());
    for (std::sregex_iterator it(text.begin(), text.end(), cited), end; it != end; ++it) {
      INFO(path.string() << " cites " << it->str());
      CHECK((fs::exists(kRoot / it->str()) || fs::exists(path.parent_path() / it->str())));
    }
  }
}
