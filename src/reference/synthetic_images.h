// A small image classification task, made from a seed: find the marked cell, name its texture.
//
// An image is a 4 x 4 grid of cells. Every cell shows one of `classes` textures (fixed random patterns of +-signal),
// drawn at random. One cell also carries a mark (one more such pattern); its texture is the label. Noise, uniform in
// [-1, 1), is added everywhere: the weaker the signal, the harder the task. The label's texture does not differ from
// the others by itself, so a model must find the mark and bring the texture beside it to the class token, which is what
// attention is for. An image depends only on (seed, index) and is the same on every machine.
#pragma once

#include <cstdint>

#include "tensor/matrix.h"

namespace vitality::reference {

struct LabelledImage {
  MatrixD pixels;  // height*width x channels
  int label;
};

class SyntheticImages {
 public:
  static constexpr int kGrid = 4;
  static constexpr double kDefaultSignal = 0.3;
  // height and width are multiples of kGrid (std::invalid_argument otherwise).
  SyntheticImages(int height, int width, int channels, int classes, std::uint64_t seed, double signal = kDefaultSignal);
  LabelledImage image(std::uint64_t index) const;
  LabelledImage operator()(std::uint64_t index) const { return image(index); }

 private:
  void paint(MatrixD& pixels, int cell, int pattern) const;

  int height_, width_, channels_, classes_;
  std::uint64_t seed_;
  double signal_;
  MatrixD patterns_;  // classes + 1 (the mark) x pixels and channels of a cell
};

}  // namespace vitality::reference
