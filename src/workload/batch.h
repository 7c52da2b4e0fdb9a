// A batch of images as one model: the layers of the first image, then those of the next, with shared parameters.
//
// The weights lie in DRAM once. A layer of all images comes before the next layer, and the rows of all images stream
// past the same tiles of weights (mapping/mapper.cpp); where that is not mapped (training steps, output stationary
// arrays, activations that stay on chip) the images come one after the other, each with its own weights. Layers are
// named `image0/NAME`, `image1/NAME`, ...; tensors of parameters keep their names, and the images are the tensors
// `input`, `input.1`, ... (parameters.h).
#pragma once

#include "workload/model.h"

namespace vitality {

constexpr int kMaxImages = 1024;

// images in [1, kMaxImages]; 1 gives the model itself. The model must have one image.
VitModel batched(const VitModel& model, int images);

}  // namespace vitality
