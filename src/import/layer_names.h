// Names of layers from the names in a graph: "/blocks/blocks.0/attn/qkv/MatMul" is blocks.0.attn.qkv.
#pragma once

#include <string>

namespace vitality::importing {

// The scope of a node's name without its operator; "" where the name has none.
std::string scope_of(const std::string& node_name);
// The layer to which the parameters with an initialiser's name belong: "norm.weight" is norm; "" if the name does not
// show it.
std::string owner_of(const std::string& initializer_name);
// A scope's parent: blocks.0.attn of blocks.0.attn.qkv.
std::string parent_of(const std::string& scope);
// Letters, digits, '_', '-' and '.', at most 120 characters; `fallback` if nothing is left.
std::string layer_name(const std::string& name, const std::string& fallback);

}  // namespace vitality::importing
