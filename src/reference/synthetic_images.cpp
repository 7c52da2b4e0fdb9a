#include "reference/synthetic_images.h"

#include <stdexcept>

#include "base/random.h"

namespace vitality::reference {
SyntheticImages::SyntheticImages(int height, int width, int channels, int classes, std::uint64_t seed, double signal)
    : height_(height), width_(width), channels_(channels), classes_(classes), seed_(seed), signal_(signal) {
  if (height % kGrid != 0 || width % kGrid != 0 || classes < 2)
    throw std::invalid_argument("synthetic images need sides divisible by 4 and two classes or more");
  patterns_ = MatrixD(classes + 1, height / kGrid * (width / kGrid) * channels);
  Random random(seed);
  for (std::size_t i = 0; i < patterns_.size(); ++i) patterns_.data()[i] = random.below(2) ? 1 : -1;
}

LabelledImage SyntheticImages::image(std::uint64_t index) const {
  // Every image has its own stream of random numbers: the index goes through the generator before it becomes a seed.
  Random random(seed_ ^ Random(index + 1).next());
  LabelledImage result{MatrixD(height_ * width_, channels_), 0};
  const int marked = static_cast<int>(random.below(kGrid * kGrid));
  for (int cell = 0; cell < kGrid * kGrid; ++cell) {
    const int texture = static_cast<int>(random.below(static_cast<std::uint64_t>(classes_)));
    paint(result.pixels, cell, texture);
    if (cell != marked) continue;
    paint(result.pixels, cell, classes_);
    result.label = texture;
  }
  for (std::size_t i = 0; i < result.pixels.size(); ++i) result.pixels.data()[i] += 2 * random.unit() - 1;
  return result;
}

void SyntheticImages::paint(MatrixD& pixels, int cell, int pattern) const {
  const int rows = height_ / kGrid, cols = width_ / kGrid;
  const double* value = patterns_.row(pattern);
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < cols; ++x) {
      double* pixel = pixels.row((cell / kGrid * rows + y) * width_ + cell % kGrid * cols + x);
      for (int c = 0; c < channels_; ++c) pixel[c] += signal_ * *value++;
    }
  }
}

}  // namespace vitality::reference
