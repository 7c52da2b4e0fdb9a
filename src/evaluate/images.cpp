#include "evaluate/images.h"

#include "base/error.h"
#include "base/json.h"

namespace vitality {
namespace {

// A dataset of 2^37 bytes is larger than ImageNet's training images at 224 x 224.
constexpr std::size_t kMaxImageElements = std::size_t{1} << 37;

void check_shape(const NpyShape& shape, const VitModel& model, const std::string& path) {
  const int height = model.image_height, width = model.image_width, channels = model.image_channels;
  const bool fits = (shape.size() == 4 && shape[3] == channels) || (shape.size() == 3 && channels == 1);
  if (fits && shape[1] == height && shape[2] == width) return;
  std::string expected = "(n, " + std::to_string(height) + ", " + std::to_string(width);
  expected += channels == 1 ? ") or (n, " + std::to_string(height) + ", " + std::to_string(width) + ", 1)"
                            : ", " + std::to_string(channels) + ")";
  const bool channels_first = shape.size() == 4 && shape[1] == channels && shape[2] == height && shape[3] == width;
  throw InputError(path, "",
                   "images of shape " + to_string(shape) + ", expected " + expected + " for workload " + model.name +
                       (channels_first ? " (these have their channels first)" : ""));
}

}  // namespace

ImageFile::ImageFile(const std::string& path, const VitModel& model, Normalisation normalisation)
    : pixels_(model.image_height * model.image_width),
      channels_(model.image_channels),
      normalisation_(std::move(normalisation)) {
  if (looks_like_idx(path)) {
    idx_ = read_idx(path);
  } else {
    NpyRules rules;
    rules.types = {NpyType::kUint8, NpyType::kFloat32, NpyType::kFloat64};
    rules.max_elements = kMaxImageElements;
    npy_ = std::make_unique<NpyReader>(path, rules);
  }
  const NpyShape& shape = npy_ ? npy_->shape() : idx_.shape;
  check_shape(shape, model, path);
  count_ = static_cast<std::size_t>(shape[0]);
}

MatrixD ImageFile::image(std::size_t i) const {
  MatrixD image = MatrixD::unset(pixels_, channels_);
  if (npy_) {
    npy_->read(i * image.size(), image.size(), image.data());
  } else {
    const std::uint8_t* const from = idx_.values.data() + i * image.size();
    std::copy(from, from + image.size(), image.data());
  }
  const bool bytes = !npy_ || npy_->type() == NpyType::kUint8;
  for (int p = 0; p < pixels_; ++p) {
    double* const pixel = image.row(p);
    for (int c = 0; c < channels_; ++c) {
      const auto channel = static_cast<std::size_t>(c);
      const double value = bytes ? pixel[c] / 255 : pixel[c];
      pixel[c] = (value - normalisation_.mean[channel]) / normalisation_.deviation[channel];
    }
  }
  return image;
}

std::vector<int> read_labels(const std::string& path, std::size_t images, int classes) {
  NpyShape shape;
  std::vector<double> values;
  if (looks_like_idx(path)) {
    const IdxArray array = read_idx(path);
    shape = array.shape;
    values.assign(array.values.begin(), array.values.end());
  } else {
    NpyArray array = read_npy(path, {{NpyType::kUint8, NpyType::kInt8, NpyType::kInt32, NpyType::kInt64}});
    shape = array.shape, values = std::move(array.values);
  }
  if (shape.size() != 1 || values.size() != images)
    throw InputError(
        path, "",
        "labels of shape " + to_string(shape) + ", expected (" + std::to_string(images) + ",): one for each image");
  std::vector<int> labels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= 0 && values[i] < classes))
      throw InputError(path, "",
                       "label " + json_number(values[i]) + " of image " + std::to_string(i) + ", expected 0 to " +
                           std::to_string(classes - 1));
    labels.push_back(static_cast<int>(values[i]));
  }
  return labels;
}

}  // namespace vitality
