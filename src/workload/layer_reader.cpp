#include "workload/layer_reader.h"

namespace vitality {

TensorInfo LayerReader::conv2d() {
  Conv2d p{};
  p.out_channels = size("out_channels");
  p.kernel = size("kernel");
  p.stride = size("stride");
  p.pad = size("pad");
  p.groups = size("groups");
  p.bias = flag("bias");
  if (!inputs(1) || !needs_grid()) return {};
  p.in_channels = in().cols;
  p.in_height = in().height;
  p.in_width = in().width;
  if (p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) {
    fail("groups must divide the " + std::to_string(p.in_channels) + " input and " + std::to_string(p.out_channels) +
             " output channels",
         "groups");
  }
  if (p.pad >= p.kernel) fail("pad must be smaller than kernel", "pad");
  if (p.in_height + 2 * p.pad < p.kernel || p.in_width + 2 * p.pad < p.kernel) {
    fail("kernel is larger than the padded input (" + std::to_string(p.in_height) + " x " + std::to_string(p.in_width) +
             ")",
         "kernel");
  }
  if (!ok_) return {};
  p.out_height = (p.in_height + 2 * p.pad - p.kernel) / p.stride + 1;
  p.out_width = (p.in_width + 2 * p.pad - p.kernel) / p.stride + 1;
  layer_.parameters = p;
  return grid(p.out_height, p.out_width, p.out_channels);
}

TensorInfo LayerReader::linear() {
  Linear p{};
  p.out_features = size("out_features");
  const int rows = size("rows", 0);
  p.first_row = size("first_row");
  p.bias = flag("bias");
  if (!inputs(1)) return {};
  if (p.first_row >= in().rows)
    fail("expected less than the input's " + std::to_string(in().rows) + " rows", "first_row");
  const int left = in().rows - p.first_row;
  if (rows > left && ok_)
    fail("expected at most the input's " + std::to_string(left) + " rows from first_row on", "rows");
  p.rows = rows > 0 ? rows : left;
  p.in_features = in().cols;
  layer_.parameters = p;
  TensorInfo out = with_cols(p.out_features);
  if (p.rows != in().rows) {
    out = TensorInfo{};
    out.known = true;
    out.rows = p.rows;
    out.cols = p.out_features;
  }
  return out;
}

TensorInfo LayerReader::layer_norm() {
  const double value = epsilon();
  if (!inputs(1)) return {};
  layer_.parameters = LayerNorm{in().rows, in().cols, value};
  return in();
}

TensorInfo LayerReader::batch_norm() {
  if (!read_key(source_.keys, key_of(own_keys_, "folds_into"), source_.folds_into) &&
      source_.keys.present("folds_into"))
    ok_ = false;
  const double value = epsilon();
  if (!inputs(1)) return {};
  layer_.parameters = BatchNorm{in().rows, in().cols, kModelInput, value};
  return in();
}

TensorInfo LayerReader::activation() {
  const auto function = static_cast<ActivationKind>(choice("function"));
  if (!inputs(1)) return {};
  layer_.parameters = Activation{function, in().rows, in().cols};
  return in();
}

bool LayerReader::equal_inputs() {
  if (!inputs(2)) return false;
  if (in(0).rows != in(1).rows || in(0).cols != in(1).cols)
    fail("inputs must have equal shapes, found " + shape(in(0)) + " and " + shape(in(1)));
  return ok_;
}

TensorInfo LayerReader::add() {
  const bool mean = flag("mean");
  if (!equal_inputs()) return {};
  layer_.parameters = Add{in().rows, in().cols, mean};
  return in();
}

TensorInfo LayerReader::position_embedding() {
  if (!inputs(1)) return {};
  layer_.parameters = PositionEmbedding{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::concat_token() {
  const int learned = size("rows");
  if (!inputs(1)) return {};
  if (in().patch > 0) {
    fail("cannot put tokens before several instances");
    return {};
  }
  TensorInfo out;
  out.known = true;
  out.rows = in().rows + learned;
  out.cols = in().cols;
  layer_.parameters = ConcatToken{out.rows, out.cols, learned};
  return out;
}

TensorInfo LayerReader::concat_channels() {
  if (!inputs(2)) return {};
  if (in(0).rows != in(1).rows) {
    fail("inputs must have equal rows, found " + shape(in(0)) + " and " + shape(in(1)));
    return {};
  }
  layer_.parameters = ConcatChannels{in().rows, in(0).cols + in(1).cols};
  return with_cols(in(0).cols + in(1).cols);
}

TensorInfo LayerReader::subsample() {
  const int stride = size("stride");
  if (!inputs(1) || !needs_grid()) return {};
  layer_.parameters = Subsample{in().height, in().width, stride, in().cols};
  return grid((in().height + stride - 1) / stride, (in().width + stride - 1) / stride, in().cols);
}

TensorInfo LayerReader::mean_pool() {
  if (!inputs(1)) return {};
  if (in().patch > 0) {
    fail("cannot pool over several instances");
    return {};
  }
  layer_.parameters = MeanPool{in().rows, in().cols};
  return grid(1, 1, in().cols);
}

bool LayerReader::divides_grid(int patch) {
  if (!needs_grid()) return false;
  if (in().height % patch != 0 || in().width % patch != 0)
    fail("must divide the image of " + std::to_string(in().height) + " x " + std::to_string(in().width), "patch");
  return ok_;
}

TensorInfo LayerReader::patch_merge() {
  const int patch = size("patch");
  if (!inputs(1) || !divides_grid(patch)) return {};
  layer_.parameters = PatchMerge{in().height, in().width, patch, in().cols};
  if (Count{patch} * patch * in().cols > kMaxChannels) {
    fail("makes more than " + std::to_string(kMaxChannels) + " channels", "patch");
    return {};
  }
  return grid(in().height / patch, in().width / patch, patch * patch * in().cols);
}

TensorInfo LayerReader::given() {
  GivenTensor p{};
  p.rows = size("rows"), p.cols = size("channels");
  if (source_.keys.present("inputs")) fail("an input of the model has no inputs", "inputs");
  // The image's tensors are input, input.1, ...
  if (layer_.name == "input" || layer_.name.rfind("input.", 0) == 0) fail("is the image's name", "name");
  layer_.inputs.clear();
  if (!ok_) return {};
  layer_.parameters = p;
  TensorInfo out;
  out.known = true;
  out.rows = p.rows, out.cols = p.cols;
  return out;
}

TensorInfo LayerReader::unfold() {
  const int patch = size("patch"), shift = size("shift");
  const bool windows = flag("windows");
  if (!inputs(1) || !divides_grid(patch)) return {};
  if (shift > 0 && !windows) fail("of use with \"windows\": true only", "shift");
  if (shift >= patch) fail("must be less than patch", "shift");
  if (!ok_) return {};
  layer_.parameters = Unfold{in().height, in().width, patch, in().cols, windows, shift};
  TensorInfo out = in();
  out.patch = patch, out.windows = windows, out.shift = shift;
  out.unfolded_height = in().height;
  out.unfolded_width = in().width;
  out.height = out.width = 0;
  return out;
}

TensorInfo LayerReader::fold() {
  if (!inputs(1)) return {};
  if (in().patch == 0) {
    fail("needs an input that was unfolded");
    return {};
  }
  layer_.parameters = Fold{in().unfolded_height, in().unfolded_width, in().patch, in().cols, in().windows, in().shift};
  return grid(in().unfolded_height, in().unfolded_width, in().cols);
}

TensorInfo LayerReader::layer_scale() {
  if (!inputs(1)) return {};
  layer_.parameters = LayerScale{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::multiply() {
  if (!equal_inputs()) return {};
  layer_.parameters = Multiply{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::average_pool() {
  const int kernel = size("kernel"), stride = size("stride", kernel);
  if (!inputs(1) || !needs_grid()) return {};
  if (kernel > in().height || kernel > in().width) {
    fail("kernel is larger than the input (" + std::to_string(in().height) + " x " + std::to_string(in().width) + ")",
         "kernel");
    return {};
  }
  const AveragePool p{in().height,
                      in().width,
                      kernel,
                      stride,
                      in().cols,
                      (in().height - kernel) / stride + 1,
                      (in().width - kernel) / stride + 1};
  layer_.parameters = p;
  return grid(p.out_height, p.out_width, p.channels);
}

// Reads the first index and the number of what a slice takes of `all`; without a number, the rest.
bool LayerReader::part(const char* first_name, const char* count_name, int all, int& first, int& count) {
  first = size(first_name), count = size(count_name, 0);
  if (!ok_) return false;
  if (first >= all) {
    fail("expected less than the input's " + std::to_string(all) + ", found " + std::to_string(first), first_name);
  } else if (first + count > all) {
    fail("expected at most the " + std::to_string(all - first) + " that the input has from there on, found " +
             std::to_string(count),
         count_name);
  }
  if (count == 0) count = all - first;
  return ok_;
}

TensorInfo LayerReader::slice() {
  if (!inputs(1)) return {};
  Slice p{};
  const bool rows = part("first_row", "rows", in().rows, p.first_row, p.rows);
  if (!part("first_channel", "channels", in().cols, p.first_channel, p.channels) || !rows) return {};
  layer_.parameters = p;
  if (p.rows == in().rows) return with_cols(p.channels);
  if (in().patch > 0) {
    fail("cannot take a part of the rows of several instances", source_.keys.present("rows") ? "rows" : "first_row");
    return {};
  }
  TensorInfo out;
  out.known = true;
  out.rows = p.rows, out.cols = p.channels;
  return out;
}

TensorInfo LayerReader::read(TensorInfo (LayerReader::*reader)()) {
  TensorInfo out = (this->*reader)();
  if (!ok_) return {};
  const auto too_large = [](Count rows, Count cols) { return rows * cols > kMaxElements; };
  if (out.rows > kMaxRows || out.cols > kMaxChannels || too_large(out.rows, out.cols) ||
      parameter_count(layer_) > kMaxElements) {
    fail("larger than this program takes: at most 2^20 rows, 2^16 columns, 2^28 elements; found " + shape(out) +
         " and " + std::to_string(parameter_count(layer_)) + " parameters");
    return {};
  }
  return out;
}

}  // namespace vitality
