// Tiles of tensors that the DMA has brought into the scratchpad, in a run in a fixed format. The same tile is loaded
// for one stationary tile after the other, and most passes need only its codes. So its values are copied only when they
// are needed, and its codes are made once.
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
  struct Source {  // rows x cols values of a tensor; `values` is where they are
    TensorId tensor;
    ConstTile values;
    int rows, cols;
    double factor;  // if not 0, values are real numbers and become codes: store(value * factor); 0: they are codes
                    // already
  };

  explicit LoadedTiles(const Arithmetic& arithmetic) : arithmetic_(arithmetic) {}

  // Records that `target` holds this tile. The values are not copied yet: call read() before you look at them.
  void load(const Source& source, Tile target);
  // To be called before the values [first, first + count) are read, or written.
  void read(const double* first, std::ptrdiff_t count);
  void write(const double* first, std::ptrdiff_t count);
  void leave(TensorId tensor);  // to be called before its values change or are deleted
  void leave();                 // all of them

  // The codes of a streamed or stationary tile in the scratchpad. null: not all of its values are codes, or the
  // streamed tile differs from the tile that was loaded.
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
