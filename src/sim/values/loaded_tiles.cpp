#include "sim/values/loaded_tiles.h"

#include <algorithm>
#include <functional>

namespace vitality {
namespace {

bool same(const LoadedTiles::Source& a, const LoadedTiles::Source& b) {
  return a.tensor == b.tensor && a.values.data == b.values.data && a.rows == b.rows && a.cols == b.cols;
}

template <class List, class Condition>
void erase_if(List& list, Condition condition) {
  list.erase(std::remove_if(list.begin(), list.end(), condition), list.end());
}

}  // namespace

bool LoadedTiles::Loaded::overlaps(const double* first, std::ptrdiff_t count) const {
  const std::less<const double*> before;
  return before(target.data, first + count) && before(first, target.row(source.rows - 1) + source.cols);
}

void LoadedTiles::copy(Loaded& tile) {
  if (tile.copied) return;
  const Source& from = tile.source;
  for (int r = 0; r < from.rows; ++r) {
    const double* const row = from.values.row(r);
    if (from.factor > 0) {
      arithmetic_.store(row, static_cast<std::size_t>(from.cols), from.factor, tile.target.row(r));
    } else {
      std::copy(row, row + from.cols, tile.target.row(r));
    }
  }
  tile.copied = true;
}

void LoadedTiles::load(const Source& source, Tile target) {
  const auto replaced = [&](const Loaded& l) {  // completely: its values will never be read again
    return l.target.data == target.data && l.target.stride == target.stride && l.source.rows <= source.rows &&
           l.source.cols <= source.cols;
  };
  erase_if(loaded_, replaced);
  write(target.data, target.row(source.rows - 1) + source.cols - target.data);
  loaded_.push_back({source, target, false});
}

void LoadedTiles::read(const double* first, std::ptrdiff_t count) {
  for (Loaded& l : loaded_)
    if (l.overlaps(first, count)) copy(l);
}

void LoadedTiles::write(const double* first, std::ptrdiff_t count) {
  read(first, count);
  erase_if(loaded_, [=](const Loaded& l) { return l.overlaps(first, count); });
}

void LoadedTiles::leave(TensorId tensor) {
  for (Loaded& l : loaded_)
    if (l.source.tensor == tensor) copy(l);
  erase_if(loaded_, [=](const Loaded& l) { return l.source.tensor == tensor; });
  converted_.remove_if([=](const Converted& c) { return c.source.tensor == tensor; });
}

void LoadedTiles::leave() {
  for (Loaded& l : loaded_) copy(l);
  loaded_.clear();
  converted_.clear();
}

const LoadedTiles::Loaded* LoadedTiles::find(const double* first, int stride, int rows, int cols) const {
  for (const Loaded& l : loaded_)
    if (l.target.data == first && l.target.stride == stride && l.source.rows == rows && l.source.cols == cols)
      return &l;
  return nullptr;
}

const CodeTile* LoadedTiles::streamed_codes(const double* first, int stride, int rows, int cols) {
  const Loaded* const loaded = find(first, stride, rows, cols);
  if (loaded == nullptr || loaded->source.factor > 0) return nullptr;
  const auto found = std::find_if(converted_.begin(), converted_.end(),
                                  [=](const Converted& c) { return same(c.source, loaded->source); });
  if (found != converted_.end()) return &found->codes;
  constexpr std::size_t kMost = 64;  // the streamed tiles of a row of passes
  if (converted_.size() < kMost) {
    converted_.emplace_back();
  } else {
    converted_.splice(converted_.end(), converted_, converted_.begin());
  }
  Converted& converted = converted_.back();
  converted.source = loaded->source;
  if (converted.codes.convert(rows, cols, loaded->source.values)) return &converted.codes;
  converted_.pop_back();
  return nullptr;
}

const std::int16_t* LoadedTiles::stationary_codes(const double* first, int stride, int rows, int cols) {
  stationary_.resize(std::max(stationary_.size(), static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols)));
  const Loaded* const loaded = find(first, stride, rows, cols);
  if (loaded != nullptr && loaded->source.factor > 0) {
    round_to_codes(arithmetic_, rows, cols, loaded->source.values, loaded->source.factor, stationary_.data());
    return stationary_.data();
  }
  read(first, static_cast<std::ptrdiff_t>(rows - 1) * stride + cols);
  return to_codes(rows, cols, {first, stride}, stationary_.data()) < 0 ? nullptr : stationary_.data();
}

}  // namespace vitality
