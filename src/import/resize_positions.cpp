#include "import/resize_positions.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vitality::importing {
namespace {

// Keys' kernel at distance x.
double kernel(double x) {
  constexpr double kA = -0.75;
  x = std::fabs(x);
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * kA - 4 * kA;
  return 0;
}

// The four elements of which one of the resized axis is made. Beyond the border the last element is taken.
struct Sources {
  std::array<int, 4> at;
  std::array<double, 4> weight;
};

Sources sources_of(int place, int from, int to) {
  const double x = (place + 0.5) * from / to - 0.5;
  const int first = static_cast<int>(std::floor(x)) - 1;
  Sources out{};
  for (int i = 0; i < 4; ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.at[k] = std::clamp(first + i, 0, from - 1);
    out.weight[k] = kernel(x - (first + i));
  }
  return out;
}

}  // namespace

std::map<std::string, PositionGrid> position_grids(const VitModel& model) {
  std::map<std::string, PositionGrid> grids;
  for (const Layer& layer : model.layers) {
    if (!std::holds_alternative<PositionEmbedding>(layer.parameters)) continue;
    PositionGrid grid;
    int source = layer.inputs[0];
    while (!is_model_input(source) &&
           std::holds_alternative<ConcatToken>(model.layers[static_cast<std::size_t>(source)].parameters)) {
      ++grid.front;
      source = model.layers[static_cast<std::size_t>(source)].inputs[0];
    }
    if (is_model_input(source)) continue;
    const auto* conv = std::get_if<Conv2d>(&model.layers[static_cast<std::size_t>(source)].parameters);
    if (conv == nullptr) continue;
    grid.height = conv->out_height, grid.width = conv->out_width;
    grids[layer.name + ".weight"] = grid;
  }
  return grids;
}

int square_side(std::int64_t rows, int front) {
  const auto side =
      static_cast<int>(std::lround(std::sqrt(static_cast<double>(std::max<std::int64_t>(0, rows - front)))));
  return std::int64_t{side} * side == rows - front ? side : 0;
}

MatrixD resized_positions(const MatrixD& stored, const PositionGrid& grid) {
  const int side = square_side(stored.rows(), grid.front), cols = stored.cols();
  MatrixD out(grid.front + grid.height * grid.width, cols);
  std::copy_n(stored.data(), static_cast<std::size_t>(grid.front) * static_cast<std::size_t>(cols), out.data());
  for (int y = 0; y < grid.height; ++y) {
    const Sources down = sources_of(y, side, grid.height);
    for (int x = 0; x < grid.width; ++x) {
      const Sources across = sources_of(x, side, grid.width);
      double* const to = out.row(grid.front + y * grid.width + x);
      for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = 0; j < 4; ++j) {
          const double* const from = stored.row(grid.front + down.at[i] * side + across.at[j]);
          for (int c = 0; c < cols; ++c) to[c] += down.weight[i] * across.weight[j] * from[c];
        }
    }
  }
  return out;
}

}  // namespace vitality::importing
