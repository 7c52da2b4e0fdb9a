// The names that timm, torchvision, Hugging Face, facebookresearch/LeViT and ml-cvnets give to tensors, as the shipped
// workloads have them: "vit.encoder.layer.3.attention.attention.key.weight" is blocks.3.attn.qkv.weight, part 1.
#pragma once

#include <string>
#include <vector>

namespace vitality::importing {

struct TensorName {
  std::string name;
  int part = 0;          // of what is stored in parts that follow each other along the outputs: query 0, key 1, value 2
  bool ignored = false;  // no parameter: a counter or an index table
};

// One for each of `names`, in order: some numbers depend on which other tensors there are.
std::vector<TensorName> workload_names(const std::vector<std::string>& names);

}  // namespace vitality::importing
