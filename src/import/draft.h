// The workload that grows while a graph is read: layers with their parameters, and views of their outputs.
//
// A layer's output is a matrix, tokens or pixels x channels (workload/model.h). A value of the graph is a View of such
// a matrix: a tensor of any shape whose elements are places in the matrix (row * columns + column), times a scale. The
// Reshape, Transpose, Split, Slice and Gather nodes of an exporter only move places; where the places end up shows how
// heads, tokens and channels lie.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "import/graph.h"
#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality::importing {

struct View {
  int source = kModelInput;  // a layer of the draft, or the image
  int version = 0;           // of the layer, when this view was made
  TensorPtr places;          // integers
  double scale = 1;
  const Shape& shape() const { return places->shape; }
};

struct DraftLayer {
  Layer layer;
  std::string layout = {};                      // of attention
  std::map<std::string, MatrixD> tensors = {};  // weight, bias, running_mean, running_var
  int rows = 0, cols = 0;
  int height = 0, width = 0;                               // of the pixel or token grid; 0: none
  int patch = 0, unfolded_height = 0, unfolded_width = 0;  // after unfold
  bool windows = false;                                    // an instance for each patch, of pixels moved by shift
  int shift = 0;
  int readers = 0;       // layers that read it
  int version = 0;       // grows when its meaning changes
  int value = kNoValue;  // the value of the graph that the layer computes, at
                         // `places`
  TensorPtr places = nullptr;
};

// The rows of a view whose last axis is all columns of its source, in this order.
struct Tokens {
  std::vector<int> rows, columns;
};

class Draft {
 public:
  explicit Draft(const Graph& graph);

  DraftLayer& at(int layer) { return layers_[static_cast<std::size_t>(layer)]; }
  const DraftLayer& at(int layer) const { return layers_[static_cast<std::size_t>(layer)]; }
  std::vector<DraftLayer>& layers() { return layers_; }
  int rows(int source) const { return is_model_input(source) ? image_rows_ : at(source).rows; }
  int cols(int source) const { return is_model_input(source) ? image_cols_ : at(source).cols; }
  // Height and width of the grid that the rows form; 0, 0 if there is none.
  std::pair<int, int> grid(int source) const;

  // Adds a layer and returns its index; makes its name unique. Rows and columns follow from its parameters.
  int add(Layer layer, std::map<std::string, MatrixD> tensors = {});
  View image() const;
  // A view of a layer's whole output, with the elements at `places`.
  View view(int source, TensorPtr places) const;
  bool current(const View& view) const;  // whether the source still means what it did when the view was made

  std::optional<Tokens> tokens_of(const View& view) const;
  // The same elements as a view of a new layer: of a patch_merge if they are the pixels of square blocks side by side,
  // of a slice if they are all rows of a part of the channels. Nothing if they are neither.
  std::optional<View> merged(const View& view);
  std::optional<View> sliced(const View& view);
  // Brings `rows` into the order in which they are listed, by adding layers that move rows (unfold, fold, subsample).
  // Returns the new source and, for each of `rows`, its row there.
  std::pair<int, std::vector<int>> arranged(int source, const std::vector<int>& rows);
  // Lets the weights of the source absorb y = x factor + shift (one value per column); false if they cannot.
  bool absorb(int source, const std::vector<double>& factor, const std::vector<double>& shift);

  // Only the layers that `output` needs, in order, with renumbered inputs.
  std::vector<DraftLayer> needed(int output) const;

 private:
  int strided(int source, const std::vector<int>& rows) const;
  std::optional<Unfold> unfolding(int source, const std::vector<int>& rows) const;
  bool folding(int source, const std::vector<int>& rows) const;
  bool can_absorb(int source) const;
  int moved(int source, const std::string& what, const LayerParameters& parameters);

  std::vector<DraftLayer> layers_;
  std::map<std::pair<int, std::string>, int> moved_;  // layers that move values, by source and what they do
  std::map<std::string, int> names_;
  int image_rows_, image_cols_, image_height_, image_width_;
  bool channels_last_;
};

// Places 0, 1, 2, ... of a matrix with `cols` columns as a tensor: element (i, c) of rows[i], column c.
TensorPtr places_of(const std::vector<int>& rows, int cols, Shape shape);

}  // namespace vitality::importing
