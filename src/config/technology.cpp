#include "config/technology.h"

#include <stdexcept>

namespace vitality {
namespace {

struct Node {
  int nm;
  double energy, area;  // factors to 28 nm
};
constexpr Node kNodes[] = {{65, 0.404, 0.253}, {55, 0.450, 0.315}, {45, 0.507, 0.377}, {40, 0.588, 0.547}, {28, 1, 1},
                           {22, 1.66, 1.64},   {16, 2.70, 1.98},   {12, 3.65, 2.79},   {7, 4.95, 6.39}};

const Node* find(double nm) {
  for (const Node& node : kNodes)
    if (node.nm == nm) return &node;
  return nullptr;
}
const Node& node(double nm) {
  const Node* found = find(nm);
  if (found == nullptr) throw std::logic_error("no technology data for " + std::to_string(nm) + " nm");
  return *found;
}

}  // namespace

std::string technology_nodes() {
  std::string list;
  for (const Node& n : kNodes) list += (list.empty() ? "" : ", ") + std::to_string(n.nm);
  return list;
}

bool has_technology(double nm) {
  return find(nm) != nullptr;
}

double technology_energy_factor(double from, double to) {
  return node(from).energy / node(to).energy;
}

double technology_area_factor(double from, double to) {
  return node(from).area / node(to).area;
}

}  // namespace vitality
