// `run --mapping-out` and `run --mapping`: what was written runs to the same bytes; what was edited runs with the
// reference's values, or is refused with file and pointer.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;
using Catch::StartsWith;
using Json = nlohmann::ordered_json;

namespace {

using Words = std::vector<std::string>;

class Mapped {
 public:
  explicit Mapped(Words words) : words_(std::move(words)) {
    words_.insert(words_.begin(), {"run", "--quiet"});
    const ProgramResult run = with({"--mapping-out", path("m.json"), "--result", path("r.json")});
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    result = Json::parse(read_text(path("r.json")));
    mapping = Json::parse(read_text(path("m.json")));
  }

  // The run again, with this mapping.
  ProgramResult rerun(const Json& file) {
    folder_.write("e.json", file.dump());
    const ProgramResult run = with({"--check", "--mapping", path("e.json"), "--result", path("e-r.json")});
    if (run.exit_code == 0) edited = Json::parse(read_text(path("e-r.json")));
    return run;
  }
  // With one value of a layer changed.
  ProgramResult rerun(const std::string& layer, const std::string& pointer, const Json& value) {
    Json file = mapping;
    file["layers"][layer][Json::json_pointer(pointer)] = value;
    return rerun(file);
  }
  void refused(const std::string& layer, const std::string& pointer, const Json& value, const std::string& why) {
    const ProgramResult run = rerun(layer, pointer, value);
    INFO(layer << pointer << " " << value.dump() << ": " << run.err);
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err,
               StartsWith("error: " + path("e.json") + ": /layers/" + layer + pointer + ": ") && Contains(why));
  }
  ProgramResult with(const Words& more) const {
    Words words = words_;
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }
  std::string path(const std::string& name) const { return folder_.path(name); }

  Json result, mapping, edited;

 private:
  ScratchFolder folder_;
  Words words_;
};

Words on(const std::string& machine, const std::string& workload, Words more = {}) {
  Words words{"--config", machine, "--workload", workload};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

const std::string kFc1 = "blocks.0.mlp.fc1", kFc2 = "blocks.0.mlp.fc2", kQkv = "blocks.0.attn.qkv",
                  kAttention = "blocks.0.attn", kProj = "blocks.0.attn.proj";

// Small enough for the reference, and with several tiles in every direction.
Words small(Words more = {}) {
  Words words =
      on("vitality", "tiny_vit",
         {"--set", "matrix_engine.rows=16", "--set", "matrix_engine.cols=16", "--set", "mapping.residency=layer"});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("mapping: what a run wrote runs to the same bytes on every shipped machine") {
  const Words off{"--numerics", "off"};
  for (const Words& words : std::vector<Words>{
           on("vitality", "tiny_vit"), on("vitality_overlapped", "deit_tiny", off),
           on("vitality_g_stationary", "tiny_vit"), on("vitality_training", "tiny_vit", {"--set", "attention=unified"}),
           on("dense_softmax", "deit_tiny", off), on("sanger", "tiny_vit"), on("vitcod", "tiny_vit"),
           on("salo", "tiny_vit"), on("spatten", "tiny_vit"), on("elsa", "tiny_vit"), on("dota", "tiny_vit"),
           on("vitality", "levit_128s", off), on("vitality", "mobilevit_xxs", off),
           on("vitality", "deit_tiny", {"--set", "attention=auto", "--numerics", "off"}),
           on("vitality", "tiny_vit", {"--batch", "3"}), on("vitality", "tiny_levit", {"--layers", "*mlp*"}),
           on("vitality", "tiny_mobilevit", {"--set", "matrix_engine.dataflow=output_stationary"})}) {
    Mapped run(words);
    INFO(words[1] << " " << words[3]);
    for (const Json& layer : run.result["layers"])
      CHECK(layer.value("mapping", Json()) == run.mapping["layers"].value(layer["name"].get<std::string>(), Json()));
    REQUIRE(run.rerun(run.mapping).exit_code == 0);
    CHECK(run.edited["manifest"]["mapping_sha256"].get<std::string>().size() == 64);
    run.edited.erase("manifest"), run.result.erase("manifest");
    CHECK(run.edited.dump() == run.result.dump());
  }
}

TEST_CASE("mapping: results lie at the end of the scratchpad where the file has them") {
  // Where two ways take the same, which buffers are near each other still decides how long loads wait for places.
  for (const auto& [machine, workload, settings] :
       {std::tuple{
            "dense_softmax", "tiny_dinov2",
            Words{"scratchpad.capacity_kib=24", "matrix_engine.rows=24", "matrix_engine.cols=16", "precision=bf16"}},
        {"vitality_overlapped", "tiny_vit",
         Words{"scratchpad.capacity_kib=10", "matrix_engine.rows=24", "matrix_engine.cols=32"}},
        {"vitality_overlapped", "fashion_vit",
         Words{"scratchpad.capacity_kib=28", "matrix_engine.rows=8", "matrix_engine.cols=32", "precision=bf16"}}}) {
    INFO(machine << " " << workload);
    Words more{"--numerics", "off"};
    for (const std::string& setting : settings) more.insert(more.end(), {"--set", setting});
    Mapped mapped(on(machine, workload, more));
    Json file = mapped.mapping;
    REQUIRE(mapped.rerun(file).exit_code == 0);
    CHECK(mapped.edited["totals"] == mapped.result["totals"]);
    CHECK(mapped.edited["layers"] == mapped.result["layers"]);
    CHECK(file.dump().find("\"end\":\"high\"") != std::string::npos);
    // A file without ends runs as well, at the low end where that can be.
    for (auto& layer : file["layers"]) layer.erase("end");
    REQUIRE(mapped.rerun(file).exit_code == 0);
    CHECK(mapped.edited["totals"]["dram_read_bytes"] == mapped.result["totals"]["dram_read_bytes"]);
  }
}

TEST_CASE("mapping: a part of the scratchpad is a part of the mapping") {
  Mapped mapped(on("vitality", "deit_base", {"--numerics", "off", "--set", "mapping.objective=latency"}));
  REQUIRE(mapped.mapping.contains("scratchpad_kib"));
  const int part = mapped.mapping["scratchpad_kib"];
  CHECK((part >= 100 && part < 200));
  CHECK(mapped.result["mapped_scratchpad_kib"] == part);
  CHECK(mapped.result["mapping_search"]["cycles"] == mapped.result["totals"]["cycles"]);
  REQUIRE(mapped.rerun(mapped.mapping).exit_code == 0);
  CHECK(mapped.edited["totals"] == mapped.result["totals"]);
  CHECK(mapped.edited["layers"] == mapped.result["layers"]);
  CHECK(mapped.edited["mapped_scratchpad_kib"] == part);
  Json file = mapped.mapping;
  file["scratchpad_kib"] = 201;
  const ProgramResult large = mapped.rerun(file);
  CHECK(large.exit_code == 2);
  CHECK_THAT(large.err, Contains("/scratchpad_kib: expected at most 200 (scratchpad.capacity_kib), found 201"));
  file["scratchpad_kib"] = 0;
  CHECK_THAT(mapped.rerun(file).err, Contains("/scratchpad_kib: "));
}

TEST_CASE("mapping: edits run, with the reference's values, and cost what they say") {
  Mapped run(small());
  const auto ran = [&](const ProgramResult& edit) {
    INFO(edit.err);
    REQUIRE(edit.exit_code == 0);
    CHECK(run.edited["numerics"]["passed"] == true);
  };
  const auto layer_of = [](const Json& result, const std::string& name) -> Json {
    for (const Json& layer : result["layers"])
      if (layer["name"] == name) return layer;
    return {};
  };
  // 17 x 32 times 32 x 128: 2 contraction tiles, 8 column tiles.
  ran(run.rerun(kFc1, "/loop_order", {"contraction", "columns", "rows"}));
  ran(run.rerun(kFc1, "/row_tile", 9));
  CHECK(layer_of(run.edited, kFc1)["mapping"]["row_tile"] == 9);
  CHECK(layer_of(run.edited, kFc1)["mapping_text"].get<std::string>().find("2 row tiles of 9") == 0);
  // Two row tiles and no weights kept: each weight is read twice, and nothing else changes. 32 x 128 weights of 2
  // bytes, 128 bias values of 6.
  Json weights_twice = run.mapping;
  weights_twice["layers"][kFc1].update({{"row_tile", 9},
                                        {"column_group", 1},
                                        {"contraction_group", 1},
                                        {"loop_order", {"rows", "columns", "contraction"}},
                                        {"streamed", {{"kept", 2}, {"buffers", 0}}},
                                        {"stationary", {{"kept", 0}, {"buffers", 1}}},
                                        {"result_buffers", 1}});
  ran(run.rerun(weights_twice));
  CHECK(layer_of(run.edited, kFc1)["bytes"]["dram_by_operand"]["weights"] == 2 * (2 * 32 * 128 + 6 * 128));
  CHECK(layer_of(run.edited, kFc1)["bytes"]["dram_by_operand"]["activations"] == 2 * 17 * 32);
  ran(run.rerun(kAttention, "/query_chunk", 5));
  ran(run.rerun(kAttention, "/buffers", {{"keys", 1}, {"values", 1}, {"queries", 1}, {"results", 1}, {"sums", 1}}));
  ran(run.rerun("cls_token", "/row_tile", 3));
  // An addition that the layer before could do by itself: its results go to memory, and come back.
  Json apart = run.mapping;
  apart["layers"]["blocks.0.residual1"] = {{"form", "row_tiles"}, {"row_tile", 7}};
  ran(run.rerun(apart));
  CHECK(layer_of(run.edited, kProj)["bytes"]["dram_write"] == 2 * 17 * 32);
  // Layers that the file leaves out are the search's.
  Json few = run.mapping;
  few["layers"] = Json::object({{kFc2, run.mapping["layers"][kFc2]}});
  ran(run.rerun(few));
  CHECK(run.edited["totals"] == run.result["totals"]);
}

TEST_CASE("mapping: residency is edited on both sides, or by the search") {
  Mapped run(on("vitality", "tiny_vit",
                {"--set", "mapping.residency=chip", "--set", "scratchpad.capacity_kib=400", "--set",
                 "matrix_engine.rows=16", "--set", "matrix_engine.cols=16"}));
  Json& layers = run.mapping["layers"];
  REQUIRE(layers[kFc1]["results"] == "scratchpad");
  REQUIRE(layers[kFc2]["streamed"]["buffers"] == 0);
  REQUIRE(layers[kAttention]["buffers"]["keys"] == 0);
  run.refused(kFc1, "/results", "dram", "memory");
  Json file = run.mapping;
  file["layers"][kFc1]["results"] = "memory";
  ProgramResult edit = run.rerun(file);  // the next layer looks for them in the scratchpad
  CHECK(edit.exit_code == 2);
  CHECK_THAT(edit.err, Contains("/layers/" + kFc2 + "/streamed/buffers: expected 1 or more"));
  file["layers"][kFc2]["streamed"] = {{"kept", 0}, {"buffers", 1}};
  CHECK(run.rerun(file).exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
  file["layers"].erase(kFc2);
  CHECK(run.rerun(file).exit_code == 0);
  // The producer is left out: the search leaves the results where the consumer expects them.
  file = run.mapping;
  file["layers"].erase(kFc1), file["layers"].erase(kQkv);
  CHECK(run.rerun(file).exit_code == 0);
  CHECK(run.edited["totals"] == run.result["totals"]);
  file["layers"][kFc2]["streamed"] = {{"kept", 0}, {"buffers", 1}};
  CHECK(run.rerun(file).exit_code == 0);
  for (const Json& layer : run.edited["layers"])
    if (layer["name"] == kFc1) CHECK(layer["mapping"]["results"] == "memory");
  run.refused("head", "/results", "scratchpad", "no layer behind this one");
  // The residual's sum in memory: what comes behind it finds it there.
  REQUIRE(run.mapping["layers"]["blocks.0.residual2"]["operand"] == "scratchpad");
  REQUIRE(run.mapping["layers"]["blocks.1.norm1"]["results"] == "scratchpad");
  file = run.mapping;
  file["layers"][kFc2]["results"] = "memory";
  run.refused("blocks.0.residual2", "/operand", "memory", "expected \"scratchpad\"");
  for (const char* behind : {"blocks.1.norm1", "blocks.1.attn.qkv", "blocks.1.residual1"}) file["layers"].erase(behind);
  CHECK(run.rerun(file).exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
  run.refused(kFc2, "/streamed/buffers", 2, "expected 0, because the layer before leaves");
  run.refused(kAttention, "/buffers/values", 1, "expected 0");
  CHECK(run.rerun(kAttention, "/key_chunk", 9).exit_code == 0);  // chunks of what lies there
  CHECK(run.edited["numerics"]["passed"] == true);
  CHECK(run.rerun(kQkv, "/row_tile", 9).exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
  run.refused(kQkv, "/tile_columns", 4, "as what takes the results divides them");
}

TEST_CASE("mapping: a convolution takes its image from the scratchpad where the file says so, and where it can") {
  Mapped run(
      on("vitality", "tiny_mobilevit", {"--set", "scratchpad.capacity_kib=100", "--set", "mapping.objective=energy"}));
  const Json& layers = run.mapping["layers"];
  const auto in_place = [](const Json& layer) {
    return layer["form"] == "input_stationary" && layer["streamed"]["kept"] == 0 && layer["streamed"]["buffers"] == 0;
  };
  const std::string depthwise = "layer_1.0.conv_3x3_dw", expand = "layer_1.0.exp_1x1", stem = "conv_1";
  REQUIRE(in_place(layers[depthwise]));
  REQUIRE(layers[depthwise]["results"] == "scratchpad");
  CHECK(run.rerun(run.mapping).exit_code == 0);
  CHECK(run.edited["totals"] == run.result["totals"]);
  run.refused(depthwise, "/streamed/buffers", 2, "expected 0, because the layer before leaves");
  run.refused(depthwise, "/tile_columns", 5, "as what takes the results divides them");
  run.refused(depthwise, "/results", "scratchpad_in_parts", "expected \"scratchpad\"");
  REQUIRE(layers[stem]["streamed"]["buffers"] != 0);
  Json file = run.mapping;  // the image of the model comes from memory
  file["layers"][stem]["streamed"] = {{"kept", 0}, {"buffers", 0}};
  const ProgramResult edit = run.rerun(file);
  CHECK(edit.exit_code == 2);
  CHECK_THAT(edit.err, Contains("/layers/" + stem + "/streamed/buffers: expected 1 or more"));
  // In memory after all: the depthwise one reads strips.
  file = run.mapping;
  file["layers"][expand]["results"] = "memory";
  file["layers"][depthwise]["streamed"] = {{"kept", 0}, {"buffers", 1}};
  CHECK(run.rerun(file).exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
}

TEST_CASE("mapping: softmax attention runs tile of keys by tile of keys where a file says so") {
  Mapped run(on("dense_softmax", "tiny_vit", {"--set", "mapping.residency=layer"}));
  CHECK(run.mapping["layers"][kAttention]["softmax"] == "whole_rows");
  // 17 keys in 4 tiles. 2 heads of 17 queries, 16 channels: 17 x 17 exponentials a head, and one more a row and tile
  // behind the first; 17 x 16 divisions.
  Json file = run.mapping;
  Json& attention = file["layers"][kAttention];
  attention.update({{"softmax", "online"}, {"key_chunk", 5}, {"query_chunk", 9}});
  attention["buffers"] = {{"keys", 4}, {"values", 1}, {"queries", 1}, {"results", 2}, {"sums", 1}};
  const ProgramResult edit = run.rerun(file);
  INFO(edit.err);
  REQUIRE(edit.exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
  for (const Json& layer : run.edited["layers"]) {
    if (layer["name"] != kAttention) continue;
    CHECK(layer["operations"]["div"] == 2 * 17 * 16);
    CHECK(layer["operations"]["exp"] == 2 * 17 * (17 + 3));
    // 2-byte elements of 2 heads: K stays, V is read for both chunks of queries, Q once; Z is written.
    CHECK(layer["bytes"]["dram_read"] == 2 * 2 * 16 * (17 + 2 * 17 + 17));
    CHECK(layer["bytes"]["dram_write"] == 2 * 2 * 16 * 17);
  }
}

TEST_CASE("mapping: what breaks a law is refused with its pointer") {
  Mapped run(small());
  run.refused(kFc1, "/tile_rows", 17, "expected at most 16 (matrix_engine.rows), found 17");
  run.refused(kFc1, "/tile_columns", 64, "expected at most 16 (matrix_engine.cols), found 64");
  run.refused(kFc1, "/row_tile", 18, "expected at most 17 (the rows of the layer)");
  run.refused(kFc1, "/column_group", 9, "expected at most 8 (tiles along the columns)");
  run.refused(kFc1, "/contraction_group", 3, "expected at most 2 (tiles along the contraction)");
  run.refused(kFc1, "/loop_order/1", "rows", "");
  run.refused(kFc1, "/loop_order/1", "colums", "did you mean \"columns\"?");
  Json bufferless = run.mapping;
  bufferless["layers"][kFc1]["streamed"] = {{"kept", 0}, {"buffers", 0}};
  CHECK_THAT(run.rerun(bufferless).err, Contains("/layers/" + kFc1 + "/streamed/buffers: expected 1 or more"));
  bufferless["layers"][kFc1].update({{"streamed", {{"kept", 1}, {"buffers", 0}}},
                                     {"contraction_group", 1},
                                     {"column_group", 1},
                                     {"loop_order", {"rows", "columns", "contraction"}}});
  CHECK_THAT(run.rerun(bufferless).err, Contains("1 of the 2 tiles of a sweep are not kept"));
  run.refused(kFc1, "/result_buffers", -1, "expected an integer from 0");
  run.refused(kFc1, "/results", "scratchpad", "mapping.residency is layer");
  run.refused(kFc1, "/row_tile", 1e300, "expected an integer");
  run.refused(kFc1, "/row_tile", "17", "expected an integer");
  run.refused(kFc1, "/no_such_key", 1, "");
  run.refused(kAttention, "/key_chunk", 18, "expected at most 17 (the keys of the layer)");
  run.refused(kAttention, "/query_chunk", 18, "expected at most 17 (the queries of the layer)");
  run.refused(kAttention, "/buffers/keys", 0, "this operand comes from memory");
  run.refused(kAttention, "/softmax", "online", "expected \"whole_rows\", because online softmax is a form of softmax");
  run.refused(kAttention, "/softmax", "whole", "");
  run.refused("cls_token", "/row_tile", 18, "expected at most 17 (the rows of the layer)");
  Json file = run.mapping;
  file["layers"]["blocks.0.mlp.fc3"] = file["layers"][kFc1];
  const ProgramResult unknown = run.rerun(file);
  CHECK(unknown.exit_code == 2);
  CHECK_THAT(unknown.err,
             Contains("/layers/blocks.0.mlp.fc3: no layer of workload tiny_vit has this name (did you mean"));
  file = run.mapping;
  file["layers"][kFc1] = {{"form", "row_tiles"}, {"row_tile", 1}};
  const ProgramResult form = run.rerun(file);
  CHECK(form.exit_code == 2);
  CHECK_THAT(form.err, Contains("/layers/" + kFc1 + "/form: expected \"input_stationary\""));

  Mapped convolution(on("vitality", "tiny_mobilevit", {"--numerics", "off"}));
  convolution.refused("conv_1", "/row_tile", 3, "a row of the output image");
  Mapped output_stationary(on("vitality", "tiny_vit", {"--set", "matrix_engine.dataflow=output_stationary"}));
  output_stationary.refused(kFc1, "/tile_rows", 65, "matrix_engine.rows");
  output_stationary.refused(kFc1, "/segment", 33, "the contraction of the layer");
  output_stationary.refused(kFc1, "/rows", "scratchpad", "they come from there");
  output_stationary.refused(kFc1, "/results", "scratchpad", "no layer behind this one");
}

TEST_CASE("mapping: what is right and does not fit is infeasible") {
  Mapped run(small({"--set", "scratchpad.capacity_kib=8", "--numerics", "off"}));
  Json file = run.mapping;
  file["layers"][kFc1].update({{"row_tile", 17},
                               {"column_group", 8},
                               {"contraction_group", 2},
                               {"streamed", {{"kept", 0}, {"buffers", 2}}},
                               {"stationary", {{"kept", 0}, {"buffers", 2}}}});
  // Two buffers of all weights, 32 x 128 of 2 bytes and 128 bias values of 6, and of all rows, 17 x 32 of 2 bytes; two
  // buffers of a result tile, 17 x 16 of 2 bytes; a partial sum's, of 6.
  const ProgramResult fit = run.rerun(file);
  INFO(fit.err);
  CHECK(fit.exit_code == 4);
  const int out = run.mapping["layers"][kFc1]["result_buffers"].get<int>();
  CHECK_THAT(fit.err, StartsWith("error: " + run.path("e.json") + ": /layers/" + kFc1 + ": needs " +
                                 std::to_string(2 * (2 * 32 * 128 + 6 * 128) + 2 * 2 * 17 * 32 + out * 2 * 17 * 16 +
                                                6 * 17 * 16) +
                                 " bytes of buffers, the scratchpad has 8192"));
}

TEST_CASE("mapping: results lie where their partial sums were, and sums where the second operand was") {
  Mapped run(small());
  Json file = run.mapping;
  for (const std::string& name : {kFc1, kFc2, kProj, kQkv}) file["layers"][name]["result_buffers"] = 0;
  const ProgramResult edit = run.rerun(file);
  INFO(edit.err);
  REQUIRE(edit.exit_code == 0);
  CHECK(run.edited["numerics"]["passed"] == true);
  CHECK(run.edited["totals"]["dram_read_bytes"] == run.result["totals"]["dram_read_bytes"]);
  CHECK(run.edited["totals"]["dram_write_bytes"] == run.result["totals"]["dram_write_bytes"]);
  // proj, whole in one step: two buffers of 17 x 32 and two of 32 x 32 elements of 2 bytes with 32 bias values of 6,
  // 17 x 16 sums of 6 bytes, and 17 x 16 elements of the residual: no result tile.
  Mapped tight(small({"--set", "scratchpad.capacity_kib=8", "--numerics", "off"}));
  file = tight.mapping;
  file["layers"][kProj].update({{"row_tile", 17},
                                {"column_group", 2},
                                {"contraction_group", 2},
                                {"streamed", {{"kept", 0}, {"buffers", 2}}},
                                {"stationary", {{"kept", 0}, {"buffers", 2}}},
                                {"result_buffers", 0}});
  const ProgramResult fit = tight.rerun(file);
  CHECK(fit.exit_code == 4);
  CHECK_THAT(fit.err,
             Contains("/layers/" + kProj + ": needs " +
                      std::to_string(2 * 2 * 17 * 32 + 2 * (2 * 32 * 32 + 6 * 32) + 6 * 17 * 16 + 2 * 17 * 16) +
                      " bytes of buffers, the scratchpad has 8192"));
  file["layers"][kProj]["stationary"]["buffers"] = 1;
  CHECK(tight.rerun(file).exit_code == 0);
  // A contraction of one tile has no partial sums.
  Mapped wide(on("vitality", "tiny_vit", {"--set", "mapping.residency=layer"}));
  wide.refused(kFc1, "/result_buffers", 0, "expected at least 1, because there are no partial sums");
}

TEST_CASE("mapping: a batch takes the mapping of one image, and of each image") {
  Mapped one(small()), two(small({"--batch", "2"}));
  CHECK(two.mapping["layers"].contains("image1/" + kFc1));
  CHECK(two.rerun(one.mapping).exit_code == 0);
  Json file = two.mapping;
  file["layers"]["image1/" + kFc1]["row_tile"] = 9;
  CHECK_THAT(two.rerun(file).err, Contains("/batch_order: expected \"image_by_image\", because not all images"));
  file["batch_order"] = "image_by_image";
  CHECK(two.rerun(file).exit_code == 0);
  file["layers"]["image1/" + kFc1]["row_tile"] = 18;
  CHECK_THAT(two.rerun(file).err, Contains("/layers/image1~1" + kFc1 + "/row_tile: expected at most 17"));
}

TEST_CASE("mapping: the order of a batch is a part of it, and either runs with the reference's values") {
  for (const char* const residency : {"mapping.residency=chip", "mapping.residency=layer"}) {
    Mapped batch({"--config", "vitality", "--workload", "tiny_vit", "--batch", "3", "--set", residency});
    CHECK(batch.mapping["batch_order"] == "layer_by_layer");
    CHECK(batch.result["batch"]["order"] == "layer_by_layer");
    REQUIRE(batch.rerun(Json{{"batch_order", "image_by_image"}, {"layers", Json::object()}}).exit_code == 0);
    CHECK(batch.edited["batch"]["order"] == "image_by_image");
    CHECK(batch.edited["totals"]["dram_read_bytes"] > batch.result["totals"]["dram_read_bytes"]);
    REQUIRE(batch.rerun(batch.mapping).exit_code == 0);
    CHECK(batch.edited["totals"] == batch.result["totals"]);
    const ProgramResult wrong = batch.rerun(Json{{"batch_order", "both"}, {"layers", Json::object()}});
    CHECK(wrong.exit_code == 2);
    CHECK_THAT(wrong.err, Contains("/batch_order: expected one of image_by_image, layer_by_layer; found \"both\""));
  }
  // An output stationary array maps image by image.
  Mapped other({"--config", "vitality", "--workload", "tiny_vit", "--batch", "3", "--set",
                "matrix_engine.dataflow=output_stationary"});
  CHECK(other.mapping["batch_order"] == "image_by_image");
  const ProgramResult refused = other.rerun(Json{{"batch_order", "layer_by_layer"}, {"layers", Json::object()}});
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("/batch_order: expected \"image_by_image\", because not all images"));
}

// A 64 x 64 array without prefetch. Patches of 64 x 64: 64 x 4096 x 64, 64 folds of 254 cycles with the input held, one
// of 4096 + 126 with the results held. Patches of 16 x 16: 1024 x 256 x 64, 4 folds of 1214 cycles or 16 of 382.
TEST_CASE("mapping: attention layers of equal size that differ in mask or kind have plans of their own") {
  // Q, K and V of a head at a time: 256 tokens, 4 heads of 8.
  const auto layers = [](const std::string& first, const std::string& second) {
    const auto linear = [](const std::string& name, int columns) {
      return R"({"name":")" + name + R"(","kind":"linear","out_features":)" + std::to_string(columns) + "},";
    };
    const auto attention = [](const std::string& name, const std::string& more) {
      return R"({"name":")" + name + R"(","kind":"attention","heads":4,"d_qk":8,"layout":"qkv","attention":)" + more +
             "},";
    };
    std::string all = linear("q0", 96) + attention("a0", first) + linear("p0", 8) + linear("q1", 96) +
                      attention("a1", second) + linear("p1", 8);
    all.pop_back();
    return R"({"name":"two","image":{"height":16,"width":16,"channels":8},"layers":[)" + all + "]}";
  };
  const std::string plain = R"("softmax")", causal = R"("softmax","mask":"causal")", linear = R"("relu_linear")";
  ScratchFolder folder;
  for (const auto& [first, second] : {std::pair{plain, causal}, {causal, plain}, {plain, linear}, {linear, plain}}) {
    folder.write("two.json", layers(first, second));
    for (const std::string kib : {"24", "40", "48"}) {
      for (const Words& search : {Words{}, {"--set", "mapping.search=simulate", "--search-budget", "12"}}) {
        INFO(first << ", " << second << ", " << kib << " KiB, " << (search.empty() ? "estimate" : "simulate"));
        Words words{"--config",   "vitality",
                    "--workload", folder.path("two.json"),
                    "--set",      "scratchpad.capacity_kib=" + kib,
                    "--set",      "matrix_engine.rows=16",
                    "--set",      "matrix_engine.cols=16",
                    "--set",      "mapping.objective=latency"};
        words.insert(words.end(), search.begin(), search.end());
        Mapped run(words);
        for (const auto& [name, attention] : {std::pair{"a0", first}, {"a1", second}})
          if (attention != plain) CHECK(run.mapping["layers"][name].value("softmax", "whole_rows") == "whole_rows");
        if (!search.empty()) continue;
        CHECK(run.rerun(run.mapping).exit_code == 0);
        CHECK(run.edited["totals"] == run.result["totals"]);
      }
    }
  }
}

TEST_CASE("mapping: masks of unequal size in a batch leave unequal room for chunks, and what was written is read") {
  Mapped run({"--config", "elsa", "--workload", "fashion_vit", "--set", "scratchpad.capacity_kib=24", "--batch", "2"});
  REQUIRE(run.mapping["layers"]["image0/blocks.1.attn"] != run.mapping["layers"]["image1/blocks.1.attn"]);
  REQUIRE(run.mapping["batch_order"] == "layer_by_layer");
  const ProgramResult again = run.rerun(run.mapping);
  INFO(again.err);
  REQUIRE(again.exit_code == 0);
  CHECK(run.edited["totals"] == run.result["totals"]);
}

TEST_CASE("mapping: an array that can hold either operand holds what takes fewer cycles") {
  const ScratchFolder folder;
  const std::string model = folder.write(
      "w.json", R"({"name": "patches", "image": {"height": 512, "width": 512, "channels": 1}, "dims": {"patch": 64},
                    "layers": [{"name": "embed", "kind": "conv2d", "out_channels": 64, "kernel": "patch", "stride": "patch"}]})");
  const auto form = [&](const std::string& machine, const char* patch) {
    const Mapped run({"--config", machine, "--workload", model, "--set", std::string("workload.patch=") + patch,
                      "--set", "mapping.objective=latency", "--set", "dram.channels=8", "--set",
                      "scratchpad.capacity_kib=4000"});
    CHECK(run.result["numerics"]["passed"] == true);
    return run.mapping["layers"]["embed"]["form"].get<std::string>();
  };
  CHECK(form("vitality_g_stationary", "64") == "output_stationary");
  CHECK(form("vitality_g_stationary", "16") == "input_stationary");
  CHECK(form("vitality", "64") == "input_stationary");

  // The other form runs too, from a file, and takes longer.
  Mapped results({"--config", "vitality_g_stationary", "--workload", model}),
      input({"--config", "vitality", "--workload", model});
  CHECK(results.result["totals"]["cycles"] >= 4096 + 126);
  REQUIRE(results.rerun(input.mapping).exit_code == 0);
  CHECK(results.edited["layers"][0]["mapping"]["form"] == "input_stationary");
  CHECK(results.edited["totals"]["cycles"] >= 64 * 254);
  CHECK(results.edited["numerics"]["passed"] == true);
  CHECK(input.rerun(results.mapping).exit_code == 2);  // its sums leave the array with every pass
}

TEST_CASE("mapping: refused where it means nothing") {
  const ScratchFolder folder;
  const std::string file = folder.write("m.json", R"({"layers": {}})");
  const auto refused = [](const Words& words, const std::string& why) {
    Words all{"run"};
    all.insert(all.end(), words.begin(), words.end());
    const ProgramResult run = run_program(all);
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, StartsWith("error: option --") && Contains(why));
  };
  refused(on("vitality_training", "tiny_vit", {"--mode", "training", "--mapping", file}), "--mapping: a training step");
  refused(on("vitality_training", "tiny_vit", {"--mode", "training", "--mapping-out", folder.path("o.json")}),
          "--mapping-out: a training step");
  refused(on("gpu_h100", "tiny_vit", {"--mapping", file}), "is not simulated");
  refused(on("vitality", "tiny_vit", {"--mapping", file, "--what-if"}), "--what-if");
  CHECK(run_program({"run", "--config", "vitality", "--workload", "tiny_vit", "--mapping", folder.path("none.json")})
            .exit_code == 2);
  CHECK(run_program({"validate", file}).exit_code == 2);  // without a machine and a workload it could be a workload
  CHECK_THAT(
      run_program({"validate", folder.write("v.json", R"({"machine": "m", "workload": "w", "layers": {}})")}).out,
      Contains("OK (mapping 0 layers)"));
}

TEST_CASE("mapping: rerun repeats a run with its mapping") {
  Mapped run(small());
  CHECK(run.rerun(kFc1, "/row_tile", 9).exit_code == 0);
  const ProgramResult again = run_program({"rerun", run.path("e-r.json")});
  INFO(again.out << again.err);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.out, Contains("--mapping " + run.path("e.json")));
}
