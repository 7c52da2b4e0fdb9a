#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/json.h"
#include "import/checkpoint_names.h"
#include "import/constants.h"
#include "import/import_model.h"
#include "import/onnx_file.h"
#include "import/operators.h"
#include "import/recognise.h"
#include "import/resize_positions.h"
#include "import/safetensors.h"
#include "reference/model.h"
#include "tensor/npy.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::importing;

namespace {

const std::string kFolder = VITALITY_SOURCE_DIR "/tests/golden/onnx/";

// An image file, 1 x channels x height x width, as pixels x channels.
MatrixD pixels_of(const std::string& name) {
  const NpyArray array = read_npy(kFolder + name + ".input.npy");
  const int channels = array.shape[1], pixels = array.shape[2] * array.shape[3];
  MatrixD image(pixels, channels);
  for (int c = 0; c < channels; ++c)
    for (int p = 0; p < pixels; ++p) image(p, c) = array.values[static_cast<std::size_t>(c * pixels + p)];
  return image;
}

double largest_difference(const double* a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < b.size(); ++i) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::string message_of_node(const std::function<void()>& action) {
  try {
    action();
  } catch (const NodeError& error) {
    return error.what();
  }
  return "no error";
}

Tensor reals(Shape shape, std::vector<double> values) {
  Tensor out = real_tensor(std::move(shape));
  out.real = std::move(values);
  return out;
}

Node node(const std::string& op) {
  Node out;
  out.op = op;
  out.opset = 13;
  return out;
}

Tensor run(const Node& of, const std::vector<Tensor>& inputs) {
  Inputs in;
  for (const Tensor& tensor : inputs) in.push_back(&tensor);
  Budget budget;
  return evaluate(of, in, budget)[0];
}

}  // namespace

// The logits beside the graphs are PyTorch's, in double: neither the evaluator nor the reference made them.
TEST_CASE("imported graphs give the logits of PyTorch", "[import]") {
  for (const char* name : {"deit_op11",
                           "deit_dynamic",
                           "form_odd_order",
                           "form_odd_scale",
                           "form_both",
                           "gap",
                           "gap_patches",
                           "mha_dynamic",
                           "levit",
                           "mobilevit_dynamic",
                           "external",
                           "distilled_dynamic",
                           "form_taylor",
                           "form_taylor_elided",
                           "form_taylor_map",
                           "form_taylor_einsum",
                           "taylor_separate",
                           "fused_attention",
                           "fused_sizes",
                           "fused_multi_head",
                           "fused_products",
                           "fused_batch",
                           "window",
                           "swin",
                           "swin_dynamic",
                           "gated",
                           "relu_linear",
                           "reduced_keys",
                           "relu_linear_epsilon",
                           "causal_inf",
                           "causal_fill",
                           "causal_seen",
                           "relu_linear_large"}) {
    INFO(name);
    // PyTorch's exporter folds a convolution's batch norm into its weights in float32: those graphs are not the model's
    // to the last digit.
    const bool rounded = std::string(name) == "levit" || std::string(name) == "mobilevit_dynamic";
    const double tolerance = rounded ? 1e-7 : 1e-9;
    const NpyArray want = read_npy(kFolder + name + ".output.npy");
    const Graph graph = read_onnx(kFolder + name + ".onnx");
    const MatrixD image = pixels_of(name);
    const std::map<int, Tensor> values = evaluate_graph(graph, image, {graph.output});
    CHECK(largest_difference(values.at(graph.output).real.data(), want.values) < tolerance);

    const Imported imported = import_graph(graph);
    const VitModel model = parse_workload(imported.workload, name);
    const SeededParameters seeded(1);
    StoredParameters parameters(seeded);
    parameters.tensors() = imported.weights;
    parameters.tensors()["input"] = image;
    reference::ForwardOptions options;
    options.attention.assign(model.layers.size(), AttentionKind::kSoftmax);  // but in layers that say taylor
    const MatrixD logits = reference::forward(model, parameters, options).outputs.back();
    REQUIRE(logits.size() == want.values.size());
    CHECK(largest_difference(logits.data(), want.values) < tolerance);
  }
}

TEST_CASE("a final Softmax is dropped and named, a weight of float16 said so", "[import]") {
  const Imported imported = import_graph(read_onnx(kFolder + "softmax.onnx"));
  CHECK(imported.report.find("the final Softmax") != std::string::npos);
  CHECK(import_graph(read_onnx(kFolder + "half_storage.onnx")).report.find("float16") != std::string::npos);
}

TEST_CASE("what no layer computes is refused with its node", "[import]") {
  const auto refusal = [](const char* name) {
    return message_of([&] { import_graph(read_onnx(kFolder + name + ".onnx")); });
  };
  CHECK(refusal("x_form_wrong_axis").find("node \"/blocks.0/attn/Softmax\" (Softmax): runs over axis 2") !=
        std::string::npos);
  // Neither softmax nor Taylor attention: the node that ends its group.
  CHECK(refusal("x_form_linear").find("node \"/blocks.0/attn/Reshape_1\" (Reshape): ends a group") !=
        std::string::npos);
  CHECK(refusal("x_causal_small").find("(Where): replaces attention scores by numbers above -80") != std::string::npos);
  CHECK(refusal("x_fused_mask").find("(com.microsoft.Attention): with a mask of keys") != std::string::npos);
  CHECK(refusal("x_distilled_both").find("2 outputs: \"logits\"") != std::string::npos);
}

TEST_CASE("windows, masks, merged patches, gates and ReLU-linear attention become the layers that compute them",
          "[import]") {
  const auto imported = [](const char* name) { return import_graph(read_onnx(kFolder + name + ".onnx")).workload; };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const std::string swin = imported("swin");
  CHECK(has(swin, R"("kind":"unfold","patch":3,"windows":true,"shift":1)"));
  CHECK(has(swin, R"("layout":"qkv","attention":"softmax","mask":"shifted_windows","relative_bias":true)"));
  CHECK(has(swin, R"("kind":"patch_merge","patch":2)"));
  const std::string gated = imported("gated");
  CHECK(has(gated, R"("kind":"average_pool","kernel":2)"));
  CHECK(has(gated, R"("kind":"slice","rows":4,"first_channel":16,"channels":16)"));
  CHECK(has(gated, R"("kind":"mul")"));
  CHECK(has(imported("relu_linear"), R"("layout":"qkv_per_head","attention":"relu_linear"})"));
  CHECK(has(imported("relu_linear_epsilon"), R"("attention":"relu_linear","epsilon":1e-05)"));
  CHECK(has(imported("relu_linear_large"), R"("attention":"relu_linear","epsilon":0.25)"));
  CHECK(has(imported("reduced_keys"), R"("layout":"q_and_kv")"));
  for (const char* name : {"causal_inf", "causal_fill", "causal_seen"}) {
    INFO(name);
    CHECK(has(imported(name), R"("attention":"softmax","mask":"causal"})"));
  }
}

TEST_CASE("Pad and ScatterND on constants", "[import]") {
  const Tensor x = reals({2, 2}, {1, 2, 3, 4});
  const Tensor padded = run(node("Pad"), {x, integer_vector({0, 1, 1, 0}), reals({}, {9})});
  CHECK(padded.shape == Shape{3, 3});
  CHECK(padded.real == std::vector<double>{9, 1, 2, 9, 3, 4, 9, 9, 9});
  CHECK(message_of_node([&] { run(node("Pad"), {x, integer_vector({0, -1, 0, 0})}); }) == "pads of -1 and 0");
  Tensor rows = integer_vector({1, -2});
  rows.shape = {2, 1};
  const Tensor scattered = run(node("ScatterND"), {x, rows, reals({2, 2}, {5, 6, 7, 8})});
  CHECK(scattered.real == std::vector<double>{7, 8, 5, 6});
  rows.integer[0] = 2;
  CHECK(message_of_node([&] {
          run(node("ScatterND"), {x, rows, reals({2, 2}, {5, 6, 7, 8})});
        }) == "index 2 on an axis of 2");
}

TEST_CASE("a distilled model has a head for each of two tokens and their mean", "[import]") {
  const VitModel model = parse_workload(import_graph(read_onnx(kFolder + "distilled_dynamic.onnx")).workload, "d");
  int heads = 0;
  for (const Layer& layer : model.layers)
    if (const auto* linear = std::get_if<Linear>(&layer.parameters); linear != nullptr && linear->rows == 1)
      CHECK(linear->first_row == heads++);
  CHECK(heads == 2);
  CHECK(std::get<Add>(model.layers.back().parameters).mean);
  // 8 x 8 image, patches of 4, 12 channels, MLP of 24, one block, 5 classes; 4 patches and 2 tokens have a position.
  const Count block = 12 * 36 + 36 + 12 * 12 + 12 + 12 * 24 + 24 + 24 * 12 + 12 + 4 * 12;
  CHECK(parameter_count(model) == 48 * 12 + 12 + 2 * 12 + 6 * 12 + block + 2 * 12 + 2 * (12 * 5 + 5));
}

// The layers that the graph became are changed one at a time: only the comparison can find that.
TEST_CASE("the comparison names the first node that the workload does not compute", "[import]") {
  const Graph graph = read_onnx(kFolder + "deit_op11.onnx");
  const auto refusal = [&](const std::function<void(DraftLayer&)>& change, const std::string& name) {
    Recognised changed = recognise(graph);
    int found = 0;
    for (DraftLayer& layer : changed.layers)
      if (layer.layer.name == name) change(layer), ++found;
    CHECK(found == 1);
    return message_of([&] { import_recognised(graph, changed); });
  };
  const auto starts = [](const std::string& node) { return Catch::Contains("deit_op11.onnx: node \"" + node + "\""); };
  CHECK_THAT(refusal([](DraftLayer& l) { std::get<LayerNorm>(l.layer.parameters).epsilon *= 2; }, "blocks.1.norm2"),
             starts("/blocks.1/norm2/Add_1"));
  CHECK_THAT(
      refusal([](DraftLayer& l) { std::get<Activation>(l.layer.parameters).function = ActivationKind::kGeluTanh; },
              "blocks.0.act"),
      starts("/blocks.0/act/Mul_1"));
  CHECK_THAT(refusal([](DraftLayer& l) { std::get<Attention>(l.layer.parameters).kind = AttentionKind::kTaylor; },
                     "blocks.1.attn.attention"),
             starts("/blocks.1/attn/MatMul_1"));
  CHECK_THAT(refusal([](DraftLayer& l) { l.tensors["weight"](3, 2) += 1e-6; }, "blocks.0.fc2"),
             starts("/blocks.0/fc2/Add"));
  CHECK_THAT(refusal([](DraftLayer& l) { l.tensors["bias"](0, 4) = NAN; }, "head"), Catch::Contains("not finite"));
  CHECK(message_of([&] { import_recognised(graph, recognise(graph)); }) == "no error");
}

TEST_CASE("a clipped GELU is one where values are small: the comparison refuses it on the image", "[import]") {
  CHECK_THAT(message_of([] { import_graph(read_onnx(kFolder + "x_clipped_gelu.onnx")); }),
             Catch::Contains("node \"/blocks.0/act/Mul_1\" (Mul)"));
}

// Expected: numpy, as M_rows G M_columns^T with matrices of Keys' kernel (a = -0.75) and clamped indices; PyTorch's
// interpolate(size=(4, 2), mode="bicubic", align_corners=False) agrees to the last digit.
TEST_CASE("position embeddings are resized with the bicubic kernel, tokens in front keep theirs", "[import]") {
  MatrixD stored(10, 2);
  for (int i = 0; i < 9; ++i) stored(i + 1, 0) = i * i, stored(i + 1, 1) = -2.0 * i * i;
  stored(0, 0) = 7, stored(0, 1) = 8;
  const MatrixD out = resized_positions(stored, {1, 4, 2});
  REQUIRE(out.rows() == 9);
  CHECK((out(0, 0) == 7 && out(0, 1) == 8));
  const double want[] = {-0.607334136963, 1.93057632446, 3.52004623413, 11.8949928284,
                         21.5278053284,   39.0278587341, 40.4383888245, 63.775478363};
  for (int i = 0; i < 8; ++i) {
    CHECK(std::fabs(out(i + 1, 0) - want[i]) < 1e-9);
    CHECK(std::fabs(out(i + 1, 1) + 2 * want[i]) < 1e-9);
  }
  const MatrixD same = resized_positions(stored, {1, 3, 3});
  for (std::size_t i = 0; i < stored.size(); ++i) CHECK(std::fabs(same.data()[i] - stored.data()[i]) < 1e-12);
  CHECK((square_side(197, 1) == 14 && square_side(198, 2) == 14 && square_side(198, 1) == 0 && square_side(1, 2) == 0));
}

TEST_CASE("hostile ONNX files are refused", "[import]") {
  const auto refusal = [](const std::string& bytes) {
    return message_of([&] { parse_onnx(bytes, kFolder + "x.onnx"); });
  };
  CHECK(refusal("").find("is empty") != std::string::npos);
  CHECK(refusal("hello").find("is no ONNX model") != std::string::npos);
  CHECK(refusal(std::string("\x08\x07", 2)).find("no graph") != std::string::npos);
  std::string bytes = read_text_file(kFolder + "external.onnx", std::size_t{1} << 30);
  CHECK(refusal(bytes.substr(0, bytes.size() / 2)).find("is no ONNX model") != std::string::npos);
  for (const char* location : {"../weights", "/etc/passwd", "weights.no"}) {  // of the length of weights.bin, or about
    std::string moved = bytes;
    std::string word(location);
    word.resize(11, 'x');
    const std::size_t at = moved.find("weights.bin");
    REQUIRE(at != std::string::npos);
    moved.replace(at, 11, word);
    CHECK(refusal(moved).find("external data") != std::string::npos);
  }
  // Two bytes a node in the file, hundreds in memory.
  std::string nodes;
  for (int i = 0; i < 300000; ++i) nodes += std::string("\x0a\x00", 2);
  std::string model = "\x3a";
  for (std::size_t length = nodes.size(); length > 0; length /= 128)
    model += static_cast<char>(length % 128 + (length >= 128 ? 128 : 0));
  CHECK(refusal(model + nodes).find("operator") != std::string::npos);
}

TEST_CASE("operators of ONNX by hand", "[import]") {
  const Tensor x = reals({2, 3}, {1, 2, 3, 4, 5, 6});
  SECTION("Slice with a negative step") {
    const Tensor y =
        run(node("Slice"), {x, integer_vector({-1}), integer_vector({-4}), integer_vector({1}), integer_vector({-2})});
    CHECK(y.shape == Shape{2, 2});
    CHECK(y.real == std::vector<double>{3, 1, 6, 4});
  }
  SECTION("Transpose, Gather, Expand, Concat, Split") {
    CHECK(run(node("Transpose"), {x}).real == std::vector<double>{1, 4, 2, 5, 3, 6});
    Node gather = node("Gather");
    gather.attributes["axis"].integer = 1;
    CHECK(run(gather, {x, integer_vector({2, -3})}).real == std::vector<double>{3, 1, 6, 4});
    CHECK(run(node("Expand"), {reals({2, 1}, {7, 8}), integer_vector({2, 2})}).real == std::vector<double>{7, 7, 8, 8});
    Node join = node("Concat");
    join.attributes["axis"].integer = 1;
    CHECK(run(join, {x, reals({2, 1}, {7, 8})}).real == std::vector<double>{1, 2, 3, 7, 4, 5, 6, 8});
  }
  SECTION("sums, products and norms") {
    Node mean = node("ReduceMean");
    mean.attributes["axes"].integers = {-1};
    CHECK(run(mean, {x}).real == std::vector<double>{2, 5});
    CHECK(run(node("MatMul"), {x, reals({3, 1}, {1, 0, -1})}).real == std::vector<double>{-2, -2});
    Node product = node("Einsum");
    product.attributes["equation"].text = "ij,kj->ki";
    CHECK(run(product, {x, reals({1, 3}, {1, 1, 2})}).real == std::vector<double>{9, 21});
    // Before operator set 13 Softmax's rows are all axes from `axis` on.
    Node flat = node("Softmax");
    flat.opset = 11;
    flat.attributes["axis"].integer = 0;
    CHECK(run(flat, {reals({2, 1}, {5, 5})}).real == std::vector<double>{0.5, 0.5});
  }
  SECTION("Conv: a 2 x 2 kernel of ones with padding counts its neighbours") {
    Node conv = node("Conv");
    conv.attributes["pads"].integers = {1, 1, 1, 1};
    const Tensor y = run(conv, {reals({1, 1, 2, 2}, {1, 2, 3, 4}), reals({1, 1, 2, 2}, {1, 1, 1, 1})});
    CHECK(y.real == std::vector<double>{1, 3, 2, 4, 10, 6, 3, 7, 4});
  }
  SECTION("what does not fit") {
    CHECK_THROWS_AS(run(node("Reshape"), {x, integer_vector({4, -1})}), NodeError);
    CHECK_THROWS_AS(run(node("Add"), {x, reals({2}, {1, 2})}), NodeError);
    CHECK_THROWS_AS(run(node("Gather"), {x, integer_vector({2})}), NodeError);
    CHECK_THROWS_AS(run(node("Expand"), {reals({1}, {1}), integer_vector({1 << 20, 1 << 20})}), NodeError);
  }
}

TEST_CASE("rounded constants are read as the numbers that they stand for", "[import]") {
  const auto single = [](double x) { return known_constant(static_cast<float>(x), Rounded::kFloat32); };
  CHECK(single(1e-6) == 1e-6);
  CHECK(single(0.044715) == 0.044715);
  CHECK(single(-std::sqrt(2.0)) == -std::sqrt(2.0));
  CHECK(single(1 / std::sqrt(12.0)) == 1 / std::sqrt(12.0));
  CHECK(single(1.0 / 6) == 1.0 / 6);
  const double other = static_cast<float>(0.123456789);
  CHECK(single(other) == other);
  CHECK(half_value(0x3C00) == 1);
  CHECK(half_value(0xC000) == -2);
  CHECK(half_value(0x0001) == std::ldexp(1.0, -24));
  CHECK(std::isnan(half_value(0x7E00)));
}

TEST_CASE("names of checkpoints", "[import]") {
  const auto name = [](const char* from) { return workload_names({from})[0]; };
  CHECK(name("blocks.3.attn.qkv.weight").name == "blocks.3.attn.qkv.weight");
  CHECK(name("patch_embed.proj.bias").name == "patch_embed.bias");
  CHECK(name("cls_token").name == "cls_token.weight");
  CHECK(name("encoder.layers.encoder_layer_7.self_attention.in_proj_bias").name == "blocks.7.attn.qkv.bias");
  CHECK(name("encoder.layers.encoder_layer_7.mlp.3.weight").name == "blocks.7.mlp.fc2.weight");
  CHECK(name("heads.head.weight").name == "head.weight");
  CHECK(name("vit.encoder.layer.2.attention.attention.key.weight").name == "blocks.2.attn.qkv.weight");
  CHECK(name("vit.encoder.layer.2.attention.attention.key.weight").part == 1);
  CHECK(name("deit.encoder.layer.11.attention.output.dense.bias").name == "blocks.11.attn.proj.bias");
  CHECK(name("vit.layernorm.bias").name == "norm.bias");
  CHECK(name("layer_3.1.global_rep.0.pre_norm_mha.1.qkv_proj.weight").name == "layer_3.1.global_rep.0.attn.qkv.weight");
  CHECK(name("stages.1.downsample.attn_downsample.q.ln.linear.weight").name == "down0.attn.q.weight");
  CHECK(name("bn.num_batches_tracked").ignored);
  CHECK(name("dist_token").name == "dist_token.weight");
  CHECK(name("head_dist.bias").name == "head_dist.bias");
  CHECK(name("deit.embeddings.distillation_token").name == "dist_token.weight");
  CHECK(name("cls_classifier.weight").name == "head.weight");
  CHECK(name("distillation_classifier.weight").name == "head_dist.weight");
  const std::vector<TensorName> levit =
      workload_names({"blocks.0.m.qkv.c.weight", "blocks.1.m.0.c.weight", "blocks.1.m.2.bn.bias",
                      "blocks.2.kv.c.weight", "blocks.3.m.0.c.weight", "blocks.4.m.qkv.c.weight",
                      "blocks.4.m.proj.1.bn.weight", "patch_embed.2.c.weight", "head.l.bias"});
  const char* const want[] = {"stage0.0.attn.qkv.weight",     "stage0.0.mlp.fc1.weight", "stage0.0.mlp.fc2.bn.bias",
                              "down0.attn.kv.weight",         "down0.mlp.fc1.weight",    "stage1.0.attn.qkv.weight",
                              "stage1.0.attn.proj.bn.weight", "stem.1.weight",           "head.bias"};
  for (std::size_t i = 0; i < levit.size(); ++i) CHECK(levit[i].name == want[i]);
}

TEST_CASE("safetensors files", "[import]") {
  const auto file = [](const std::string& header, const std::string& data) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return bytes + header + data;
  };
  const auto refusal = [](const std::string& bytes) { return message_of([&] { parse_safetensors(bytes, "x"); }); };
  const std::string one("\x00\x00\x80\x3f", 4), half("\x00\x3c\x00\xc0", 4), nan("\x00\x00\xc0\x7f", 4);
  const StoredTensors read = parse_safetensors(
      file(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}})",
          one + half),
      "x");
  CHECK(read.tensors.at("a").real == std::vector<double>{1});
  CHECK(read.tensors.at("b").real == std::vector<double>{1, -2});
  CHECK(refusal("short").find("8 bytes") != std::string::npos);
  CHECK(refusal(std::string(8, '\x7f')).find("header") != std::string::npos);
  CHECK(refusal(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", one)).find("takes 8 bytes") !=
        std::string::npos);
  CHECK(refusal(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", one)).find("within the 4 bytes") !=
        std::string::npos);
  CHECK(refusal(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", nan)).find("not finite") !=
        std::string::npos);
  CHECK(
      refusal(
          file(
              R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
              one + half))
          .find("overlap") != std::string::npos);
}
