// `vitality report` as a user runs it: pages and figures appear whole or not at all, bad input is exit 2.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/program.h"

using namespace vitality::test;

namespace {

const std::string kGolden = std::string(VITALITY_SOURCE_DIR) + "/tests/golden/report/";

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
bool has_tools_of_figures() {
  return std::filesystem::exists("/usr/bin/gnuplot") && std::filesystem::exists("/usr/bin/pdftocairo");
}
std::size_t file_count(const std::string& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += !entry.path().empty();
  return count;
}

const char* const kSpec = R"({"base":"configs/vitality.json","workloads":["workloads/tiny_vit.json"],
  "axes":{"matrix_engine.rows":[16,32],"dram.channels":[1,4]},"numerics":"off"})";

}  // namespace

TEST_CASE("report writes one page from results, a comparison and a sweep's folder, the same bytes each time") {
  const ScratchFolder scratch;
  const std::string spec = scratch.write("spec.json", kSpec), out = scratch.path("sweep"),
                    page = scratch.path("page.html");
  REQUIRE(run_program({"sweep", "--spec", spec, "--out", out, "--quiet"}).exit_code == 0);
  const std::vector<std::string> words{"report", kGolden + "vitality.json", kGolden + "comparison.json", out, "--html",
                                       page};
  const ProgramResult run = run_program(words);
  CHECK(run.err == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.out.find("1 result, 1 comparison, 1 sweep, 4 points") != std::string::npos);
  const std::string first = content(page);
  CHECK(first.rfind("<!DOCTYPE html>", 0) == 0);
  CHECK(first.find("</html>") != std::string::npos);
  CHECK(first.find("matrix_engine.rows") != std::string::npos);
  REQUIRE(run_program(words).exit_code == 0);
  CHECK(content(page) == first);
  CHECK(file_count(scratch.path()) == 3);  // nothing left beside it

  SECTION("the exported results.json gives the same data as the store") {
    const std::string other = scratch.path("other.html");
    REQUIRE(run_program({"report", out + "/results.json", "--html", other}).exit_code == 0);
    REQUIRE(run_program({"report", out, "--html", page}).exit_code == 0);
    std::string a = content(page), b = content(other);
    const std::string name = out + "/results.json";
    b.replace(b.find(name), name.size(), out);
    CHECK(a == b);
  }
  SECTION("a folder without the store is read through its results.json") {
    std::filesystem::remove(out + "/results.sqlite");
    CHECK(run_program({"report", out, "--html", page}).exit_code == 0);
  }
}

TEST_CASE("report refuses bad input and leaves what was there") {
  const ScratchFolder scratch;
  const std::string page = scratch.write("page.html", "old");
  const auto refuses = [&](const std::vector<std::string>& inputs, const std::string& message) {
    std::vector<std::string> words{"report", "--html", page};
    words.insert(words.end(), inputs.begin(), inputs.end());
    const ProgramResult run = run_program(words);
    CHECK(run.exit_code == 2);
    CAPTURE(run.err);
    CHECK(run.err.rfind("error: ", 0) == 0);
    CHECK(run.err.find(message) != std::string::npos);
    CHECK(content(page) == "old");
  };
  refuses({}, "expected at least one result");
  refuses({scratch.path("missing.json")}, "missing.json");
  refuses({scratch.write("empty.json", "")}, "empty.json");
  refuses({scratch.write("half.json", content(kGolden + "vitality.json").substr(0, 5000))}, "half.json: ");
  refuses({"configs/vitality.json"}, "configs/vitality.json: expected a result");
  refuses({scratch.path()}, "no folder of a sweep");
  std::filesystem::create_directory(scratch.path("damaged"));
  scratch.write("damaged/results.sqlite", "not a database, not a database, not a database");
  refuses({scratch.path("damaged")}, "results.sqlite");
  refuses({kGolden + "vitality.json", scratch.write("deep.json", std::string(100000, '['))}, "deep.json");
  refuses({scratch.write("bytes.json", std::string("{\"layers\": \"\xff\"}"))}, "bytes.json");
  refuses({"--htm", "x"}, "--html");
  CHECK(run_program({"report", kGolden + "vitality.json"}).exit_code == 2);
  CHECK(run_program({"report", kGolden + "vitality.json", "--html", scratch.path("no/such/page.html")}).exit_code == 2);
  CHECK(run_program({"report", kGolden + "vitality.json", "--html", "/dev/full/page.html"}).exit_code == 2);
}

TEST_CASE("report --svg writes every figure as SVG and PDF") {
  if (!has_tools_of_figures()) {
    WARN("skipped: gnuplot or pdftocairo is not installed");
    return;
  }
  const ScratchFolder scratch;
  const std::string folder = scratch.path("figures");
  const ProgramResult run = run_program({"report", kGolden + "vitality.json", kGolden + "dense_softmax.json",
                                         kGolden + "comparison.json", "--svg", folder});
  CHECK(run.err == "");
  REQUIRE(run.exit_code == 0);
  std::size_t figures = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string text = content(entry.path().string());
    CAPTURE(entry.path().string());
    if (entry.path().extension() == ".svg") {
      ++figures;
      CHECK(text.find("<svg") != std::string::npos);
      CHECK(text.find("</svg>") != std::string::npos);
      // Letters are paths: nothing on the page is left to a font of the reader's computer.
      for (const char* const fonts : {"<text", "<tspan", "font-family", "@font-face"})
        CHECK(text.find(fonts) == std::string::npos);
      CHECK(text.find("href=\"#glyph") != std::string::npos);
    } else {
      CHECK(text.rfind("%PDF-", 0) == 0);
    }
  }
  CHECK(figures >= 16);
  CHECK(file_count(folder) == 2 * figures);
}

TEST_CASE("report --svg without its tools says what to install") {
  const ScratchFolder scratch;
  const char* const path = std::getenv("PATH");
  const std::string before = path != nullptr ? path : "";
  const auto expect = [&](const std::string& missing) {
    setenv("PATH", scratch.path("tools").c_str(), 1);
    const ProgramResult run = run_program({"report", kGolden + "vitality.json", "--svg", scratch.path("figures")});
    setenv("PATH", before.c_str(), 1);
    CHECK(run.exit_code == 2);
    CHECK(run.err.find(missing + " is not installed") != std::string::npos);
    CHECK(run.err.find("gnuplot-nox poppler-utils") != std::string::npos);
    CHECK(!std::filesystem::exists(scratch.path("figures")));
  };
  std::filesystem::create_directory(scratch.path("tools"));
  expect("gnuplot");
  if (!has_tools_of_figures()) return;
  std::filesystem::create_symlink("/usr/bin/gnuplot", scratch.path("tools/gnuplot"));
  expect("pdftocairo");
}

namespace {

// What the page's script reads: between the marks of its data element.
nlohmann::json data_of_page(const std::string& page) {
  const std::string mark = "id=\"data\">";
  const std::size_t begin = page.find(mark) + mark.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

// Every scalar below, with its JSON pointer.
void walk(const nlohmann::json& value, const std::string& pointer, std::map<std::string, nlohmann::json>& out) {
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) walk(item, pointer + "/" + key, out);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) walk(value[i], pointer + "/" + std::to_string(i), out);
  } else {
    out[pointer] = value;
  }
}

}  // namespace

TEST_CASE("every field of a result of any kind of run is on its page") {
  const ScratchFolder scratch;
  const std::vector<std::vector<std::string>> runs{
      {"--config", "configs/vitality.json", "--batch", "2"},
      {"--config", "configs/vitality_training.json", "--mode", "training"},
      {"--config", "configs/sanger.json"},
      {"--config", "configs/vitality.json", "--set", "dram.model=banked", "--numerics", "off"},
      {"--config", "configs/vitality.json", "--set", "attention=auto", "--what-if", "--numerics", "off"},
      {"--config", "configs/gpu_h100.json"},
      {"--config", "configs/sanger.json", "--set", "cost_model=as_published"}};
  std::set<std::string> kinds;  // of fields, over all runs
  for (const std::vector<std::string>& more : runs) {
    std::vector<std::string> words{"run",     "--workload", "workloads/tiny_vit.json",
                                   "--quiet", "--result",   scratch.path("r.json")};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult run = run_program(words);
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    REQUIRE(run_program({"report", scratch.path("r.json"), "--html", scratch.path("r.html"), "--quiet"}).exit_code ==
            0);
    const nlohmann::json result = nlohmann::json::parse(content(scratch.path("r.json")));
    const nlohmann::json page = data_of_page(content(scratch.path("r.html")))["results"][0];
    std::map<std::string, nlohmann::json> fields, shown;
    walk(result, "", fields), walk(page["result"], "", shown);
    for (const auto& [pointer, value] : fields) {
      INFO(pointer);
      REQUIRE(shown.count(pointer) == 1);
      CHECK(shown[pointer] == value);
    }
    for (const auto& [key, value] : result.items()) kinds.insert(key);
    if (result.contains("training"))
      CHECK_THAT(content(scratch.path("r.html")), Catch::Contains("optimizer_state") && Catch::Contains("gradients"));
  }
  for (const char* part : {"training", "what_if", "attention_choices", "mask_source", "batch", "energy_uncertainty"})
    CHECK(kinds.count(part) == 1);  // the runs above do have them
}
