// One layer of a workload: its keys and the shapes of its inputs make a Layer.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/json_keys.h"
#include "workload/expression.h"
#include "workload/model.h"

namespace vitality {

// What is known of a layer's output besides its matrix: the image or token grid that its rows form, and whether and how
// it was unfolded.
struct TensorInfo {
  bool known = false;  // false after an error, so that one mistake is reported once
  int rows = 0, cols = 0;
  int height = 0, width = 0;                               // rows = height * width; 0 = not a grid
  int patch = 0, unfolded_height = 0, unfolded_width = 0;  // patch > 0: patch^2 instances of a grid of that size
  bool windows = false;                                    // instances of patch^2 tokens, moved by shift
  int shift = 0;
  int instances() const {
    if (patch == 0) return 1;
    return windows ? unfolded_height / patch * (unfolded_width / patch) : patch * patch;
  }
};

// Upper limits that keep every product of a model's counts far inside 64 bits.
constexpr int kMaxRows = 1 << 20, kMaxChannels = 1 << 16, kMaxImageSide = 4096, kMaxHeads = 1024;
constexpr Count kMaxElements = Count{1} << 28;  // of one activation or one weight matrix
constexpr Count kMaxScores = Count{1} << 36;    // of one attention layer: instances * heads * n_q * n_kv

struct LayerKind {
  std::string name;
  JsonKeys keys;  // its own, beside name, kind and inputs
  const char* meaning;
};
const std::vector<LayerKind>& layer_kinds();
const std::vector<std::string>& layer_kind_names();

struct LayerSource {
  ObjectReader& keys;  // of the layer; name, kind and inputs are already taken
  const Dimensions& dimensions;
  std::vector<TensorInfo> inputs;
  // The layer into which a batch norm says it is folded ("" = its input); resolved when all layers are known.
  std::string folds_into;
};

// An integer or an expression, in [low, high].
bool read_size(const JsonValue& value, const std::string& pointer, const Dimensions& dimensions, int low, int high,
               Diagnostics& diagnostics, int& out);

// kind: index into layer_kinds(). Fills layer.parameters and returns the output; its `known` is false if an error was
// reported.
TensorInfo read_layer(int kind, LayerSource& source, Layer& layer);

}  // namespace vitality
