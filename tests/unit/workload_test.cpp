// What the layer tables do not show: where heads lie, who reads whom, how names and sizes expand.
#include <array>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "workload/attention_ops.h"
#include "workload/expression.h"
#include "workload/parameters.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kWorkloads = std::string(VITALITY_SOURCE_DIR) + "/workloads/";

int index_of(const VitModel& model, const std::string& name) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (model.layers[i].name == name) return static_cast<int>(i);
  }
  FAIL("no layer " << name);
  return -1;
}

const Layer& layer_of(const VitModel& model, const std::string& name) {
  return model.layers[static_cast<std::size_t>(index_of(model, name))];
}

std::vector<std::string> input_names(const VitModel& model, const std::string& name) {
  std::vector<std::string> out;
  for (const int input : layer_of(model, name).inputs) {
    out.push_back(input == kModelInput ? "image" : model.layers[static_cast<std::size_t>(input)].name);
  }
  return out;
}

using Names = std::vector<std::string>;

std::string error_of(const std::string& layers, const std::string& more = "") {
  try {
    parse_workload(R"({"name": "x", "image": {"height": 8, "width": 8, "channels": 4}, )" + more + R"("layers": [)" +
                       layers + "]}",
                   "f");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("expressions") {
  Dimensions d;
  d.values = {{"dim", 192}, {"heads", 3}, {"n2", 5}};
  CHECK(evaluate("dim", d) == 192);
  CHECK(evaluate("4*dim + 1", d) == 769);
  CHECK(evaluate("2+3*4", d) == 14);
  CHECK(evaluate("(2+3)*4", d) == 20);
  CHECK(evaluate("20-5-3", d) == 12);
  CHECK(evaluate("dim/heads/2", d) == 32);
  CHECK(evaluate(" ( n2 ) ", d) == 5);
  for (const char* bad : {"", " ", "dim+", "*2", "(dim", "dim)", "dim dim", "2 3", "dim/7", "1/0", "dmi", "1.5", "-1",
                          "2**3", "0x10", "1e3", "9999999999999999999999", "dim;", "\xc3\xa9"}) {
    INFO(bad);
    CHECK_THROWS_AS(evaluate(bad, d), std::invalid_argument);
  }
  CHECK_THROWS_AS(evaluate(std::string(100000, '('), d), std::invalid_argument);
}

TEST_CASE("DeiT: heads lie as [all q | all k | all v], residuals read the block's input and the first residual") {
  const VitModel model = read_workload(kWorkloads + "deit_tiny.json");
  const auto& p = std::get<Attention>(layer_of(model, "blocks.3.attn").parameters);
  CHECK((p.q.offset == 0 && p.k.offset == 192 && p.v.offset == 384));
  CHECK((p.q.head_stride == 64 && p.k.head_stride == 64 && p.v.head_stride == 64));
  CHECK((p.q.input == 0 && p.k.input == 0 && p.v.input == 0));
  CHECK(p.bias_params == 0);
  CHECK(input_names(model, "patch_embed") == Names{"image"});
  CHECK(input_names(model, "blocks.0.residual1") == Names{"blocks.0.attn.proj", "pos_embed"});
  CHECK(input_names(model, "blocks.3.residual1") == Names{"blocks.3.attn.proj", "blocks.2.residual2"});
  CHECK(input_names(model, "blocks.3.residual2") == Names{"blocks.3.mlp.fc2", "blocks.3.residual1"});
  CHECK(input_names(model, "blocks.3.norm2") == Names{"blocks.3.residual1"});
  CHECK(std::get<Linear>(layer_of(model, "head").parameters).rows == 1);
}

TEST_CASE("LeViT: heads lie as [q | k | v] a head, the downsampling attention has queries of its own") {
  const VitModel model = read_workload(kWorkloads + "levit_256.json");
  const auto& stage = std::get<Attention>(layer_of(model, "stage1.2.attn").parameters);
  CHECK((stage.q.offset == 0 && stage.k.offset == 32 && stage.v.offset == 64));
  CHECK((stage.q.head_stride == 128 && stage.k.head_stride == 128 && stage.v.head_stride == 128));
  CHECK((stage.bias_grid == 7 && stage.query_stride == 1 && stage.bias_params == 6 * 49));
  const auto& down = std::get<Attention>(layer_of(model, "down0.attn").parameters);
  CHECK((down.q.input == 0 && down.k.input == 1 && down.v.input == 1));
  CHECK((down.q.offset == 0 && down.k.offset == 0 && down.v.offset == 32));
  CHECK((down.q.head_stride == 32 && down.k.head_stride == 160 && down.v.head_stride == 160));
  CHECK((down.bias_grid == 14 && down.query_stride == 2 && down.bias_params == 8 * 196));
  CHECK(input_names(model, "down0.attn") == Names{"down0.attn.q.bn", "down0.attn.kv.bn"});
  CHECK(input_names(model, "down0.attn.subsample") == Names{"stage0.3.residual2"});
  CHECK(input_names(model, "down0.residual") == Names{"down0.mlp.fc2.bn", "down0.attn.proj.bn"});
  CHECK(input_names(model, "head_dist.bn") == Names{"avg_pool"});
  CHECK(std::get<BatchNorm>(layer_of(model, "head_dist.bn").parameters).folded_into == index_of(model, "head_dist"));
  CHECK(std::get<BatchNorm>(layer_of(model, "stem.0.bn").parameters).folded_into == index_of(model, "stem.0"));
}

TEST_CASE("MobileViT: the fusion reads the block's input first") {
  const VitModel model = read_workload(kWorkloads + "mobilevit_xs.json");
  CHECK(input_names(model, "layer_4.1.concat") == Names{"layer_4.0.red_1x1.bn", "layer_4.1.conv_proj.act"});
  CHECK(input_names(model, "layer_2.2.residual") == Names{"layer_2.2.red_1x1.bn", "layer_2.1.residual"});
  CHECK(input_names(model, "layer_3.1.global_rep.1.residual1") ==
        Names{"layer_3.1.global_rep.1.attn.proj", "layer_3.1.global_rep.0.residual2"});
  const auto& unfold = std::get<Unfold>(layer_of(model, "layer_4.1.unfold").parameters);
  CHECK((unfold.height == 16 && unfold.width == 16 && unfold.patch == 2 && unfold.channels == 120));
}

TEST_CASE("distilled DeiT: the class token is row 0, the distillation token row 1, a head reads each") {
  const VitModel model = read_workload(kWorkloads + "deit_tiny_distilled.json");
  CHECK(input_names(model, "cls_token") == Names{"dist_token"});
  CHECK(output_shape(layer_of(model, "norm")).rows == 198);
  const auto &head = std::get<Linear>(layer_of(model, "head").parameters),
             &dist = std::get<Linear>(layer_of(model, "head_dist").parameters);
  CHECK((head.first_row == 0 && head.rows == 1 && dist.first_row == 1 && dist.rows == 1));
  CHECK(input_names(model, "head_dist") == Names{"norm"});
  CHECK(input_names(model, "head_mean") == Names{"head", "head_dist"});
  CHECK(std::get<Add>(layer_of(model, "head_mean").parameters).mean);
  CHECK(!std::get<Add>(layer_of(model, "blocks.0.residual1").parameters).mean);
}

TEST_CASE("a linear layer reads rows that its input has") {
  const auto linear = [](const std::string& keys) {
    return error_of(R"({"name": "l", "kind": "linear", "out_features": 2)" + keys + "}");
  };
  CHECK(linear(R"(, "first_row": 63)").empty());
  CHECK(linear(R"(, "first_row": 60, "rows": 4)").empty());
  CHECK_THAT(linear(R"(, "first_row": 64)"), Catch::Contains("/layers/0/first_row: expected less than the input's 64"));
  CHECK_THAT(linear(R"(, "first_row": 60, "rows": 5)"),
             Catch::Contains("/layers/0/rows: expected at most the input's 4"));
  CHECK_THAT(linear(R"(, "first_row": -1)"), Catch::Contains("/layers/0/first_row"));
}

TEST_CASE("every layer's inputs come before it and have the shape that it needs") {
  for (const char* name :
       {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_dinov2", "tiny_distilled", "efficientvit_b0", "pvt_v2_b0",
        "tiny_pvt", "swin_tiny", "tiny_swin", "dinov2_small_14", "levit_128s", "mobilevit_s", "vit_huge_14"}) {
    const VitModel model = read_workload(kWorkloads + name + ".json");
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      const Layer& layer = model.layers[i];
      INFO(name << " " << layer.name);
      CHECK(!layer.inputs.empty());
      for (const int input : layer.inputs) CHECK(input < static_cast<int>(i));
      const int first = layer.inputs.front();
      const MatrixShape in = first == kModelInput
                                 ? MatrixShape{model.image_height * model.image_width, model.image_channels}
                                 : output_shape(model.layers[static_cast<std::size_t>(first)]);
      if (const auto* p = std::get_if<Conv2d>(&layer.parameters)) {
        CHECK((in.rows == p->in_height * p->in_width && in.cols == p->in_channels));
      } else if (const auto* q = std::get_if<Linear>(&layer.parameters)) {
        CHECK((in.rows >= q->first_row + q->rows && in.cols == q->in_features));
      } else if (std::get_if<Add>(&layer.parameters) || std::get_if<LayerNorm>(&layer.parameters) ||
                 std::get_if<BatchNorm>(&layer.parameters) || std::get_if<Activation>(&layer.parameters) ||
                 std::get_if<Unfold>(&layer.parameters) || std::get_if<Fold>(&layer.parameters)) {
        CHECK((in.rows == output_shape(layer).rows && in.cols == output_shape(layer).cols));
      }
    }
  }
}

TEST_CASE("the tiny models have what they are meant to test") {
  const VitModel levit = read_workload(kWorkloads + "tiny_levit.json");
  const auto& down = std::get<Attention>(layer_of(levit, "down0.attn").parameters);
  CHECK(down.n_q < down.n_kv);
  CHECK(down.d_v != down.d_qk);
  CHECK(down.bias_params > 0);
  const VitModel mobile = read_workload(kWorkloads + "tiny_mobilevit.json");
  CHECK(std::get<Attention>(layer_of(mobile, "layer_2.1.global_rep.0.attn").parameters).instances == 4);
  const auto& depthwise = std::get<Conv2d>(layer_of(mobile, "layer_1.0.conv_3x3_dw").parameters);
  CHECK(depthwise.groups == depthwise.in_channels);
  const VitModel vit = read_workload(kWorkloads + "tiny_vit.json");
  CHECK(std::get<Attention>(layer_of(vit, "blocks.1.attn").parameters).n_q == 17);
}

TEST_CASE("DINOv2-Small with registers: tokens, parameters and MACs by hand") {
  const VitModel model = read_workload(kWorkloads + "dinov2_small_14.json");
  // 518 / 14 = 37: 37 x 37 = 1369 patches with a position embedding, then 4 registers, then the class token in front.
  constexpr Count kPatches = 37 * 37, kTokens = kPatches + 4 + 1, kDim = 384, kHidden = 1536;
  CHECK(output_shape(layer_of(model, "pos_embed")).rows == kPatches);
  CHECK(input_names(model, "cls_token") == Names{"reg_token"});
  CHECK(std::get<Attention>(layer_of(model, "blocks.11.attn").parameters).n_kv == kTokens);
  // Weights and biases of a block: qkv, proj, fc1, fc2; two norms, two LayerScales.
  constexpr Count kBlock =
      (kDim + 1) * 3 * kDim + (kDim + 1) * kDim + (kDim + 1) * kHidden + (kHidden + 1) * kDim + 2 * 2 * kDim + 2 * kDim;
  CHECK(kBlock == 1775232);
  constexpr Count kPatchEmbed = (14 * 14 * 3 + 1) * kDim, kFront = kPatches * kDim + 4 * kDim + kDim;
  CHECK(parameter_count(model) == kPatchEmbed + kFront + 12 * kBlock + 2 * kDim);
  CHECK(parameter_count(model) == 22057344);
  // A block: 384 x (1152 + 384 + 2 x 1536) products a token, and Q K^T and P V over all pairs of tokens.
  constexpr Count kBlockMacs = kTokens * kDim * (3 * kDim + kDim + 2 * kHidden) + 2 * kTokens * kTokens * kDim;
  CHECK(macs(model) == kPatches * 14 * 14 * 3 * kDim + 12 * kBlockMacs);
  CHECK(macs(model) == 46882828800);
  const MatrixShape out = output_shape(model.layers.back());
  CHECK((out.rows == 1 && out.cols == 384));
}

TEST_CASE("EfficientViT-B0: its layers, parameters and MACs counted by hand") {
  const VitModel model = read_workload(kWorkloads + "efficientvit_b0.json");
  Count parameters = 0, products = 0;
  const auto conv = [&](Count in, Count out, Count kernel, Count side, Count groups, bool bias, bool norm) {
    const Count weights = kernel * kernel * (in / groups) * out;
    parameters += weights + (bias ? out : 0) + (norm ? 2 * out : 0), products += weights * side * side;
  };
  // An inverted residual: 1 x 1 to four times the channels, depthwise 3 x 3, 1 x 1. In the attention stages the first
  // two have biases in place of norms.
  const auto inverted = [&](Count in, Count out, Count from, Count to, bool biases) {
    conv(in, 4 * in, 1, from, 1, biases, !biases);
    conv(4 * in, 4 * in, 3, to, 4 * in, biases, !biases);
    conv(4 * in, out, 1, to, 1, false, true);
  };
  conv(3, 8, 3, 112, 1, false, true), conv(8, 8, 3, 112, 8, false, true), conv(8, 8, 1, 112, 1, false, true);
  inverted(8, 16, 112, 56, false), inverted(16, 16, 56, 56, false);
  inverted(16, 32, 56, 28, false), inverted(32, 32, 28, 28, false);
  for (const auto& [in, width, side] : {std::array<Count, 3>{32, 64, 14}, {64, 128, 7}}) {
    inverted(in, width, 2 * side, side, true);
    for (int block = 0; block < 2; ++block) {
      conv(width, 3 * width, 1, side, 1, false, false);
      conv(3 * width, 3 * width, 5, side, 3 * width, false, false);
      conv(3 * width, 3 * width, 1, side, 3 * width / 16, false, false);
      // 2 x width / 16 heads of 16; a column of ones beside V sums the keys: 17 columns.
      products += 2 * width / 16 * 2 * side * side * 16 * 17;
      conv(2 * width, width, 1, side, 1, false, true);
      inverted(width, width, side, side, true);
    }
  }
  conv(128, 1024, 1, 7, 1, false, true);
  parameters += 1024 * 1280 + 2 * 1280 + 1281 * 1000, products += 1024 * 1280 + 1280 * 1000;
  CHECK(parameter_count(model) == parameters);
  CHECK(parameters == 3410008);
  CHECK(macs(model) == products);
  CHECK(products == 100233216);
  const auto& attention = std::get<Attention>(layer_of(model, "stages.2.blocks.1.context_module.main.attn").parameters);
  CHECK((attention.heads == 8 && attention.n_q == 196 && attention.n_kv == 196 && attention.d_v == 16));
  CHECK((attention.q.head_stride == 48 && attention.k.offset == 16 && attention.v.offset == 32));
  CHECK((attention.kind == AttentionKind::kReluLinear && attention.epsilon == 1e-5));
}

TEST_CASE("PVT v2-B0: its layers, parameters and MACs counted by hand") {
  const VitModel model = read_workload(kWorkloads + "pvt_v2_b0.json");
  struct Stage {
    Count channels, reduction, ratio, kernel, side;
  };
  Count parameters = 0, products = 0, in = 3;
  const auto linear = [&](Count rows, Count from, Count to) {
    parameters += (from + 1) * to, products += rows * from * to;
  };
  for (const Stage& s : {Stage{32, 8, 8, 7, 56}, {64, 4, 8, 3, 28}, {160, 2, 4, 3, 14}, {256, 1, 4, 3, 7}}) {
    const Count c = s.channels, tokens = s.side * s.side, keys = tokens / (s.reduction * s.reduction);
    linear(tokens, s.kernel * s.kernel * in, c), parameters += 2 * c;  // the embedding and its norm
    for (int block = 0; block < 2; ++block) {
      linear(tokens, c, c), linear(keys, c, 2 * c), linear(tokens, c, c);                        // q, kv, proj
      if (s.reduction > 1) linear(keys, s.reduction * s.reduction * c, c), parameters += 2 * c;  // sr and its norm
      products += 2 * tokens * keys * c;                                                         // Q K^T and P V
      linear(tokens, c, s.ratio * c), linear(tokens, s.ratio * c, c);
      parameters += (9 + 1) * s.ratio * c, products += tokens * 9 * s.ratio * c;  // depthwise 3 x 3
      parameters += 2 * 2 * c;
    }
    parameters += 2 * c;
    in = c;
  }
  linear(1, 256, 1000);
  CHECK(parameter_count(model) == parameters);
  CHECK(parameters == 3666760);
  CHECK(macs(model) == products);
  CHECK(products == 566065664);
  const auto& attention = std::get<Attention>(layer_of(model, "stages.1.blocks.0.attn").parameters);
  CHECK((attention.heads == 2 && attention.n_q == 784 && attention.n_kv == 49 && attention.d_v == 32));
  CHECK((attention.k.input == 1 && attention.k.offset == 0 && attention.k.head_stride == 32));
  CHECK((attention.v.input == 1 && attention.v.offset == 64 && attention.v.head_stride == 32));
}

TEST_CASE("Swin-T: its layers, parameters and MACs counted by hand") {
  const VitModel model = read_workload(kWorkloads + "swin_tiny.json");
  Count parameters = (4 * 4 * 3 + 1) * 96 + 2 * 96, products = 56 * 56 * 48 * 96, c = 96, tokens = 56 * 56;
  for (const int blocks : {2, 2, 6, 2}) {
    for (int block = 0; block < blocks; ++block) {
      parameters += 2 * 2 * c + (c + 1) * 3 * c + 13 * 13 * (c / 32) + (c + 1) * c + (c + 1) * 4 * c + (4 * c + 1) * c;
      products += tokens * 12 * c * c + 2 * tokens * 49 * c;  // linear layers; Q K^T and P V in windows of 49 tokens
    }
    if (c == 768) break;
    tokens /= 4;
    parameters += 2 * 4 * c + 4 * c * 2 * c, products += tokens * 4 * c * 2 * c;  // merging: a norm and a reduction
    c *= 2;
  }
  parameters += 2 * c + (c + 1) * 1000, products += c * 1000;
  CHECK(parameter_count(model) == parameters);
  CHECK(parameters == 28288354);
  CHECK(macs(model) == products);
  CHECK(products == 4490566656);
  const auto& attention = std::get<Attention>(layer_of(model, "layers.1.pairs.0.1.attn").parameters);
  CHECK((attention.heads == 6 && attention.instances == 16 && attention.n_q == 49 && attention.n_kv == 49));
  CHECK(
      (attention.mask == ScoreMask::kShiftedWindows && attention.windows.height == 28 && attention.windows.shift == 3));
  CHECK(!is_masked(std::get<Attention>(layer_of(model, "layers.3.blocks.1.attn").parameters)));
}

TEST_CASE("an epsilon belongs to ReLU-linear attention") {
  const auto attention = [](const std::string& keys) {
    return R"({"name": "qkv", "kind": "conv2d", "kernel": 1, "out_channels": 12},)"
           R"({"name": "a", "kind": "attention", "heads": 1, "d_qk": 4, "layout": "qkv")" +
           keys + "}";
  };
  CHECK(error_of(attention(R"(, "attention": "relu_linear", "epsilon": 1e-15)")).empty());
  CHECK(error_of(attention(R"(, "epsilon": 0)")).empty());
  for (const char* kind : {"", R"(, "attention": "softmax")", R"(, "attention": "taylor")"})
    CHECK_THAT(error_of(attention(std::string(kind) + R"(, "epsilon": 1e-5)")),
               Catch::Contains(R"(/layers/1/epsilon: is added to a sum of relu_linear attention: expected )"
                               R"("attention": "relu_linear" beside it)"));
  for (const char* value : {"-1e-5", "2", "true", "\"1e-5\"", "1e999"})
    CHECK_THAT(error_of(attention(R"(, "attention": "relu_linear", "epsilon": )" + std::string(value))),
               !Catch::Equals(""));
  // One addition a row in each head: 3 heads, 5 rows.
  Attention a{};
  a.heads = 3, a.instances = 1, a.n_q = 5, a.n_kv = 7, a.d_qk = 2, a.d_v = 4;
  const Count without = relu_linear_attention_operations(a).add;
  a.epsilon = 1e-5;
  CHECK(relu_linear_attention_operations(a).add == without + 15);
}

TEST_CASE("masks, relative bias, windows and merging: errors") {
  const auto attention = [](const std::string& keys) {
    return R"({"name": "qkv", "kind": "conv2d", "kernel": 1, "out_channels": 12},)"
           R"({"name": "w", "kind": "unfold", "patch": 4, "windows": true, "shift": 2},)"
           R"({"name": "a", "kind": "attention", "heads": 1, "d_qk": 4, "layout": "qkv", )" +
           keys + "}";
  };
  const std::string softmax = R"("attention": "softmax", )";
  CHECK(error_of(attention(softmax + R"("mask": "shifted_windows", "relative_bias": true)")).empty());
  CHECK(error_of(attention(softmax + R"("mask": "none")")).empty());
  CHECK_THAT(error_of(attention(R"("mask": "causal")")),
             Catch::Contains("/layers/2/mask: is a mask of softmax attention"));
  CHECK_THAT(error_of(attention(R"("attention": "taylor", "mask": "shifted_windows")")),
             Catch::Contains("/layers/2/mask"));
  CHECK_THAT(error_of(attention(softmax + R"("mask": "windows")")), Catch::Contains("/layers/2/mask"));
  CHECK_THAT(error_of(attention(R"("relative_bias": true, "position_bias": true)")),
             Catch::Contains("/layers/2/relative_bias: position_bias is there already"));
  CHECK_THAT(error_of(attention(R"("relative_bias": true, "attention": "relu_linear")")),
             Catch::Contains("/layers/2/relative_bias: relu_linear attention has no scores"));
  const std::string plain = R"({"name": "qkv", "kind": "conv2d", "kernel": 1, "out_channels": 12},
      {"name": "a", "kind": "attention", "heads": 1, "d_qk": 4, "layout": "qkv", "attention": "softmax", )";
  CHECK_THAT(error_of(plain + R"("mask": "shifted_windows"})"),
             Catch::Contains("/layers/1/mask: needs inputs in shifted"));
  CHECK(error_of(plain + R"("mask": "causal", "relative_bias": true})").empty());  // the image is a square grid
  CHECK_THAT(error_of(R"({"name": "u", "kind": "unfold", "patch": 4, "shift": 1})"),
             Catch::Contains("/layers/0/shift: of use with"));
  CHECK_THAT(error_of(R"({"name": "u", "kind": "unfold", "patch": 4, "windows": true, "shift": 4})"),
             Catch::Contains("/layers/0/shift: must be less than patch"));
  CHECK_THAT(error_of(R"({"name": "m", "kind": "patch_merge", "patch": 3})"),
             Catch::Contains("/layers/0/patch: must divide the image"));
  CHECK_THAT(error_of(R"({"name": "m", "kind": "patch_merge"})"), Catch::Contains("/layers/0"));
  CHECK_THAT(error_of(attention(R"("relative_bias": true)") + R"(, {"name": "m", "kind": "patch_merge", "patch": 2})"),
             Catch::Contains("/layers/3: needs an image"));
}

TEST_CASE("a second input of the model: shape, tensor, errors") {
  const VitModel model = read_workload(kWorkloads + "tiny_cross.json");
  const auto& attention = std::get<Attention>(layer_of(model, "cross").parameters);
  CHECK((attention.n_q == 12 && attention.n_kv == 5));
  const std::vector<ParameterInfo> tensors = parameters_of(model);
  CHECK((tensors[0].name == "input" && tensors[1].name == "text" && tensors[1].rows == 5 && tensors[1].cols == 24));
  CHECK(tensors[1].role == ParameterRole::kInput);
  CHECK(parameter_count(layer_of(model, "text")) == 0);
  const auto input = [](const std::string& keys) { return R"({"kind": "input", )" + keys + "}"; };
  CHECK(error_of(input(R"("name": "text", "rows": 2, "channels": 3)")).empty());
  CHECK_THAT(error_of(input(R"("name": "input", "rows": 2, "channels": 3)")), Catch::Contains("/layers/0/name"));
  CHECK_THAT(error_of(input(R"("name": "input.1", "rows": 2, "channels": 3)")), Catch::Contains("/layers/0/name"));
  CHECK_THAT(error_of(input(R"("name": "text", "rows": 2, "channels": 3, "inputs": ["image"])")),
             Catch::Contains("/layers/0/inputs: an input of the model has no inputs"));
  CHECK_THAT(error_of(input(R"("name": "text", "rows": 2)")), Catch::Contains("/layers/0"));
}

TEST_CASE("a layer's own kind of attention, whatever the run has") {
  const VitModel model = read_workload(kWorkloads + "tiny_dinov2.json");
  for (const AttentionKind run : {AttentionKind::kTaylor, AttentionKind::kSoftmax, AttentionKind::kSparse}) {
    CHECK(attention_kind(layer_of(model, "blocks.0.attn"), run) == AttentionKind::kSoftmax);
    CHECK(attention_kind(layer_of(model, "blocks.1.attn"), run) == AttentionKind::kTaylor);
    CHECK(attention_kind(layer_of(model, "blocks.2.attn"), run) == run);
    CHECK(any_mask(model, run) == (run == AttentionKind::kSparse));
  }
  CHECK(names_attention(model));
  CHECK(!names_attention(read_workload(kWorkloads + "tiny_vit.json")));
  const std::string qkv = R"({"name": "qkv", "kind": "linear", "out_features": 12},)";
  const auto attention = [](const std::string& kind) {
    return R"({"name": "a", "kind": "attention", "heads": 1, "d_qk": 4, "layout": "qkv", "attention": )" + kind + "}";
  };
  for (const char* kind :
       {"softmax", "taylor", "taylor_elided", "sparse", "unified", "unified_additive", "relu_linear"})
    CHECK(error_of(qkv + attention(std::string("\"") + kind + "\"")).empty());
  CHECK_THAT(error_of(qkv + attention(R"("sofmax")")),
             Catch::Contains("/layers/1/attention") && Catch::Contains("did you mean \"softmax\"?"));
  for (const char* kind : {R"("auto")", R"("taylor_released")", "1", "null"})
    CHECK_THAT(error_of(qkv + attention(kind)), Catch::Contains("/layers/1/attention"));
  CHECK_THAT(error_of(R"({"name": "qkv", "kind": "conv2d", "kernel": 1, "out_channels": 12},)" +
                      attention(R"("relu_linear", "position_bias": true)")),
             Catch::Contains("/layers/1/position_bias: relu_linear attention has no scores"));
  CHECK_THAT(error_of(R"({"name": "n", "kind": "layer_norm", "attention": "softmax"})"),
             Catch::Contains("/layers/0/attention"));
}

TEST_CASE("slices, pooling, products and learned rows: shapes and errors") {
  const auto shape_of = [](const std::string& layers) {
    const VitModel model = parse_workload(
        R"({"name": "x", "image": {"height": 8, "width": 6, "channels": 4}, "layers": [)" + layers + "]}", "f");
    const MatrixShape shape = output_shape(model.layers.back());
    return std::make_pair(shape.rows, shape.cols);
  };
  const auto slice = [](const std::string& keys) { return R"({"name": "s", "kind": "slice")" + keys + "}"; };
  CHECK(shape_of(slice("")) == std::make_pair(48, 4));
  CHECK(shape_of(slice(R"(, "first_row": 40, "first_channel": 1, "channels": 2)")) == std::make_pair(8, 2));
  CHECK(shape_of(slice(R"(, "rows": 47)")) == std::make_pair(47, 4));
  CHECK_THAT(error_of(slice(R"(, "first_row": 64)")), Catch::Contains("/layers/0/first_row: expected less than"));
  CHECK_THAT(error_of(slice(R"(, "first_row": 60, "rows": 5)")),
             Catch::Contains("/layers/0/rows: expected at most the 4"));
  CHECK_THAT(error_of(slice(R"(, "first_channel": 4)")), Catch::Contains("/layers/0/first_channel"));
  CHECK_THAT(error_of(slice(R"(, "channels": 5)")), Catch::Contains("/layers/0/channels"));
  CHECK_THAT(error_of(slice(R"(, "channels": 0)")), Catch::Contains("/layers/0/channels"));
  const std::string conv = R"(, {"name": "c", "kind": "conv2d", "out_channels": 4, "kernel": 1})";
  CHECK(error_of(slice(R"(, "channels": 2)") + conv).empty());  // a part of the channels is still an image
  CHECK_THAT(error_of(slice(R"(, "rows": 32)") + conv), Catch::Contains("/layers/1: needs an image"));
  const std::string unfold = R"({"name": "u", "kind": "unfold", "patch": 2},)";
  CHECK(error_of(unfold + slice(R"(, "channels": 2)") + R"(, {"name": "f", "kind": "fold"})").empty());
  CHECK_THAT(error_of(unfold + slice(R"(, "rows": 16)")), Catch::Contains("/layers/1/rows: cannot take a part"));

  const auto pool = [](const std::string& keys) { return R"({"name": "p", "kind": "average_pool", )" + keys + "}"; };
  CHECK(shape_of(pool(R"("kernel": 3)")) == std::make_pair(2 * 2, 4));
  CHECK(shape_of(pool(R"("kernel": 3, "stride": 1)")) == std::make_pair(6 * 4, 4));
  CHECK(error_of(pool(R"("kernel": 2)") + conv).empty());
  CHECK_THAT(error_of(pool(R"("kernel": 9)")), Catch::Contains("/layers/0/kernel: kernel is larger than the input"));
  CHECK_THAT(error_of(unfold + pool(R"("kernel": 2)")), Catch::Contains("/layers/1: needs an image"));

  CHECK_THAT(error_of(R"({"name": "m", "kind": "mul"})"), Catch::Contains("expected 2 inputs, found 1"));
  CHECK_THAT(error_of(slice(R"(, "channels": 2)") + R"(, {"name": "m", "kind": "mul", "inputs": ["s", "image"]})"),
             Catch::Contains("inputs must have equal shapes, found 64 x 2 and 64 x 4"));
  CHECK(shape_of(R"({"name": "m", "kind": "mul", "inputs": ["image", "image"]})") == std::make_pair(48, 4));
  CHECK(shape_of(R"({"name": "t", "kind": "concat_token", "rows": 5})") == std::make_pair(53, 4));
  CHECK_THAT(error_of(R"({"name": "t", "kind": "concat_token", "rows": 0})"), Catch::Contains("/layers/0/rows"));
}

TEST_CASE("overrides change named sizes, and everything that follows from them") {
  const std::string file = kWorkloads + "deit_tiny.json";
  const VitModel model = read_workload(file, {"dim=384", "heads=6", "classes=10"});
  CHECK(parameter_count(layer_of(model, "blocks.0.mlp.fc1")) == 384 * 1536 + 1536);
  CHECK(output_shape(layer_of(model, "head")).cols == 10);
  CHECK(output_shape(layer_of(read_workload(file, {"image.height=384", "image.width=384"}), "norm")).rows ==
        24 * 24 + 1);
  CHECK_THROWS_WITH(read_workload(file, {"dmi=4"}), Catch::Contains("did you mean \"dim\"?"));
  CHECK_THROWS_WITH(read_workload(file, {"dim"}), Catch::Contains("expected NAME=VALUE"));
  CHECK_THROWS_WITH(read_workload(file, {"dim=-4"}),
                    Catch::StartsWith("--set workload.dim=-4: /dims/dim: expected an integer"));
}

TEST_CASE("batch norms that cannot fold are refused") {
  const std::string conv = R"({"name": "c", "kind": "conv2d", "out_channels": 4, "kernel": 1},)";
  const std::string bn = R"({"name": "b", "kind": "batch_norm"})";
  CHECK(error_of(conv + bn).empty());
  CHECK_THAT(error_of(bn), Catch::Contains("/layers/0: a batch norm folds into"));
  CHECK_THAT(error_of(conv + bn + R"(, {"name": "a", "kind": "add", "inputs": ["b", "c"]})"),
             Catch::Contains("cannot fold"));
  const std::string before = R"({"name": "b", "kind": "batch_norm", "folds_into": "c"},)";
  CHECK(error_of(before + R"({"name": "c", "kind": "conv2d", "out_channels": 4, "kernel": 3})").empty());
  CHECK_THAT(error_of(before + R"({"name": "c", "kind": "conv2d", "out_channels": 4, "kernel": 3, "pad": 1})"),
             Catch::Contains("/layers/0/folds_into"));
  CHECK_THAT(error_of(before + R"({"name": "d", "kind": "layer_norm"})"), Catch::Contains("no layer is named \"c\""));
}

TEST_CASE("grids are followed through layers, and lost where tokens are added") {
  const std::string conv = R"(, {"name": "c", "kind": "conv2d", "out_channels": 4, "kernel": 1})";
  CHECK(error_of(R"({"name": "l", "kind": "linear", "out_features": 7})" + conv).empty());
  CHECK_THAT(error_of(R"({"name": "t", "kind": "concat_token"})" + conv),
             Catch::Contains("/layers/1: needs an image (height x width)"));
  const std::string unfold = R"({"name": "u", "kind": "unfold", "patch": 2})";
  CHECK_THAT(error_of(unfold + conv), Catch::Contains("/layers/1: needs an image"));
  CHECK(error_of(unfold + R"(, {"name": "f", "kind": "fold"})" + conv).empty());
  CHECK_THAT(error_of(R"({"name": "f", "kind": "fold"})"), Catch::Contains("needs an input that was unfolded"));
  CHECK_THAT(error_of(R"({"name": "u", "kind": "unfold", "patch": 3})"),
             Catch::Contains("/layers/0/patch: must divide"));
  CHECK_THAT(error_of(unfold + R"(, {"name": "p", "kind": "mean_pool"})"), Catch::Contains("several instances"));
}

TEST_CASE("models beyond the program's counts are refused") {
  CHECK_THAT(
      error_of(
          R"({"name": "l", "kind": "linear", "out_features": 65536}, {"name": "m", "kind": "linear", "out_features": 65536})"),
      Catch::Contains("larger than this program takes"));
  CHECK_THAT(
      error_of(
          R"({"repeat": 1000, "layers": [{"repeat": 20, "name": "r{i}", "layers": [{"name": "{block}.{i}.x", "kind": "layer_norm"}]}]})"),
      Catch::Contains("exists already"));
}
