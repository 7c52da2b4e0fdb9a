#include "workload/repeated_blocks.h"

#include <algorithm>
#include <tuple>

namespace vitality {
namespace {

auto members(const Conv2d& c) {
  return std::make_tuple(c.in_channels, c.out_channels, c.kernel, c.stride, c.pad, c.groups, c.in_height, c.in_width,
                         c.out_height, c.out_width, c.bias);
}
auto members(const Linear& l) {
  return std::make_tuple(l.rows, l.in_features, l.out_features, l.bias, l.first_row);
}
auto members(const HeadColumns& h) {
  return std::make_tuple(h.input, h.offset, h.head_stride);
}
auto members(const Attention& a) {
  return std::make_tuple(a.heads, a.instances, a.n_q, a.n_kv, a.d_qk, a.d_v, members(a.q), members(a.k), members(a.v),
                         a.bias_params, a.bias_grid, a.query_stride, a.kind, a.signed_bias, a.mask, a.windows.side,
                         a.windows.shift);
}
auto members(const LayerNorm& n) {
  return std::make_tuple(n.tokens, n.channels);
}
auto members(const BatchNorm& n) {  // folded_into is compared together with the inputs
  return std::make_tuple(n.tokens, n.channels);
}
auto members(const Activation& a) {
  return std::make_tuple(a.function, a.rows, a.channels);
}
auto members(const Add& a) {
  return std::make_tuple(a.rows, a.channels, a.mean);
}
auto members(const PositionEmbedding& p) {
  return std::make_tuple(p.rows, p.channels);
}
auto members(const ConcatToken& c) {
  return std::make_tuple(c.tokens, c.channels, c.learned);
}
auto members(const ConcatChannels& c) {
  return std::make_tuple(c.rows, c.channels);
}
auto members(const Subsample& s) {
  return std::make_tuple(s.in_height, s.in_width, s.stride, s.channels);
}
auto members(const MeanPool& p) {
  return std::make_tuple(p.rows, p.channels);
}
auto members(const Unfold& u) {
  return std::make_tuple(u.height, u.width, u.patch, u.channels, u.windows, u.shift);
}
auto members(const Fold& f) {
  return std::make_tuple(f.height, f.width, f.patch, f.channels, f.windows, f.shift);
}
auto members(const LayerScale& s) {
  return std::make_tuple(s.rows, s.channels);
}
auto members(const Multiply& m) {
  return std::make_tuple(m.rows, m.channels);
}
auto members(const AveragePool& p) {
  return std::make_tuple(p.in_height, p.in_width, p.kernel, p.stride, p.channels);
}
auto members(const Slice& s) {
  return std::make_tuple(s.first_row, s.rows, s.first_channel, s.channels);
}
auto members(const PatchMerge& p) {
  return std::make_tuple(p.in_height, p.in_width, p.patch, p.channels);
}
auto members(const GivenTensor& g) {
  return std::make_tuple(g.rows, g.cols);
}

// Whether b, which comes `distance` layers after a, is a copy of a: same parameters, each input `distance` later.
bool repeats(const Layer& a, const Layer& b, int distance) {
  if (a.parameters.index() != b.parameters.index() || !a.shared_parameters.empty() || !b.shared_parameters.empty())
    return false;
  const auto moved = [&](int x, int y) { return !is_model_input(x) && x + distance == y; };
  if (!std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(), moved)) return false;
  if (const auto* norm = std::get_if<BatchNorm>(&a.parameters))
    if (!moved(norm->folded_into, std::get<BatchNorm>(b.parameters).folded_into)) return false;
  return std::visit(
      [&](const auto& parameters) {
        return members(parameters) == members(std::get<std::decay_t<decltype(parameters)>>(b.parameters));
      },
      a.parameters);
}

// Whether layers after the blocks read only the last block, and layers in a block at most two blocks back.
bool local(const VitModel& model, const RepeatedBlocks& blocks) {
  const int end = blocks.begin(blocks.count), last = blocks.begin(blocks.count - 1);
  for (int i = blocks.first; i < static_cast<int>(model.layers.size()); ++i) {
    const int reach = i < end ? i - 2 * blocks.layers : last;
    const std::vector<int>& inputs = model.layers[static_cast<std::size_t>(i)].inputs;
    if (std::any_of(inputs.begin(), inputs.end(), [&](int index) { return index < reach; })) return false;
  }
  return true;
}

}  // namespace

std::optional<RepeatedBlocks> find_repeated_blocks(const VitModel& model, int least) {
  std::optional<RepeatedBlocks> best;
  const int count = static_cast<int>(model.layers.size());
  if (model.images != 1) return best;
  for (int length = 1; least * length <= count; ++length) {
    int run = 0;  // consecutive layers, the last of them i, that repeat the layer `length` before them
    for (int i = length; i < count; ++i) {
      const bool equal = repeats(model.layers[static_cast<std::size_t>(i - length)],
                                 model.layers[static_cast<std::size_t>(i)], length);
      run = equal ? run + 1 : 0;
      const RepeatedBlocks found{i - run + 1 - length, length, run / length + 1};
      const bool better = !best || found.count * length > best->count * best->layers;
      if (found.count >= least && better && run % length == 0 && local(model, found)) best = found;
    }
  }
  return best;
}

VitModel with_fewer_blocks(const VitModel& model, const RepeatedBlocks& blocks, int kept) {
  VitModel fewer = model;
  const int from = blocks.begin(kept - 1), to = blocks.begin(blocks.count - 1);
  fewer.layers.erase(fewer.layers.begin() + from, fewer.layers.begin() + to);
  for (std::size_t i = static_cast<std::size_t>(from); i < fewer.layers.size(); ++i) {
    Layer& layer = fewer.layers[i];
    for (int& input : layer.inputs) input -= to - from;
    if (auto* norm = std::get_if<BatchNorm>(&layer.parameters)) norm->folded_into -= to - from;
  }
  return fewer;
}

}  // namespace vitality
