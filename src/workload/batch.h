// A batch of images as one model: the layers of the first image, then those of the next, with shared parameters.
//
// The machine runs the images one after the other (they overlap as far as its units and buffers allow) and fetches the
// weights again for each; the weights lie in DRAM once. Layers are named `image0/NAME`, `image1/NAME`, ...; tensors of
// parameters keep their names, and the images are the tensors `input`, `input.1`, ... (parameters.h).
#pragma once

#include "workload/model.h"

namespace vitality {

constexpr int kMaxImages = 1024;

// images in [1, kMaxImages]; 1 gives the model itself. The model must have one image.
VitModel batched(const VitModel& model, int images);

}  // namespace vitality
