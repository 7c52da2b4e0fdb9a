// Position embeddings for another grid of tokens than they were trained on.
#pragma once

#include <map>
#include <string>

#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality::importing {

// The tokens of a position embedding: `front` (class and distillation token), then those of a grid.
struct PositionGrid {
  int front = 0, height = 0, width = 0;
};

// Of each position embedding of the model whose tokens are those of an image, by the name of its tensor.
std::map<std::string, PositionGrid> position_grids(const VitModel& model);

// The side of the square grid behind `front` tokens that has `rows` embeddings in all, or 0 if no square has.
int square_side(std::int64_t rows, int front);

// Embeddings of `front` tokens and a square grid, one a row, for another grid: bicubic, as PyTorch computes
// interpolate(mode="bicubic", align_corners=False, antialias=False), with Keys' kernel for a = -0.75. The tokens in
// front keep theirs.
MatrixD resized_positions(const MatrixD& stored, const PositionGrid& grid);

}  // namespace vitality::importing
