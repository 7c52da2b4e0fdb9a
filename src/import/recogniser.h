// The state of one recognition (recognise.h), and what it does for each kind of operator. Only recognise*.cpp include
// this.
//
// A value of the graph is represented by a symbol: a constant; a view (elements of a layer's output); an expression of
// a view that has not become a layer yet; scores of attention; a probe: what operators of attention without a Softmax
// compute from random numbers in place of Q, K and V; or the logits after a final Softmax.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "import/draft.h"
#include "import/expression.h"
#include "import/graph.h"
#include "import/layer_names.h"
#include "import/operators.h"
#include "import/recognise.h"
#include "import/scores.h"
#include "import/taylor.h"

namespace vitality::importing {

// Operators that compute something from one view, before it is known which layer they are.
struct Expression {
  View leaf;                                  // scale 1
  std::vector<std::pair<int, double>> given;  // values of the graph that equal the leaf times a scale
  std::vector<int> nodes;                     // in order
  bool has_vectors = false;                   // has a constant of more than one element: scale or shift of a norm
};

struct Symbol {
  enum class Kind { kNone, kConstant, kView, kExpression, kScores, kProbe, kLogits };
  Kind kind = Kind::kNone;
  TensorPtr constant;  // also of a probe
  View view;           // kLogits: the input of the final Softmax
  std::shared_ptr<const Expression> expression;
  std::shared_ptr<const Scores> scores;
};

// Whether two views have the same elements of one layer in the same order.
inline bool same_places(const View& a, const View& b) {
  return a.source == b.source && a.version == b.version && a.shape() == b.shape() &&
         (a.places == b.places || a.places->integer == b.places->integer);
}

// A vector of the graph as a matrix of one row, the form of the workload's tensors.
inline MatrixD row_of(const std::vector<double>& values) {
  MatrixD row(1, static_cast<int>(values.size()));
  std::copy(values.begin(), values.end(), row.data());
  return row;
}

class Recogniser {
 public:
  explicit Recogniser(const Graph& graph)
      : graph_(graph), draft_(graph), symbols_(graph.values.size()), aliases_(graph.values.size(), kNoValue) {}
  Recognised run();

 private:
  using Kind = Symbol::Kind;
  // Identity, Cast and similar operators give a value a second name: both share one symbol.
  int resolved(int value) const {
    return aliases_[static_cast<std::size_t>(value)] == kNoValue ? value : aliases_[static_cast<std::size_t>(value)];
  }
  Symbol& symbol(int value) { return symbols_[static_cast<std::size_t>(resolved(value))]; }
  bool is(int value, Kind kind) { return value != kNoValue && symbol(value).kind == kind; }
  bool is_constant(std::size_t i) { return i < node().inputs.size() && is(node().inputs[i], Kind::kConstant); }
  const Tensor& constant(std::size_t i) { return *symbol(node().inputs[i]).constant; }
  bool has(std::size_t i) const { return i < node().inputs.size() && node().inputs[i] != kNoValue; }
  const Node& node() const { return graph_.nodes[static_cast<std::size_t>(index_)]; }
  [[noreturn]] void refuse(const std::string& why) const { throw NodeError(why); }
  void note(const std::string& text) {
    if (std::find(out_.notes.begin(), out_.notes.end(), text) == out_.notes.end()) out_.notes.push_back(text);
  }

  // recognise.cpp: follows the order of the graph, and decides what a symbol is.
  void visit();
  void fold_constants();
  void move_elements();
  void pad_nothing();
  void concatenate();
  void concatenate_tokens(const std::vector<const Tensor*>& front, const View& view);
  void concatenate_channels(const std::vector<View>& views);
  void linear();
  void convolution();
  void product();
  void scores_step();
  Tensor hidden_scores(std::size_t scores);
  void add_to_scores(Scores& scores, const Tensor& bias);
  void reshape_scores(Scores& scores);
  void softmax();
  void layer_norm();
  void batch_norm();
  void reduce();
  void shape();
  void elementwise();
  // recognise_taylor.cpp
  void step_of_part();
  void written_out(const AttentionMatch& match, const Shape& shape);

  Inputs constant_inputs();
  View view_of(int value);  // turns an expression into a layer, and returns its view; NodeError if it is not a layer
  View checked(const View& view) const;
  void set_view(int value, const View& view);
  void set_constant(int value, Tensor tensor);
  std::optional<Expression> as_expression(int value);
  void extend(const std::vector<int>& operands);
  View materialise(const Expression& expression, int value);
  View layer_of(const Expression& expression, const Identified& found, int value);
  View affine(const View& leaf, const Identified& found, int value);
  std::optional<View> channels_of(const View& view);
  View add_norm(const View& given, std::map<std::string, MatrixD> tensors, double epsilon, int value);
  void add_linear(const View& x, MatrixD weight, std::vector<double> bias, int weight_value, int bias_value);
  bool as_patches(const View& x, const MatrixD& weight, const std::vector<double>& bias, const std::string& name);
  void combine(int a, int b);
  bool lie_alike(View& x, View& y);
  int image_source(const View& view, Tokens& tokens);
  void pool_windows(const View& view);
  bool pools_rows(const View& view, const std::vector<std::size_t>& axes);
  void pool_rows(const View& view, const std::vector<std::size_t>& axes, bool keep);
  int add_layer(const std::string& name, std::vector<int> inputs, LayerParameters parameters,
                std::map<std::string, MatrixD> tensors = {});
  View output_view(int layer, TensorPtr places, int value);
  std::string name_for(const std::string& owner, const char* kind) const;
  std::string owner(int value) const {
    return value == kNoValue ? "" : owner_of(graph_.values[static_cast<std::size_t>(value)]);
  }
  bool take_up_scale(View& view);  // false if no layer can; else the view has scale 1
  void finish();

  const Graph& graph_;
  Draft draft_;
  std::vector<Symbol> symbols_;
  std::vector<int> aliases_, last_use_;
  Budget budget_;
  std::int64_t folded_ = 0, most_folded_ = std::int64_t{1} << 22;  // elements of constants that nodes compute
  std::vector<int> parts_;                                         // of each node (attention_parts.h)
  std::map<int, std::vector<View>> leaves_;                        // of each part: the views that it reads
  int index_ = 0;
  Recognised out_;
};

}  // namespace vitality::importing
