// The images of an evaluation, read one at a time, and their classes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/idx.h"
#include "tensor/matrix.h"
#include "tensor/npy.h"
#include "workload/model.h"

namespace vitality {

// For every channel: value -> (value - mean) / deviation.
struct Normalisation {
  std::vector<double> mean, deviation;
};

// A .npy file of uint8, float32 or float64 with the shape (n, height, width[, channels]), or an IDX file of the same
// shapes, plain or gzipped. A byte means value / 255.
class ImageFile {
 public:
  // Throws InputError if the file is neither, or if its images do not have the model's shape.
  ImageFile(const std::string& path, const VitModel& model, Normalisation normalisation);
  std::size_t count() const { return count_; }
  // Image i as the model takes it: pixels x channels, normalised. May be called from several threads.
  MatrixD image(std::size_t i) const;

 private:
  int pixels_, channels_;
  Normalisation normalisation_;
  std::size_t count_ = 0;
  std::unique_ptr<NpyReader> npy_;  // null: idx_
  IdxArray idx_;
};

// One class per image, 0 to classes - 1: .npy of integers, or IDX. Throws InputError if the number of labels is not
// `images`, or if a label is out of range.
std::vector<int> read_labels(const std::string& path, std::size_t images, int classes);

}  // namespace vitality
