// Bad configs and workloads through the built program: exit code 2, the file, the place and a reason on stderr, nothing
// on stdout.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using nlohmann::json;
using namespace vitality::test;

namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;

json shipped(const std::string& name) {
  return json::parse(read_text(kRoot + "/" + name));
}

struct Case {
  const char* what;
  const char* pointer;   // where a value is put ("" = the whole document)
  const char* value;     // JSON
  const char* expected;  // on stderr, after "FILE: "
};

void check_cases(const std::string& base, const std::vector<Case>& cases) {
  const ScratchFolder folder;
  for (const Case& c : cases) {
    INFO(c.what);
    json document = shipped(base);
    document[json::json_pointer(c.pointer)] = json::parse(c.value);
    const std::string file = folder.write("x.json", document.dump());
    const ProgramResult result = run_program({"validate", file});
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Catch::StartsWith("error: " + file + ": "));
    CHECK_THAT(result.err, Catch::Contains(c.expected));
  }
}

void check_text(const std::string& what, const std::string& text, const std::string& expected) {
  INFO(what);
  const ScratchFolder folder;
  const std::string file = folder.write("x.json", text);
  const ProgramResult result = run_program({"validate", file});
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Catch::StartsWith("error: " + file + ": "));
  CHECK_THAT(result.err, Catch::Contains(expected));
  for (const char c : result.err) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
}

}  // namespace

TEST_CASE("hostile files: what is not JSON") {
  const std::string config = read_text(kRoot + "/configs/vitality.json");
  check_text("empty", "", "empty, expected JSON");
  check_text("blank", " \n\t ", "empty, expected JSON");
  check_text("one brace", "{", "line 1, column 2");
  check_text("cut in the middle", config.substr(0, config.size() / 3), "parse error at line");
  check_text("cut near the end", config.substr(0, config.size() - 3), "parse error at line");
  check_text("trailing brace", config + "}", "expected end of input");
  check_text("two documents", "{} {}", "expected end of input");
  check_text("zero bytes", std::string(64, '\0'), "parse error");
  std::string junk;
  for (int i = 0; i < 512; ++i) junk += static_cast<char>((i * 167 + 13) % 256);
  check_text("binary", junk, "parse error");
  check_text("byte order mark", "\xef\xbb\xbf{}", "byte order mark");
  check_text("invalid UTF-8", "{\"name\": \"\xff\xfe\"}", "parse error");
  check_text("100000 brackets", std::string(100000, '['), "nested deeper");
  check_text(
      "100000 objects",
      [] {
        std::string text;
        for (int i = 0; i < 100000; ++i) text += "{\"a\":";
        return text;
      }(),
      "nested deeper");
  check_text("huge", "\"" + std::string(5U << 20, 'x') + "\"", "larger than the limit");
  check_text("comment", "{} // hello", "parse error");
  check_text("single quotes", "{'name': 1}", "parse error");
  check_text("NaN", "{\"clock_mhz\": NaN}", "parse error");
  check_text("infinity", "{\"clock_mhz\": Infinity}", "parse error");
  check_text("number without end", "{\"clock_mhz\": 1e999999}", "number overflow");
  check_text("leading zero", "{\"clock_mhz\": 0500}", "parse error");
  check_text("hexadecimal", "{\"clock_mhz\": 0x10}", "parse error");
  check_text("null", "null", "expected an object, found null");
  check_text("array", "[]", "expected an object, found an array");
  check_text("number", "1", "expected an object, found 1");
  check_text("string", "\"x\"", "expected an object, found \"x\"");
  check_text("foreign", "{\"zzzzzzzzzzzzzzzzzz\": 1}", "none of its keys");
  check_text("duplicate key", "{\"clock_mhz\": 500, \"clock_mhz\": 500}", "/clock_mhz: duplicate key");
  check_text("duplicate nested key", "{\"noc\": {\"link_bytes\": 1, \"link_bytes\": 1}}",
             "/noc/link_bytes: duplicate key");
  check_text("key with a control character", "{\"clock_mhz\": 500, \"a\\u0001\\u00e9\": 1}", "unknown key");
  check_text("endless key", "{\"clock_mhz\": 500, \"" + std::string(100000, 'k') + "\": 1}", "unknown key");
}

TEST_CASE("hostile files: what cannot be read") {
  const ScratchFolder folder;
  const auto error_of = [](const std::string& file) {
    const ProgramResult result = run_program({"validate", file});
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    return result.err;
  };
  CHECK_THAT(error_of("/nonexistent.json"), Catch::Contains("/nonexistent.json: cannot open: No such file"));
  CHECK_THAT(error_of(folder.path()), Catch::Contains("Is a directory"));
  CHECK_THAT(error_of("/dev/null"), Catch::Contains("empty"));
  CHECK_THAT(error_of("/dev/zero"), Catch::Contains("larger than the limit"));
  CHECK_THAT(error_of(folder.write("file", "x") + "/below.json"), Catch::Contains("Not a directory"));
  CHECK_THAT(error_of(std::string(5000, 'a')), Catch::Contains("File name too long"));
  CHECK_THAT(error_of(""), Catch::Contains("cannot open"));
  if (geteuid() != 0) {
    const std::string locked = folder.write("locked.json", "{}");
    chmod(locked.c_str(), 0);
    CHECK_THAT(error_of(locked), Catch::Contains("Permission denied"));
  }
  symlink("loop.json", folder.path("loop.json").c_str());
  CHECK_THAT(error_of(folder.path("loop.json")), Catch::Contains("symbolic links"));
}

TEST_CASE("hostile configs") {
  check_cases(
      "configs/vitality.json",
      {{"misspelt key", "/precison", "1", "/precison: unknown key (did you mean \"precision\"?)"},
       {"misspelt nested key", "/matrix_engine/colls", "1",
        "/matrix_engine/colls: unknown key (did you mean \"cols\"?)"},
       {"zero rows", "/matrix_engine/rows", "0", "/matrix_engine/rows: expected an integer from 1 to 4096, found 0"},
       {"negative", "/matrix_engine/rows", "-1", "found -1"},
       {"huge", "/matrix_engine/rows", "1000000000000000000", "found 1000000000000000000"},
       {"huge real", "/matrix_engine/rows", "1e300", "found 1e+300"},
       {"beyond 64 bits", "/matrix_engine/rows", "18446744073709551616", "expected an integer"},
       {"fraction", "/matrix_engine/rows", "1.5", "found 1.5"},
       {"text", "/matrix_engine/rows", "\"64\"", "found \"64\""},
       {"null", "/matrix_engine/rows", "null", "found null"},
       {"array", "/matrix_engine/rows", "[]", "found an array"},
       {"object", "/matrix_engine/rows", "{}", "found an object"},
       {"boolean", "/matrix_engine/rows", "true", "found true"},
       {"group is a number", "/matrix_engine", "5", "/matrix_engine: expected an object, found 5"},
       {"group is null", "/noc", "null", "/noc: expected an object, found null"},
       {"clock zero", "/clock_mhz", "0", "/clock_mhz: expected a number from 1 to 100000, found 0"},
       {"clock huge", "/clock_mhz", "1e300", "found 1e+300"},
       {"clock text", "/clock_mhz", "\"fast\"", "found \"fast\""},
       {"unknown precision", "/precision", "\"int17\"",
        "/precision: expected one of fp64, fp32, fp16, int16, int8, bf16, fp8_e4m3, fp8_e5m2; found \"int17\""},
       {"precision a number", "/precision", "16", "found 16"},
       {"unknown attention", "/attention", "\"tailor\"", "did you mean \"taylor\"?"},
       {"flag as number", "/pipeline/intra_layer", "1", "expected true or false, found 1"},
       {"flag as text", "/diagonal_engine/enabled", "\"yes\"", "expected true or false"},
       {"name a number", "/name", "3", "/name: expected a string, found 3"},
       {"unknown device", "/dram/device", "\"ddr4_2401\"", "did you mean \"ddr4_2400\"?"},
       {"device outside", "/dram/device", "\"../../../etc/passwd\"", "/dram/device: no file"},
       {"device a number", "/dram/device", "3", "/dram/device: expected the name of a file"},
       {"no channels", "/dram/channels", "0", "/dram/channels: expected"},
       {"unknown DRAM model", "/dram/model", "\"exact\"", "expected one of bandwidth, banked"},
       {"address map", "/dram/address_map", "\"row_bank\"",
        "/dram/address_map: expected row, bank, bankgroup and column"},
       {"impossible trc", "/dram/device", "{\"trc\": 20}", "/dram/device/trc: impossible timing"},
       {"impossible refresh", "/dram/device", "{\"trefi\": 400}", "/dram/device/trefi: impossible timing"},
       {"overlapping bursts", "/dram/device", "{\"tccd_s\": 1}", "/dram/device/tccd_s: impossible timing"},
       {"banks no power of two", "/dram/device", "{\"bank_groups\": 3}",
        "/dram/device/bank_groups: expected a power of two"},
       {"clock period zero", "/dram/device", "{\"tck_ns\": 0}", "/dram/device/tck_ns"},
       {"negative energy", "/energy", "{\"sram_access_pj\": -1}", "/energy/sram_access_pj"},
       {"no rows", "/energy", "{\"sram_most_rows\": 0}", "/energy/sram_most_rows"},
       {"macro no object", "/energy", "{\"sram_two_port\": [8, 1, 2]}", "/energy/sram_two_port"},
       {"unknown format", "/energy", "{\"format\": {\"int32\": {}}}", "/energy/format/int32: unknown key"},
       {"scratchpad below a port", "/scratchpad/capacity_kib", "0", "/scratchpad/capacity_kib"},
       {"scratchpad below its banks", "/scratchpad/banks", "1024", "smaller than one access of every bank"},
       {"source no text", "/sources/clock_mhz", "5", "/sources/clock_mhz: expected a string"},
       {"mask file missing", "/sparsity", "{\"source\": \"file\"}", "/sparsity/mask_file: expected a .npy file"},
       {"density above 1", "/sparsity", "{\"density\": 1.5}", "/sparsity/density"},
       {"roofline without rates", "/machine", "\"roofline\"", "/roofline/fp32_tflops"}});
}

TEST_CASE("hostile workloads") {
  check_cases(
      "workloads/deit_tiny.json",
      {{"unknown kind", "/layers/0/kind", "\"conv3d\"", "/layers/0/kind: expected one of conv2d"},
       {"misspelt key", "/layers/0/out_chanels", "3",
        "/layers/0/out_chanels: unknown key (did you mean \"out_channels\"?)"},
       {"misspelt top key", "/layrs", "[]", "/layrs: unknown key (did you mean \"layers\"?)"},
       {"kernel zero", "/layers/0/kernel", "0", "/layers/0/kernel: expected an integer from 1 to 1024"},
       {"kernel larger than the image", "/layers/0/kernel", "300", "kernel is larger than the padded input"},
       {"pad not below kernel", "/layers/0/pad", "16", "pad must be smaller than kernel"},
       {"groups do not divide", "/layers/0/groups", "2", "groups must divide"},
       {"stride huge", "/layers/0/stride", "1000000000000000000", "/layers/0/stride"},
       {"unknown dimension", "/layers/0/out_channels", "\"dmi\"", "unknown dimension \"dmi\" (did you mean \"dim\"?)"},
       {"expression cut", "/layers/0/out_channels", "\"4*\"", "ends too early"},
       {"expression divides unevenly", "/layers/0/out_channels", "\"dim/7\"", "192 / 7 is not a whole number"},
       {"expression divides by zero", "/layers/0/out_channels", "\"dim/0\"", "192 / 0 is not a whole number"},
       {"expression overflows", "/layers/0/out_channels", "\"99999999*99999999*99999999\"", "value out of range"},
       {"expression negative", "/layers/0/out_channels", "\"0-dim\"", "= -192"},
       {"dim negative", "/dims/dim", "-1", "/dims/dim"},
       {"dim null", "/dims/dim", "null", "/dims/dim"},
       {"dim zero", "/dims/dim", "0", "expected an integer from 1"},
       {"dim huge", "/dims/dim", "16777216", "expected an integer from 1 to 65536"},
       {"dim uses a later one", "/dims/aa", "\"hidden + 1\"", "unknown dimension \"hidden\""},
       {"dim badly named", "/dims/4x", "4", "expected a name of letters"},
       {"dims an array", "/dims", "[]", "/dims: expected an object"},
       {"heads do not divide", "/dims/heads", "5", "192 / 5 is not a whole number"},
       {"heads do not fit", "/blocks/encoder/2/heads", "2", "need an input of 384 columns, found 197 x 576"},
       {"layout unknown", "/blocks/encoder/2/layout", "\"kqv\"", "/blocks/encoder/2/layout: expected one of"},
       {"position bias without a grid", "/blocks/encoder/2/position_bias", "true", "needs keys on a square grid"},
       {"residual shapes differ", "/blocks/encoder/8/out_features", "\"hidden\"",
        "inputs must have equal shapes, found 197 x 768 and 197 x 192"},
       {"input unknown", "/blocks/encoder/9/inputs", "[\"previous\", \"blocks.0.residua1\"]",
        "no earlier layer is named"},
       {"input from the future", "/layers/1/inputs", "[\"head\"]",
        "/layers/1/inputs/0: no earlier layer is named \"head\""},
       {"too many inputs", "/layers/1/inputs", "[\"previous\", \"previous\"]", "expected 1 input, found 2"},
       {"inputs no array", "/layers/1/inputs", "\"previous\"", "/layers/1/inputs: expected an array"},
       {"no inputs", "/layers/1/inputs", "[]", "/layers/1/inputs: expected an array"},
       {"name twice", "/layers/5/name", "\"norm\"", "a layer named \"norm\" exists already"},
       {"name not expanded", "/blocks/encoder/0/name", "\"same\"", "use {block} or {i}"},
       {"name with a slash", "/layers/5/name", "\"../head\"", "expected printable characters"},
       {"name empty", "/layers/5/name", "\"\"", "expected a name of 1 to 200 characters"},
       {"repeat zero", "/layers/3/repeat", "0", "/layers/3/repeat: expected an integer from 1 to 1000"},
       {"repeat huge", "/layers/3/repeat", "1000000000000000000", "/layers/3/repeat"},
       {"no such block", "/layers/3/block", "\"encodr\"", "no such block: \"encodr\" (did you mean \"encoder\"?)"},
       {"block in itself", "/blocks/encoder/0", "{\"block\": \"encoder\", \"name\": \"x\"}",
        "nested deeper than 8 levels"},
       {"too many layers", "/layers/3",
        "{\"repeat\": 1000, \"layers\": [{\"repeat\": 1000, \"layers\": [{\"name\": \"x\", \"kind\": "
        "\"layer_norm\"}]}]}",
        "more than 20000 layers"},
       {"no layers", "/layers", "[]", "/layers: expected an array of layers and blocks, found an empty array"},
       {"layers an object", "/layers", "{}", "/layers: expected an array"},
       {"layer a number", "/layers/0", "3", "/layers/0: expected an object, found 3"},
       {"image of no height", "/image/height", "0", "/image/height: expected an integer from 1 to 4096"},
       {"image huge", "/image", "{\"height\": 4096, \"width\": 4096, \"channels\": 3}", "more than 2^20 pixels"},
       {"image without channels", "/image", "{\"height\": 224, \"width\": 224}", "/image: missing key \"channels\""},
       {"more class rows than tokens", "/layers/5/rows", "198", "expected at most the input's 197 rows"},
       {"batch norm after an add", "/layers/4/kind", "\"batch_norm\"", "a batch norm folds into"},
       {"bias a number", "/layers/0/bias", "1", "/layers/0/bias: expected true or false"}});
}

TEST_CASE("every numeric leaf of every shipped input refuses what is not a size") {
  std::vector<std::string> bases{"configs/vitality.json",     "configs/memory/ddr4_2400.json",
                                 "configs/energy/28nm.json",  "workloads/deit_tiny.json",
                                 "workloads/tiny_levit.json", "workloads/tiny_mobilevit.json"};
  const ScratchFolder folder;
  for (const std::string& base : bases) {
    const json original = shipped(base);
    const json flat = original.flatten();
    std::vector<std::string> files, pointers;
    for (const auto& [pointer, leaf] : flat.items()) {
      if (!leaf.is_number()) continue;
      for (const char* value : {"-1", "1e300", "\"x\"", "null", "[]", "{}"}) {
        json document = original;
        document[json::json_pointer(pointer)] = json::parse(value);
        files.push_back(folder.write(std::to_string(files.size()) + ".json", document.dump()));
        pointers.push_back(base + " " + pointer + " = " + value);
      }
    }
    std::vector<std::string> arguments{"validate"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    const ProgramResult result = run_program(arguments);
    CHECK(result.exit_code == 2);
    CHECK(files.size() > 40);
    CHECK(result.out.empty());  // not one OK
    for (std::size_t i = 0; i < files.size(); ++i) {
      INFO(pointers[i]);
      CHECK_THAT(result.err, Catch::Contains("error: " + files[i] + ": "));
    }
  }
}

TEST_CASE("every error of a file is reported at once") {
  const ScratchFolder folder;
  const std::string file =
      folder.write("x.json", "{\"clock_mhz\": 0, \"precison\": 1, \"noc\": {\"link_bytes\": null}, \"name\": 4}");
  const ProgramResult result = run_program({"validate", file});
  CHECK(result.exit_code == 2);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 4);
}
