#include "reference/cascade_pruning.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/top_k.h"

namespace vitality {
namespace {

// Keeps the `count` most important of those that are left; what was pruned before stays pruned.
void prune(std::vector<std::uint8_t>& kept, std::vector<double> importance, int count) {
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (!kept[i]) importance[i] = -std::numeric_limits<double>::infinity();
  const int left = std::accumulate(kept.begin(), kept.end(), 0);
  kept = top_k(importance.data(), static_cast<int>(importance.size()), std::min(count, left));
}

}  // namespace

double cascade_share(double last, double front, int layer, int layers) {
  const int unpruned = static_cast<int>(std::ceil(front * layers - 1e-9));
  if (layer < unpruned) return 1;
  return 1 - (1 - last) * (layer - unpruned + 1) / (layers - unpruned);
}

Mask strongest_values(const MatrixD& p, const Mask& mask, double keep) {
  Mask out(mask.rows(), mask.cols());
  std::vector<double> row(static_cast<std::size_t>(mask.cols()));
  for (int i = 0; i < mask.rows(); ++i) {
    const int kept = std::accumulate(mask.row(i), mask.row(i) + mask.cols(), 0);
    if (kept == 0) continue;
    for (int j = 0; j < mask.cols(); ++j) row[static_cast<std::size_t>(j)] = mask(i, j) ? p(i, j) : -1;
    const std::vector<std::uint8_t> strongest = top_k(row.data(), mask.cols(), kept_count(keep, kept));
    std::copy(strongest.begin(), strongest.end(), out.row(i));
  }
  return out;
}

CascadePruning::CascadePruning(const CascadeOptions& options, int layers) : options_(options), layers_(layers) {}

void CascadePruning::begin_layer(const Shape& shape) {
  // The keys of the last layer are those of this layer only as long as the grid of tokens is the same.
  const bool same = layer_ >= 0 && shape.n_kv == shape_.n_kv && shape_.n_q == shape_.n_kv &&
                    shape.instances == shape_.instances && shape.heads == shape_.heads;
  ++layer_;
  shape_ = shape;
  if (!same) {
    const auto tokens = static_cast<std::size_t>(shape.n_kv), instances = static_cast<std::size_t>(shape.instances);
    tokens_.assign(instances, std::vector<std::uint8_t>(tokens, 1));
    token_importance_.assign(instances, std::vector<double>(tokens, 0));
    heads_.assign(static_cast<std::size_t>(shape.heads), 1);
    head_importance_.assign(static_cast<std::size_t>(shape.heads), 0);
    return;  // nothing is known about these tokens yet
  }
  const double token_share = cascade_share(options_.token_keep, options_.token_front, layer_, layers_),
               head_share = cascade_share(options_.head_keep, options_.head_front, layer_, layers_);
  for (std::size_t instance = 0; instance < tokens_.size(); ++instance) {
    std::vector<double> importance = token_importance_[instance];
    if (shape.class_token) importance[0] = std::numeric_limits<double>::infinity();
    prune(tokens_[instance], std::move(importance), kept_count(token_share, shape.n_kv));
  }
  prune(heads_, head_importance_, kept_count(head_share, shape.heads));
}

Mask CascadePruning::mask(int instance, int head) const {
  Mask out(shape_.n_q, shape_.n_kv);
  if (!keeps_head(head)) return out;
  const std::vector<std::uint8_t>& tokens = tokens_[static_cast<std::size_t>(instance)];
  for (int i = 0; i < out.rows(); ++i) std::copy(tokens.begin(), tokens.end(), out.row(i));
  return out;
}

void CascadePruning::observe(int instance, int head, const MatrixD& p, const MatrixD& z) {
  if (!keeps_head(head)) return;
  std::vector<double>& importance = token_importance_[static_cast<std::size_t>(instance)];
  for (int i = 0; i < p.rows(); ++i)
    for (int j = 0; j < p.cols(); ++j) importance[static_cast<std::size_t>(j)] += p(i, j);
  for (std::size_t i = 0; i < z.size(); ++i) head_importance_[static_cast<std::size_t>(head)] += std::fabs(z.data()[i]);
}

}  // namespace vitality
