// Translates the tensor names of timm, torchvision, Hugging Face, facebookresearch/LeViT and ml-cvnets to those of the
// shipped workloads: "vit.encoder.layer.3.attention.attention.key.weight" is blocks.3.attn.qkv.weight, part 1.
#pragma once

#include <string>
#include <vector>

namespace vitality::importing {

struct TensorName {
  std::string name;
  int part = 0;          // of a tensor stored in parts, which follow each other along the outputs: query 0, key 1,
                         // value 2
  bool ignored = false;  // not a parameter, but a counter or an index table
};

// One result for each of `names`, in order. All names are needed at once, because some numbers depend on other tensors.
std::vector<TensorName> workload_names(const std::vector<std::string>& names);

}  // namespace vitality::importing
