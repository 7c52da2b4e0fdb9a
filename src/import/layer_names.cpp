#include "import/layer_names.h"

#include <vector>

namespace vitality::importing {

std::string scope_of(const std::string& node_name) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= node_name.size();) {
    const std::size_t end = std::min(node_name.find('/', at), node_name.size());
    if (end > at) parts.push_back(node_name.substr(at, end - at));
    at = end + 1;
  }
  if (parts.size() < 2) return "";
  std::string scope;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    // PyTorch writes a module and its child as /blocks/blocks.0: the name of the child is enough.
    if (i + 2 < parts.size() && parts[i + 1].compare(0, parts[i].size() + 1, parts[i] + ".") == 0) continue;
    scope += (scope.empty() ? "" : ".") + parts[i];
  }
  return scope;
}

std::string owner_of(const std::string& initializer_name) {
  for (const char* suffix : {".weight", ".bias", "_weight", "_bias", ".running_mean", ".running_var"}) {
    const std::string end(suffix);
    if (initializer_name.size() > end.size() &&
        initializer_name.compare(initializer_name.size() - end.size(), end.size(), end) == 0)
      return initializer_name.substr(0, initializer_name.size() - end.size());
  }
  return "";
}

std::string parent_of(const std::string& scope) {
  const std::size_t dot = scope.rfind('.');
  return dot == std::string::npos ? "" : scope.substr(0, dot);
}

std::string layer_name(const std::string& name, const std::string& fallback) {
  std::string out;
  for (const char c : name.empty() ? fallback : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (out.size() < 120 && !(out.empty() && c == '.')) out += plain ? c : '_';
  }
  if (out.empty() || out == "previous" || out == "block_input" || out == "image") out = fallback;
  return out;
}

}  // namespace vitality::importing
