#include "import/checkpoint_names.h"

#include <algorithm>
#include <map>
#include <regex>
#include <set>

namespace vitality::importing {
namespace {

struct Rule {
  const char *pattern, *replacement;
};

// The rules are applied in order, each to the result of the rules before it. None of them changes a name of a workload.
constexpr Rule kRules[] = {
    {R"(^(vit|deit|levit|model|module|backbone)\.(?!weight$|bias$))", ""},
    // torchvision
    {R"(^conv_proj\.)", "patch_embed."},
    {R"(^class_token$)", "cls_token.weight"},
    {R"(^encoder\.pos_embedding$)", "pos_embed.weight"},
    {R"(^encoder\.layers\.encoder_layer_(\d+)\.)", "blocks.$1."},
    {R"(^(blocks\.\d+)\.ln_([12])\.)", "$1.norm$2."},
    {R"(^(blocks\.\d+)\.self_attention\.in_proj_(weight|bias)$)", "$1.attn.qkv.$2"},
    {R"(^(blocks\.\d+)\.self_attention\.out_proj\.)", "$1.attn.proj."},
    {R"(^(blocks\.\d+)\.mlp\.(linear_1|0)\.)", "$1.mlp.fc1."},
    {R"(^(blocks\.\d+)\.mlp\.(linear_2|3)\.)", "$1.mlp.fc2."},
    {R"(^encoder\.ln\.)", "norm."},
    {R"(^heads\.head\.)", "head."},
    // Hugging Face
    {R"(^embeddings\.cls_token$)", "cls_token.weight"},
    {R"(^embeddings\.distillation_token$)", "dist_token.weight"},
    {R"(^embeddings\.position_embeddings$)", "pos_embed.weight"},
    {R"(^embeddings\.patch_embeddings\.projection\.)", "patch_embed."},
    {R"(^encoder\.layer\.(\d+)\.)", "blocks.$1."},
    {R"(^(blocks\.\d+)\.layernorm_before\.)", "$1.norm1."},
    {R"(^(blocks\.\d+)\.layernorm_after\.)", "$1.norm2."},
    {R"(^(blocks\.\d+)\.attention\.output\.dense\.)", "$1.attn.proj."},
    {R"(^(blocks\.\d+)\.intermediate\.dense\.)", "$1.mlp.fc1."},
    {R"(^(blocks\.\d+)\.output\.dense\.)", "$1.mlp.fc2."},
    {R"(^layernorm\.)", "norm."},
    {R"(^(cls_)?classifier\.(weight|bias)$)", "head.$2"},
    {R"(^distillation_classifier\.)", "head_dist."},
    // timm
    {R"(^patch_embed\.proj\.)", "patch_embed."},
    {R"(^(cls_token|dist_token|reg_token|pos_embed)$)", "$1.weight"},
    {R"(^fc_norm\.)", "norm."},
    // timm's LeViT
    {R"(^stages\.(\d+)\.blocks\.(\d+)\.)", "stage$1.$2."},
    {R"(^stages\.(\d+)\.downsample\.attn_downsample\.)", "down<$1>.attn."},
    {R"(^stages\.(\d+)\.downsample\.mlp\.)", "down<$1>.mlp."},
    {R"(^stem\.conv(\d+)\.)", "stem.<$1>."},
    {R"(\.attention_biases$)", ".bias"},
    {R"(\.mlp\.ln([12])\.)", ".mlp.fc$1."},
    {R"(\.attn\.(q|proj)\.ln\.)", ".attn.$1."},
    {R"(\.linear\.weight$)", ".weight"},
    {R"(\.linear\.bias$)", ".bias"},
    // LeViT as published; its blocks are numbered below.
    {R"(\.attn\.(q|proj)\.1\.)", ".attn.$1."},
    {R"(\.c\.weight$)", ".weight"},
    {R"(^(head|head_dist)\.l\.)", "$1."},
    // ml-cvnets' MobileViT
    {R"(^(layer_\d\.\d+)\.block\.)", "$1."},
    {R"(\.block\.conv\.)", "."},
    {R"(\.block\.norm\.)", ".bn."},
    {R"(\.global_rep\.(\d+)\.(weight|bias)$)", ".global_rep.norm.$2"},
    {R"(\.pre_norm_mha\.0\.)", ".norm1."},
    {R"(\.pre_norm_mha\.1\.qkv_proj\.)", ".attn.qkv."},
    {R"(\.pre_norm_mha\.1\.out_proj\.)", ".attn.proj."},
    {R"(\.pre_norm_ffn\.0\.)", ".norm2."},
    {R"(\.pre_norm_ffn\.1\.)", ".ffn.fc1."},
    {R"(\.pre_norm_ffn\.4\.)", ".ffn.fc2."},
    {R"(^classifier\.fc\.)", "fc."},
};

// "<3>" becomes 2: timm counts the downsamplings of its stages and the convolutions of its stem from 1.
std::string counted_from_zero(const std::string& name) {
  const std::size_t open = name.find('<'), close = name.find('>');
  if (open == std::string::npos || close == std::string::npos || close - open < 2 || close - open > 5) return name;
  const int number = std::stoi(name.substr(open + 1, close - open - 1));
  return name.substr(0, open) + std::to_string(number - 1) + name.substr(close + 1);
}

// LeViT's published blocks are one list, in which attention and MLP each have a number; a downsampling attention starts
// a new stage.
using Numbering = std::map<int, std::string>;  // blocks.N -> stage0.1.attn, stage0.1.mlp, down0.attn, down0.mlp
Numbering levit_blocks(const std::vector<std::string>& names) {
  static const std::regex block(R"(^blocks\.(\d{1,4})\.(m\.qkv|m\.0|kv)\.c\.weight$)");
  std::map<int, std::string> kinds;
  for (const std::string& name : names) {
    std::smatch match;
    if (std::regex_match(name, match, block)) kinds[std::stoi(match[1])] = match[2];
  }
  Numbering out;
  int stage = 0, at = -1;
  bool down = false;
  for (const auto& [number, kind] : kinds) {
    if (kind == "kv") {
      out[number] = "down" + std::to_string(stage++) + ".attn";
      down = true, at = -1;
    } else if (kind == "m.qkv") {
      down = false;
      out[number] = "stage" + std::to_string(stage) + "." + std::to_string(++at) + ".attn";
    } else {
      out[number] =
          (down ? "down" + std::to_string(stage - 1) : "stage" + std::to_string(stage) + "." + std::to_string(at)) +
          ".mlp";
    }
  }
  return out;
}

std::string renumbered(const std::string& name, const Numbering& blocks) {
  static const std::regex block(R"(^blocks\.(\d{1,4})\.(m\.)?(.*)$)"),
      stem(R"(^patch_embed\.(\d{1,2})\.(c|bn)\.(.*)$)");
  std::smatch match;
  if (std::regex_match(name, match, stem))
    return "stem." + std::to_string(std::stoi(match[1]) / 2) + (match[2] == "bn" ? ".bn." : ".") + match[3].str();
  if (blocks.empty() || !std::regex_match(name, match, block)) return name;
  const auto found = blocks.find(std::stoi(match[1]));
  if (found == blocks.end()) return name;
  std::string rest = match[3];
  if (rest.compare(0, 2, "0.") == 0) rest = "fc1." + rest.substr(2);
  if (rest.compare(0, 2, "2.") == 0) rest = "fc2." + rest.substr(2);
  return found->second + "." + rest;
}

}  // namespace

std::vector<TensorName> workload_names(const std::vector<std::string>& names) {
  static const std::vector<std::regex> patterns = [] {
    std::vector<std::regex> out;
    for (const Rule& rule : kRules) out.emplace_back(rule.pattern);
    return out;
  }();
  static const std::regex parts(R"(^(blocks\.\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)$)");
  static const std::regex ignored(
      R"(.*(\.num_batches_tracked|attention_bias_idxs|position_ids|relative_position_index)$)");
  const Numbering blocks = levit_blocks(names);
  std::vector<TensorName> out;
  for (const std::string& original : names) {
    TensorName result;
    if (original.size() > 200) {
      result.name = original;
      out.push_back(result);
      continue;
    }
    std::string name = renumbered(original, blocks);
    for (std::size_t i = 0; i < patterns.size(); ++i)
      name = std::regex_replace(name, patterns[i], kRules[i].replacement);
    std::smatch match;
    if (std::regex_match(name, match, parts)) {
      result.part = match[2] == "query" ? 0 : match[2] == "key" ? 1 : 2;
      name = match[1].str() + ".attn.qkv." + match[3].str();
    }
    result.ignored = std::regex_match(original, ignored);
    result.name = counted_from_zero(name);
    out.push_back(result);
  }
  return out;
}

}  // namespace vitality::importing
