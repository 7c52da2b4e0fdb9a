// Attention without a Softmax: its operators run on random numbers until the values are those of Taylor or
// ReLU-linear attention.
#include <algorithm>

#include "import/layout_operators.h"
#include "import/recogniser.h"
#include "import/taylor.h"

namespace vitality::importing {

void Recogniser::step_of_part() {
  std::vector<View>& leaves = leaves_[parts_[static_cast<std::size_t>(index_)]];
  std::vector<Tensor> probes;
  probes.reserve(node().inputs.size());
  Inputs inputs;
  for (const int value : node().inputs) {
    if (value == kNoValue || is(value, Kind::kConstant) || is(value, Kind::kProbe)) {
      inputs.push_back(value == kNoValue ? nullptr : symbol(value).constant.get());
      continue;
    }
    leaves.push_back(view_of(value));
    probes.push_back(probe_of(draft_, leaves.back()));
    inputs.push_back(&probes.back());
  }
  Outputs results = evaluate(node(), inputs, budget_);
  if (!moves_elements(node()) && leaves.size() >= 3 && results[0].is_real) {
    if (const auto found = match_attention(draft_, leaves, results[0])) return written_out(*found, results[0].shape);
  }
  for (std::size_t i = 0; i < results.size() && i < node().outputs.size(); ++i) {
    if (node().outputs[i] == kNoValue) continue;
    set_constant(node().outputs[i], std::move(results[i]));
    symbol(node().outputs[i]).kind = Kind::kProbe;
  }
}

void Recogniser::written_out(const AttentionMatch& match, const Shape& shape) {
  Node turn;
  turn.attributes["perm"].integers = {0, 1, 3, 2};
  Scores scores;
  scores.q = match.q, scores.k = match.k;
  scores.k.places = std::make_shared<const Tensor>(transpose(turn, {match.k.places.get()})[0]);
  scores.scale = match.scale;
  scores.shape = match.q.shape();
  scores.shape.back() = match.k.shape()[2];
  const std::string scope = scope_of(node().name);
  View z = add_attention(draft_, scores, match.v, layer_name(scope.empty() ? "" : scope + ".attention", "attention"));
  auto& attention = std::get<Attention>(draft_.at(z.source).layer.parameters);
  attention.kind = match.kind, attention.epsilon = match.epsilon;
  Tensor places = integer_tensor(shape);
  for (std::size_t i = 0; i < places.size(); ++i)
    places.integer[i] = z.places->integer[static_cast<std::size_t>(match.elements[i])];
  set_view(node().outputs[0],
           output_view(z.source, std::make_shared<const Tensor>(std::move(places)), node().outputs[0]));
}

}  // namespace vitality::importing
