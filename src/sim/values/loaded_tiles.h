// Tiles of tensors that the DMA has brought into the scratchpad, of a run in a fixed format. The same tile is loaded
// for one stationary tile after the other, and most passes need its codes only: its values are copied when someone
// looks at them, and its codes are made once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "kernels/code_tiles.h"
#include "kernels/tile.h"
#include "schedule/schedule.h"

namespace vitality {

class LoadedTiles {
 public:
  struct Source {  // rows x cols values of a tensor; `values` is their place
    TensorId tensor;
    ConstTile values;
    int rows, cols;
    double factor;  // of real numbers, which become codes: store(value * factor); 0: they are codes
  };

  explicit LoadedTiles(const Arithmetic& arithmetic) : arithmetic_(arithmetic) {}

  // The tile is at `target` now, for everybody who asks here before looking.
  void load(const Source& source, Tile target);
  // Values [first, first + count) are about to be read, or written.
  void read(const double* first, std::ptrdiff_t count);
  void write(const double* first, std::ptrdiff_t count);
  void leave(TensorId tensor);  // its values are about to change or to go
  void leave();                 // all of them

  // The codes of a tile in the scratchpad that streams, or stays; null: not all its values are codes, or it streams and
  // was not loaded as it is.
  const CodeTile* streamed_codes(const double* first, int stride, int rows, int cols);
  const std::int16_t* stationary_codes(const double* first, int stride, int rows, int cols);

 private:
  struct Loaded {
    Source source;
    Tile target;
    bool copied;
    bool overlaps(const double* first, std::ptrdiff_t count) const;
  };
  struct Converted {
    Source source;
    CodeTile codes;
  };
  void copy(Loaded& tile);
  const Loaded* find(const double* first, int stride, int rows, int cols) const;

  const Arithmetic& arithmetic_;
  std::vector<Loaded> loaded_;
  std::list<Converted> converted_;  // streamed tiles, the oldest first
  std::vector<std::int16_t> stationary_;
};

}  // namespace vitality
