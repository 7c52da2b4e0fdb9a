#include "workload/workload_json.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/search_path.h"
#include "workload/layer_json.h"
#include "workload/workload_keys.h"

namespace vitality {
namespace {

using Presence = ObjectReader::Presence;
constexpr std::size_t kMaxLayers = 20000;
constexpr int kMaxBlockDepth = 8;
constexpr std::size_t kMaxDims = 1000;          // limited because each block has a copy of its own
constexpr std::size_t kMaxSuggestedFrom = 200;  // layer names that a misspelt one is compared with

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The names and values that the items of one block or group may use.
struct Scope {
  Dimensions dimensions;
  std::string block;        // {block}
  int index = 0;            // {i}
  int input = kModelInput;  // "block_input"
  int depth = 0;
  std::string expand(const std::string& text) const {
    return replaced(replaced(text, "{i}", std::to_string(index)), "{block}", block);
  }
};

class WorkloadReader {
 public:
  explicit WorkloadReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}
  VitModel read(const JsonValue& document);

 private:
  void read_image(ObjectReader& top);
  void read_dims(ObjectReader& object, Scope& scope);
  void read_items(const JsonValue& items, const std::string& pointer, const Scope& scope);
  void read_block(ObjectReader& keys, const Scope& outer);
  void read_layer_item(ObjectReader& keys, const Scope& scope);
  bool read_name(ObjectReader& keys, const Scope& scope, Presence presence, std::string& out);
  std::vector<int> read_inputs(ObjectReader& keys, const Scope& scope, bool& ok);
  void check_fold(std::size_t layer);
  void check_totals();
  void add_latest_names(std::vector<std::string>& names) const {
    const std::size_t count = model_.layers.size();
    for (std::size_t i = count - std::min(count, kMaxSuggestedFrom); i < count; ++i)
      names.push_back(model_.layers[i].name);
  }
  int readers_of(int layer) const {
    const auto found = readers_.find(layer);
    return found == readers_.end() ? 0 : found->second;
  }
  TensorInfo info(int index) const { return index == kModelInput ? image_ : outputs_[static_cast<std::size_t>(index)]; }

  Diagnostics& diagnostics_;
  VitModel model_;
  TensorInfo image_;
  std::vector<TensorInfo> outputs_;
  std::vector<std::string> pointers_;              // of each layer, for checks after the last one
  std::vector<std::string> folds_into_;            // of each layer
  std::unordered_map<std::string, int> index_of_;  // layer name -> index
  std::map<std::string, std::pair<const JsonValue*, std::string>> blocks_;  // name -> items and their pointer
  std::unordered_map<int, int> readers_;  // layer or kModelInput -> how often layers name it, once all are read
  bool full_ = false;
};

void WorkloadReader::read_image(ObjectReader& top) {
  const JsonValue* value = get_key(top, key_of(workload_keys().top, "image"));
  if (!value) return;
  ObjectReader image(*value, top.pointer_to("image"), diagnostics_);
  const JsonKeys& keys = workload_keys().image;
  const bool height = read_key(image, key_of(keys, "height"), model_.image_height);
  const bool width = read_key(image, key_of(keys, "width"), model_.image_width);
  const bool channels = read_key(image, key_of(keys, "channels"), model_.image_channels);
  image.finish();
  if (!height || !width || !channels) return;
  if (model_.image_height * model_.image_width > kMaxRows) {
    return diagnostics_.add(image.pointer(), "more than 2^20 pixels");
  }
  image_.known = true;
  image_.height = model_.image_height;
  image_.width = model_.image_width;
  image_.rows = image_.height * image_.width;
  image_.cols = model_.image_channels;
}

void WorkloadReader::read_dims(ObjectReader& object, Scope& scope) {
  const JsonValue* dims = object.get("dims");
  if (!dims) return;
  const std::string pointer = object.pointer_to("dims");
  if (dims->type() != JsonValue::Type::kObject) {
    return diagnostics_.add(pointer, "expected an object of integers or expressions, found " + describe(*dims));
  }
  // A block's dims are expressions that may use the names outside the block and the block's dims before them.
  for (const auto& [key, value] : dims->members()) {
    const std::string name(key);
    if (scope.dimensions.values.size() >= kMaxDims)
      return diagnostics_.add(pointer, "expected at most " + std::to_string(kMaxDims) + " names");
    int size = 1;
    if (!is_dimension_name(name)) {
      diagnostics_.add(pointer_of(pointer, name), "expected a name of letters, digits and _");
    } else {
      read_size(value, pointer_of(pointer, name), scope.dimensions, 0, kMaxDim, diagnostics_, size);
    }
    scope.dimensions.values[name] = size;
  }
}

bool WorkloadReader::read_name(ObjectReader& keys, const Scope& scope, Presence presence, std::string& out) {
  std::string name;
  if (!keys.text("name", name, presence)) return false;
  if (name.empty() || name.size() > kMaxNameLength) {
    diagnostics_.add(keys.pointer_to("name"), "expected a name of 1 to 200 characters, found " + quoted(name));
    return false;
  }
  out = scope.expand(name);
  if (out.size() > 400) {
    diagnostics_.add(keys.pointer_to("name"), "longer than 400 characters when expanded");
    return false;
  }
  const bool plain = std::all_of(out.begin(), out.end(),
                                 [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '/' && c != '\\'; });
  if (!plain)
    diagnostics_.add(keys.pointer_to("name"),
                     "expected printable characters without spaces and slashes, found " + quoted(out));
  return plain;
}

void WorkloadReader::read_items(const JsonValue& items, const std::string& pointer, const Scope& scope) {
  if (items.type() != JsonValue::Type::kArray || items.items().empty()) {
    return diagnostics_.add(
        pointer, "expected an array of layers and blocks, found " +
                     std::string(items.items().empty() && items.type() == JsonValue::Type::kArray ? "an empty array"
                                                                                                  : describe(items)));
  }
  for (std::size_t i = 0; i < items.items().size() && !full_ && !diagnostics_.full(); ++i) {
    ObjectReader keys(items.items()[i], pointer_of(pointer, i), diagnostics_);
    if (!keys.is_object()) continue;
    if (keys.present("block") || keys.present("layers")) {
      read_block(keys, scope);
    } else {
      read_layer_item(keys, scope);
    }
  }
}

void WorkloadReader::read_block(ObjectReader& keys, const Scope& outer) {
  const JsonValue* items = keys.get("layers");
  std::string items_pointer = keys.pointer_to("layers"), block;
  if (items && keys.present("block")) {
    keys.get("block");
    diagnostics_.add(keys.pointer(), "expected \"block\" or \"layers\", found both");
  } else if (!items && keys.text("block", block)) {
    if (const auto found = blocks_.find(block); found != blocks_.end()) {
      items = found->second.first;
      items_pointer = found->second.second;
    } else {
      std::vector<std::string> names;
      for (const auto& entry : blocks_) names.push_back(entry.first);
      diagnostics_.add(keys.pointer_to("block"), "no such block: " + quoted(block) + suggestion(block, names));
    }
  }
  int repeat = 1;
  if (const JsonValue* value = keys.get("repeat")) {
    if (!read_size(*value, keys.pointer_to("repeat"), outer.dimensions, 1, kMaxRepeat, diagnostics_, repeat))
      items = nullptr;
  }
  Scope scope = outer;
  read_dims(keys, scope);
  scope.depth = outer.depth + 1;
  if (scope.depth > kMaxBlockDepth) {
    diagnostics_.add(keys.pointer(),
                     "blocks nested deeper than " + std::to_string(kMaxBlockDepth) + " levels (does one use itself?)");
    full_ = true;
    return;
  }
  for (int i = 0; i < repeat; ++i) {
    if (keys.present("repeat")) scope.index = i;
    scope.input = model_.layers.empty() ? kModelInput : static_cast<int>(model_.layers.size()) - 1;
    Scope naming = scope;
    naming.block = outer.block;
    if (i == 0 || keys.present("name")) read_name(keys, naming, Presence::kOptional, scope.block);
    if (i == 0) keys.finish();
    if (!items || full_ || diagnostics_.full()) return;
    read_items(*items, items_pointer, scope);
  }
}

std::vector<int> WorkloadReader::read_inputs(ObjectReader& keys, const Scope& scope, bool& ok) {
  const int previous = static_cast<int>(model_.layers.size()) - 1;  // kModelInput before the first layer
  const JsonValue* value = keys.get("inputs");
  if (!value) return {previous};
  const std::string pointer = keys.pointer_to("inputs");
  std::vector<int> out;
  if (value->type() != JsonValue::Type::kArray || value->items().empty() || value->items().size() > kMaxInputs) {
    diagnostics_.add(pointer, "expected an array of 1 to 8 layer names, found " + describe(*value));
    ok = false;
    return out;
  }
  for (std::size_t i = 0; i < value->items().size(); ++i) {
    std::string name;
    if (!read_text(value->items()[i], pointer_of(pointer, i), diagnostics_, name)) {
      ok = false;
      continue;
    }
    if (name == "previous") {
      out.push_back(previous);
    } else if (name == "block_input") {
      out.push_back(scope.input);
    } else if (name == "image") {
      out.push_back(kModelInput);
    } else if (const auto found = index_of_.find(scope.expand(name.substr(0, 400))); found != index_of_.end()) {
      out.push_back(found->second);
    } else {
      std::vector<std::string> names{"previous", "block_input", "image"};
      add_latest_names(names);
      const std::string expanded = scope.expand(name.substr(0, 400));
      diagnostics_.add(pointer_of(pointer, i),
                       "no earlier layer is named " + quoted(expanded) + suggestion(expanded, names));
      ok = false;
    }
  }
  return out;
}

void WorkloadReader::read_layer_item(ObjectReader& keys, const Scope& scope) {
  if (model_.layers.size() >= kMaxLayers) {
    diagnostics_.add(keys.pointer(), "more than " + std::to_string(kMaxLayers) + " layers");
    full_ = true;
    return;
  }
  Layer layer;
  int kind = -1;
  bool ok = read_name(keys, scope, Presence::kRequired, layer.name);
  keys.choice("kind", kind, layer_kind_names(), Presence::kRequired);
  layer.inputs = read_inputs(keys, scope, ok);
  TensorInfo out;
  LayerSource source{keys, scope.dimensions, {}, ""};
  if (kind >= 0) {
    for (const int input : layer.inputs) source.inputs.push_back(info(input));
    // After a wrong input list the keys are still read, against inputs that are not known.
    if (!ok) source.inputs.assign(std::max<std::size_t>(source.inputs.size(), 1), TensorInfo{});
    out = read_layer(kind, source, layer);
    keys.finish();
  }
  if (!layer.name.empty() && !index_of_.emplace(layer.name, static_cast<int>(model_.layers.size())).second) {
    diagnostics_.add(keys.pointer_to("name"),
                     "a layer named " + quoted(layer.name) + " exists already" +
                         (scope.depth > 0 ? "; use {block} or {i} in names of repeated layers" : ""));
  }
  model_.layers.push_back(std::move(layer));
  outputs_.push_back(out);
  pointers_.push_back(keys.pointer());
  folds_into_.push_back(source.folds_into);
}

// A batch norm's weights can go into the convolution or linear layer right before it, or into a linear layer (or a
// convolution without padding) right after it, if no other layer reads the tensor between the two.
void WorkloadReader::check_fold(std::size_t index) {
  auto* norm = std::get_if<BatchNorm>(&model_.layers[index].parameters);
  if (!norm) return;
  const std::string pointer = pointers_[index] + (folds_into_[index].empty() ? "" : "/folds_into");
  int target = model_.layers[index].inputs.front();
  if (!folds_into_[index].empty()) {
    const auto found = index_of_.find(folds_into_[index]);
    if (found == index_of_.end()) {
      std::vector<std::string> names;
      add_latest_names(names);
      return diagnostics_.add(
          pointer, "no layer is named " + quoted(folds_into_[index]) + suggestion(folds_into_[index], names));
    }
    target = found->second;
  }
  const int self = static_cast<int>(index);
  const Layer* into = target == kModelInput ? nullptr : &model_.layers[static_cast<std::size_t>(target)];
  const auto* conv = into ? std::get_if<Conv2d>(&into->parameters) : nullptr;
  const bool weighted = conv || (into && std::get_if<Linear>(&into->parameters));
  const bool before = target == model_.layers[index].inputs.front();
  const bool after = into && into->inputs == std::vector<int>{self} && !(conv && conv->pad > 0);
  if (!weighted || !(before || after)) {
    return diagnostics_.add(
        pointer,
        "a batch norm folds into the conv2d or linear layer right before it, or into the linear layer (or "
        "conv2d without padding) right after it, named by \"folds_into\"");
  }
  if (readers_of(before ? target : self) != 1)
    diagnostics_.add(pointer,
                     "cannot fold: another layer reads the tensor between the batch norm and " + quoted(into->name));
  norm->folded_into = target;
}

void WorkloadReader::check_totals() {
  double elements = 0, work = 0;
  for (const Layer& layer : model_.layers) {
    const MatrixShape shape = output_shape(layer);
    elements += static_cast<double>(shape.rows) * shape.cols + static_cast<double>(parameter_count(layer));
    work += static_cast<double>(macs(layer));
  }
  if (elements > 1e11) diagnostics_.add("/layers", "more than 1e11 activations and parameters in all");
  if (work > 1e15) diagnostics_.add("/layers", "more than 1e15 multiply-accumulates in all");
}

VitModel WorkloadReader::read(const JsonValue& document) {
  ObjectReader top(document, "", diagnostics_);
  if (!top.is_object()) return {};
  const JsonKeys& keys = workload_keys().top;
  std::string ignored;
  read_key(top, key_of(keys, "$schema"), ignored);
  read_key(top, key_of(keys, "name"), model_.name);
  read_key(top, key_of(keys, "description"), model_.description);
  read_key(top, key_of(keys, "source"), model_.source);
  read_image(top);
  Scope scope;
  read_dims(top, scope);
  if (const JsonValue* blocks = get_key(top, key_of(keys, "blocks"))) {
    const std::string pointer = top.pointer_to("blocks");
    if (blocks->type() != JsonValue::Type::kObject)
      diagnostics_.add(pointer, "expected an object, found " + describe(*blocks));
    for (const auto& [name, items] : blocks->members())
      blocks_[std::string(name)] = {&items, pointer_of(pointer, name)};
  }
  const JsonValue* layers = get_key(top, key_of(keys, "layers"));
  if (layers) read_items(*layers, "/layers", scope);
  top.finish();
  if (!diagnostics_.ok()) return model_;
  for (const Layer& layer : model_.layers)
    for (const int input : layer.inputs) ++readers_[input];
  for (std::size_t i = 0; i < model_.layers.size(); ++i) check_fold(i);
  check_totals();
  return model_;
}

// "tokens=64", "image.height=384": changes the document before it is read.
void apply_override(JsonDocument& document, const std::string& option, Diagnostics& diagnostics) {
  const std::size_t equals = option.find('=');
  const std::string name = option.substr(0, std::min(equals, option.size())), origin = "--set workload." + option;
  const bool is_image = name.compare(0, 6, "image.") == 0;
  JsonValue* group = document.find(is_image ? "image" : "dims");
  JsonValue* value = group ? group->find(is_image ? name.substr(6) : name) : nullptr;
  if (equals == std::string::npos || !value) {
    std::vector<std::string> names{"image.height", "image.width"};
    if (const JsonValue* dims = document.find("dims")) {
      for (const auto& member : dims->members()) names.emplace_back(member.key);
    }
    return diagnostics.add(
        InputError(origin, "", "expected NAME=VALUE with a name of the workload's dims" + suggestion(name, names)));
  }
  const std::string text = option.substr(equals + 1);
  try {
    document.set(*value, parse_json(text, ""));
  } catch (const InputError&) {
    document.set(*value, JsonDocument::of_text(text));  // an expression
  }
  diagnostics.set_origin_option(is_image ? "/image/" + name.substr(6) : "/dims/" + name, origin);
}

}  // namespace

VitModel read_workload(JsonDocument document, const std::vector<std::string>& overrides, Diagnostics& diagnostics) {
  for (const std::string& option : overrides) apply_override(document, option, diagnostics);
  return WorkloadReader(diagnostics).read(document);
}

VitModel parse_workload(const std::string& text, const std::string& file, const std::vector<std::string>& overrides) {
  Diagnostics diagnostics(file);
  return read_workload(parse_json(text, file), overrides, diagnostics);
}

VitModel read_workload(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string file = find_file(path, "workloads");
  return parse_workload(read_text_file(file), file, overrides);
}

}  // namespace vitality
