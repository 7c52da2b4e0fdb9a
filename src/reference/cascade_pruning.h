// SpAtten's pruning of tokens, heads and values (Wang et al., HPCA 2021, section III), as masks. In double.
//
//   token   importance s_j += sum over heads and queries of P_ij, layer after layer; the next layer keeps the
//           ceil(share n) most important of the tokens that are left. A pruned token is no key of any later layer.
//   head    importance += sum of |Z| of the head; chosen and cascaded in the same way
//   value   in each row of P the ceil(value_keep x kept keys) largest probabilities meet their value (local value
//           pruning); the others are dropped after the softmax, without a new normalisation
// Progressive quantisation is left out, as the released simulator leaves it out for encoders: it saves memory traffic,
// and these models wait for their multipliers.
//
// What a vision transformer adds: the class token (row 0) is never pruned. Tokens keep their queries, so that every
// token's output stays defined (the paper drops a pruned token from later layers altogether). Where the grid of tokens
// changes (LeViT's and MobileViT's stages) a cascade ends and the next begins with every token and head.
#pragma once

#include <vector>

#include "tensor/mask.h"
#include "tensor/matrix.h"

namespace vitality {

struct CascadeOptions {
  double token_keep = 1, head_keep = 1;  // shares kept in the last layer, in (0, 1]
  // Share of the layers, from the first one, that prune nothing; after them the kept share falls in equal steps.
  double token_front = 0, head_front = 0;
};

// Kept share in attention layer `layer` of `layers`: 1 in the first ceil(front x layers), then falling linearly to
// `last` in the last layer.
double cascade_share(double last, double front, int layer, int layers);

// The entries of each row of P (0 outside `mask`) that are multiplied by their value: the ceil(keep x kept keys)
// largest.
Mask strongest_values(const MatrixD& p, const Mask& mask, double keep);

// The pruning of one image on its way through the attention layers. Call begin_layer() for each layer in order, then
// mask() and observe() for every head.
class CascadePruning {
 public:
  struct Shape {
    int heads, instances, n_q, n_kv;  // instances: independent problems, each with tokens of its own
    bool class_token;
  };

  CascadePruning(const CascadeOptions& options, int layers);

  // Prunes tokens and heads by what earlier layers have shown.
  void begin_layer(const Shape& shape);
  // Keeps the columns of the tokens that are left; empty for a pruned head, whose output is zero.
  Mask mask(int instance, int head) const;
  bool keeps_head(int head) const { return heads_[static_cast<std::size_t>(head)] != 0; }
  // p: the head's probabilities on the mask (n_q x n_kv), z: its output.
  void observe(int instance, int head, const MatrixD& p, const MatrixD& z);

 private:
  CascadeOptions options_;
  int layers_, layer_ = -1;
  Shape shape_{0, 0, 0, 0, false};
  std::vector<std::vector<std::uint8_t>> tokens_;  // [instance][token]
  std::vector<std::uint8_t> heads_;
  std::vector<std::vector<double>> token_importance_;
  std::vector<double> head_importance_;
};

}  // namespace vitality
