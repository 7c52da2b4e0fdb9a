// Lower bounds by hand; that no run goes below them is a law of every result (tests/support/result_checks.h).
#include "mapping/lower_bounds.h"

#include <catch2/catch.hpp>

#include "config/hardware_config_json.h"
#include "workload/batch.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kSource = VITALITY_SOURCE_DIR;

LowerBound bound_of(const std::string& layer, const VitModel& model, const std::vector<std::string>& overrides,
                    std::vector<bool> executed = {}) {
  if (executed.empty()) executed.assign(model.layers.size(), true);
  const auto bounds =
      lower_bounds(model, read_hardware_config(kSource + "/configs/vitality.json", overrides), executed);
  for (std::size_t i = 0; i < bounds.size(); ++i)
    if (model.layers[i].name == layer) return bounds[i];
  throw std::logic_error("no layer " + layer);
}

}  // namespace

TEST_CASE("lower bounds: DRAM bytes of DeiT-Tiny by hand, int16") {
  const VitModel model = read_workload(kSource + "/workloads/deit_tiny.json");
  const std::string chip = "mapping.residency=chip", layer = "mapping.residency=layer";
  // qkv: 192 x 576 weights of 2 bytes, 576 bias values of 6; with residency layer 197 x 192 operands and 197 x 576
  // results too.
  const Bytes qkv = 2 * 192 * 576 + 6 * 576;
  CHECK(bound_of("blocks.0.attn.qkv", model, {chip}).dram_bytes == qkv);
  CHECK(bound_of("blocks.0.attn.qkv", model, {layer}).dram_bytes == qkv + 2 * 197 * 192 + 2 * 197 * 576);
  // fc1: its results pass GELU, which is not charged, on their way.
  CHECK(bound_of("blocks.0.mlp.fc1", model, {layer}).dram_bytes ==
        2 * 192 * 768 + 6 * 768 + 2 * 197 * 192 + 2 * 197 * 768);
  CHECK(bound_of("blocks.0.mlp.gelu", model, {layer}).dram_bytes == 0);
  // proj: the addition behind it reads the other operand and writes the results.
  CHECK(bound_of("blocks.0.attn.proj", model, {layer}).dram_bytes == 2 * 192 * 192 + 6 * 192 + 2 * 197 * 192);
  CHECK(bound_of("blocks.0.residual1", model, {layer}).dram_bytes == 2 * 2 * 197 * 192);
  CHECK(bound_of("blocks.0.residual1", model, {chip}).dram_bytes == 0);
  CHECK(bound_of("blocks.0.attn", model, {chip}).dram_bytes == 0);
  CHECK(bound_of("blocks.0.attn", model, {layer}).dram_bytes == 4 * 2 * 197 * 192);
  CHECK(bound_of("blocks.0.attn", model, {layer, "attention=unified"}).dram_bytes == 2 * 197 * 192);
  // The image, 224 x 224 x 3, is read once; the logits, 1000, are written.
  CHECK(bound_of("patch_embed", model, {chip}).dram_bytes == 2 * 224 * 224 * 3 + 2 * 768 * 192 + 6 * 192);
  CHECK(bound_of("head", model, {chip}).dram_bytes == 2 * 192 * 1000 + 6 * 1000 + 2 * 1000);
  CHECK(bound_of("pos_embed", model, {chip}).dram_bytes == 2 * 197 * 192);
  // A part alone: its operands and results are in memory.
  std::vector<bool> alone(model.layers.size(), false);
  for (std::size_t i = 0; i < alone.size(); ++i) alone[i] = model.layers[i].name == "blocks.0.attn.qkv";
  CHECK(bound_of("blocks.0.attn.qkv", model, {chip}, alone).dram_bytes == qkv + 2 * 197 * 192 + 2 * 197 * 576);
  // The images of a batch share the weights.
  const VitModel batch = batched(model, 2);
  CHECK(bound_of("image0/blocks.0.attn.qkv", batch, {chip}).dram_bytes == qkv);
  CHECK(bound_of("image1/blocks.0.attn.qkv", batch, {chip}).dram_bytes == 0);
}

TEST_CASE("lower bounds: pooling, learned rows, slices and products of tiny_dinov2 by hand, int16") {
  const VitModel model = read_workload(kSource + "/workloads/tiny_dinov2.json");
  const std::string chip = "mapping.residency=chip", layer = "mapping.residency=layer",
                    charged = "special_functions.charge=charged";
  // 9 x 7 pixels of 32 channels, all of which some window has; what adds to the means may work on them on the way.
  CHECK(bound_of("smooth", model, {layer}).dram_bytes == 2 * 63 * 32);
  // 3 registers in front of 48 tokens.
  CHECK(bound_of("reg_token", model, {layer}).dram_bytes == 2 * 32 * (3 + 48 + 51));
  CHECK(bound_of("reg_token", model, {chip}).dram_bytes == 2 * 32 * 3);
  // 48 of 96 columns of 52 tokens, read and written.
  CHECK(bound_of("blocks.0.mlp.value", model, {layer}).dram_bytes == 2 * 2 * 52 * 48);
  // The product reads two operands.
  CHECK(bound_of("blocks.0.mlp.mul", model, {layer, charged}).dram_bytes == 3 * 2 * 52 * 48);
  CHECK(bound_of("blocks.0.mlp.mul", model, {layer}).dram_bytes == 0);
  CHECK(bound_of("blocks.0.attn", model, {layer, "attention=unified"}).dram_bytes == 4 * 2 * 52 * 32);
  CHECK(bound_of("blocks.2.attn", model, {layer, "attention=unified"}).dram_bytes == 2 * 52 * 32);
}

TEST_CASE("lower bounds: pixels that a convolution reads") {
  const auto conv = [](const std::string& sizes) {
    return parse_workload(R"({"name":"one","image":{"height":9,"width":9,"channels":1},"layers":[)"
                          R"({"name":"conv","kind":"conv2d","out_channels":1,"bias":false,)" +
                              sizes + "}]}",
                          "one.json");
  };
  // 9 x 9 outputs need all; every third pixel in each direction; 2 of every 3.
  CHECK(bound_of("conv", conv(R"("kernel":3,"stride":1,"pad":1)"), {}).dram_bytes == 2 * 81 + 2 * 9 + 2 * 81);
  CHECK(bound_of("conv", conv(R"("kernel":1,"stride":3,"pad":0)"), {}).dram_bytes == 2 * 9 + 2 * 1 + 2 * 9);
  CHECK(bound_of("conv", conv(R"("kernel":2,"stride":3,"pad":0)"), {}).dram_bytes == 2 * 36 + 2 * 4 + 2 * 9);
}

TEST_CASE("lower bounds: compute cycles of one linear layer by hand") {
  const auto cycles = [](int k, int n, const std::vector<std::string>& overrides) {
    const VitModel model = parse_workload(R"({"name":"one","image":{"height":1,"width":10,"channels":)" +
                                              std::to_string(k) + R"(},"layers":[{"name":"fc","kind":"linear",)" +
                                              R"("out_features":)" + std::to_string(n) + "}]}",
                                          "one.json");
    return bound_of("fc", model, overrides).compute_cycles;
  };
  const std::vector<std::string> two{"matrix_engine.rows=2", "matrix_engine.cols=2"};
  CHECK(cycles(4, 4, two) == 4 * 10);
  // 3 x 3 weights: each row lies in 2 tiles or more, and a tile has 2 rows: 3 tiles, and 3 are enough: rows 0 and 1
  // with columns 0 and 1, rows 0 and 2 with columns 0 and 2, rows 1 and 2 with columns 1 and 2.
  CHECK(cycles(3, 3, two) == 3 * 10);
  CHECK(cycles(4, 4, {"matrix_engine.rows=2", "matrix_engine.cols=2", "matrix_engine.count=3"}) == 14);
  // 10 x 4 results in tiles of 2 x 2, 4 cycles each.
  CHECK(cycles(4, 4, {"matrix_engine.rows=2", "matrix_engine.cols=2", "matrix_engine.dataflow=output_stationary"}) ==
        10 * 4);
}
