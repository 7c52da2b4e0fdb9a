// Reads the keys of one layer and the shapes of its inputs, with a function for each kind of layer. Internal to
// layer_json.h.
#pragma once

#include <string>
#include <vector>

#include "workload/layer_json.h"

namespace vitality {

// The kinds of attention that a layer can have for itself: those that a machine can simulate.
const std::vector<AttentionKind>& layer_attention_kinds();

class LayerReader {
 public:
  LayerReader(const JsonKeys& own_keys, LayerSource& source, Layer& layer)
      : own_keys_(own_keys), source_(source), layer_(layer) {}
  TensorInfo read(TensorInfo (LayerReader::*reader)());

  // One reader for each kind of layer, for layer_rows().
  TensorInfo conv2d();
  TensorInfo linear();
  TensorInfo attention();
  TensorInfo layer_norm();
  TensorInfo batch_norm();
  TensorInfo activation();
  TensorInfo add();
  TensorInfo position_embedding();
  TensorInfo concat_token();
  TensorInfo concat_channels();
  TensorInfo subsample();
  TensorInfo mean_pool();
  TensorInfo unfold();
  TensorInfo fold();
  TensorInfo layer_scale();
  TensorInfo multiply();
  TensorInfo average_pool();
  TensorInfo slice();
  TensorInfo patch_merge();
  TensorInfo given();

 private:
  // Reports at the layer (or at one of its keys) and marks it as wrong.
  void fail(const std::string& message, const char* key = nullptr) {
    ok_ = false;
    source_.keys.diagnostics().add(key ? source_.keys.pointer_to(key) : source_.keys.pointer(), message);
  }
  // The key's value, or the default in its row if the file does not have it.
  int size(const char* name) {
    const JsonKey& key = key_of(own_keys_, name);
    return size(name, static_cast<int>(key.fallback.value_or(key.low)));
  }
  int size(const char* name, int fallback) {
    const JsonKey& key = key_of(own_keys_, name);
    const JsonValue* value = get_key(source_.keys, key);
    int out = fallback;
    if (!value) {
      ok_ = ok_ && !key.required;
    } else if (!read_size(*value, source_.keys.pointer_to(name), source_.dimensions, static_cast<int>(key.low),
                          static_cast<int>(key.high), source_.keys.diagnostics(), out)) {
      ok_ = false;
    }
    return out;
  }
  bool flag(const char* name) {
    const JsonKey& key = key_of(own_keys_, name);
    bool out = key.fallback.value_or(0) != 0;
    if (!read_key(source_.keys, key, out) && source_.keys.present(name)) ok_ = false;
    return out;
  }
  double epsilon() {
    const JsonKey& key = key_of(own_keys_, "epsilon");
    double out = key.fallback.value_or(0);
    if (!read_key(source_.keys, key, out) && source_.keys.present("epsilon")) ok_ = false;
    return out;
  }
  int choice(const char* name) {
    int out = 0;
    if (!read_key(source_.keys, key_of(own_keys_, name), out)) ok_ = false;
    return out;
  }
  // Reads `count` inputs. Returns false if they do not fit, and reports it unless the input itself failed before.
  bool inputs(std::size_t count) {
    if (source_.inputs.size() != count) {
      fail("expected " + std::to_string(count) + (count == 1 ? " input" : " inputs") + ", found " +
               std::to_string(source_.inputs.size()),
           source_.keys.present("inputs") ? "inputs" : nullptr);
    }
    for (const TensorInfo& input : source_.inputs) ok_ = ok_ && input.known;
    return ok_;
  }
  const TensorInfo& in(std::size_t i = 0) const { return source_.inputs[i]; }
  bool needs_grid() {
    if (ok_ && in().height == 0) fail("needs an image (height x width) as input, found " + shape(in()));
    return ok_;
  }
  static std::string shape(const TensorInfo& t) { return std::to_string(t.rows) + " x " + std::to_string(t.cols); }
  // The input's rows (and what is known of them), with another number of columns.
  TensorInfo with_cols(int cols) const {
    TensorInfo out = in();
    out.cols = cols;
    return out;
  }
  static TensorInfo grid(int height, int width, int cols) {
    TensorInfo out;
    out.known = true;
    out.rows = height * width;
    out.cols = cols;
    out.height = height;
    out.width = width;
    return out;
  }

  bool equal_inputs();
  bool divides_grid(int patch);
  bool part(const char* first_name, const char* count_name, int all, int& first, int& count);
  void attention_heads(Attention& p);
  void attention_bias(Attention& p);
  void relative_bias(Attention& p);
  void attention_mask(Attention& p);

  const JsonKeys& own_keys_;
  LayerSource& source_;
  Layer& layer_;
  bool ok_ = true;
};

}  // namespace vitality
