// What the JSON reader may take: at most ten times the file, and time in proportion to it. Each case runs in a child
// whose address space is limited, so the answer does not depend on the machine. AddressSanitizer's own memory does not
// fit such a limit.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <new>
#include <string>
#include <string_view>

#include "base/json.h"
#include "report/page/html_page.h"
#include "report/read/report_input.h"

using namespace vitality;

#if !defined(__SANITIZE_ADDRESS__)

namespace {

constexpr std::size_t kFileBytes = 8U << 20;
// malloc's own steps and the parser's tables, whatever the file's size.
constexpr std::size_t kFixedBytes = 2U << 20;

std::size_t address_space() {
  std::size_t pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  CHECK(std::fscanf(file, "%zu", &pages) == 1);
  std::fclose(file);
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

enum Outcome { kAccepted = 0, kRefused = 1, kOutOfMemory = 2, kOther = 3 };

// In a child with so much address space more than this process has now.
int outcome_within(std::size_t bytes, const std::function<void()>& read) {
  // What the parent freed would be room that the limit does not see.
  mallopt(M_MMAP_THRESHOLD, 1 << 17);
  malloc_trim(0);
  const std::size_t before = address_space();
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{before + bytes, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    try {
      read();
    } catch (const InputError&) {
      _exit(kRefused);
    } catch (const std::bad_alloc&) {
      _exit(kOutOfMemory);
    } catch (...) {
      _exit(kOther);
    }
    _exit(kAccepted);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kOther;
}

// kFileBytes of `item(0),item(1),...` between `open` and `close`.
std::string filled(const std::string& open, const std::function<std::string(std::size_t)>& item,
                   const std::string& close) {
  std::string text = open;
  text.reserve(kFileBytes + 64);
  for (std::size_t i = 0; text.size() < kFileBytes; ++i) text += (i == 0 ? "" : ",") + item(i);
  return text + close;
}

std::string repeated(const std::string& piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

std::string short_key(std::size_t i) {
  std::string key;
  for (; i > 0 || key.empty(); i /= 64) key += static_cast<char>('0' + i % 64 + (i % 64 >= 44 ? 1 : 0));
  return key;
}

struct Shape {
  const char* name;
  std::string text;
  Outcome outcome = kAccepted;
};

std::vector<Shape> hostile_shapes() {
  const auto always = [](const char* item) { return [item](std::size_t) { return std::string(item); }; };
  // As deep as is allowed, one value a level: the most values that a byte of text can make.
  const std::string deep = repeated("[", kMaxJsonDepth - 1) + repeated("]", kMaxJsonDepth - 1);
  return {{"zeros", filled("[", always("0"), "]")},
          {"empty arrays", filled("[", always("[]"), "]")},
          {"empty objects", filled("[", always("{}"), "]")},
          {"empty strings", filled("[", always("\"\""), "]")},
          {"arrays of one", filled("[", always("[0]"), "]")},
          {"objects of one", filled("[", always("{\"\":0}"), "]")},
          {"deep arrays", filled("[", always(deep.c_str()), "]"), kRefused},
          {"one object", filled(
                             "{", [](std::size_t i) { return "\"" + short_key(i) + "\":0"; }, "}")},
          {"one string", filled("[\"", always("x"), "\"]")}};
}

}  // namespace

TEST_CASE("json: a document and its text take at most ten times the file") {
  for (const Shape& shape : hostile_shapes()) {
    INFO(shape.name << ", " << shape.text.size() << " bytes");
    const int outcome =
        outcome_within(9 * shape.text.size() + kFixedBytes, [&] { parse_json(shape.text, "hostile.json"); });
    CHECK(outcome == shape.outcome);
  }
}

TEST_CASE("json: a hundred thousand bare brackets are a document, more are none") {
  const std::string deep = repeated("[", 50) + repeated("]", 50);  // 50 arrays
  const auto list = [&](std::size_t times) {
    std::string text = "[";
    for (std::size_t i = 0; i < times; ++i) text += (i == 0 ? "" : ",") + deep;
    return text + "]";
  };
  CHECK(parse_json(list(1999), "f").items().size() == 1999);
  CHECK_THROWS_WITH(parse_json(list(2000), "f"),
                    "f: 100001 arrays and objects in 202001 bytes, expected values in them");
}

TEST_CASE("json: a limit on memory is seen by this test") {
  const std::string zeros = hostile_shapes().front().text;  // 16 bytes of document for 2 of text
  CHECK(outcome_within(7 * zeros.size(), [&] { parse_json(zeros, "hostile.json"); }) == kOutOfMemory);
}

TEST_CASE("json: a report refuses what is none within ten times the file") {
  for (const Shape& shape : hostile_shapes()) {
    INFO(shape.name);
    ReportInput input;
    const int outcome = outcome_within(10 * shape.text.size() + kFixedBytes,
                                       [&] { add_report_document(shape.text, "hostile.json", input); });
    CHECK(outcome == kRefused);
  }
}

TEST_CASE("json: the page of a result takes at most ten times the file") {
  const std::string golden = read_text_file(std::string(VITALITY_SOURCE_DIR) + "/tests/golden/report/vitality.json");
  for (const Shape& shape : hostile_shapes()) {
    if (shape.outcome != kAccepted) continue;
    INFO(shape.name);
    const std::string text = "{\"more\":" + shape.text + "," + golden.substr(1);
    const int outcome = outcome_within(10 * text.size() + kFixedBytes, [&] {  // its text among them
      ReportInput input;
      add_report_document(text, "hostile.json", input);
      write_html_page(input, "title", [](std::string_view) {});
    });
    CHECK(outcome == kAccepted);
  }
}

#endif

TEST_CASE("json: members of a large object are found, missed and seen twice without looking at all others") {
  constexpr std::size_t kMembers = 300000;  // a search through all for each would take minutes
  std::string text = "{";
  for (std::size_t i = 0; i < kMembers; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i);
  const JsonDocument document = parse_json(text + "}", "f");
  std::size_t found = 0;
  for (std::size_t i = 0; i < kMembers; ++i) {
    const JsonValue* value = document.find(std::to_string(i));
    found += value != nullptr && value->integer() == static_cast<std::int64_t>(i);
  }
  CHECK(found == kMembers);
  CHECK(document.find("300000") == nullptr);
  CHECK(document.find("") == nullptr);
  CHECK_THROWS_WITH(parse_json(text + ",\"7\":0,\"5\":0}", "f"), "f: /7: duplicate key, expected each key once");
}

TEST_CASE("json: of many errors the first hundred are kept, and the rest costs nothing") {
  std::string text = "{";
  for (std::size_t i = 0; i < 300000; ++i) text += (i ? ",\"x" : "\"x") + std::to_string(i) + "\":0";
  const JsonDocument document = parse_json(text + "}", "f");
  Diagnostics diagnostics("f", Diagnostics::Mode::kCollect);
  ObjectReader reader(document, "", diagnostics);
  int rows = 0;
  reader.integer("rows", rows, 0, 1);
  reader.finish();
  CHECK(diagnostics.errors().size() == Diagnostics::kMaxErrors);
  CHECK(diagnostics.full());
  CHECK(diagnostics.errors().back().what() == std::string("f: /x99: unknown key"));
}
