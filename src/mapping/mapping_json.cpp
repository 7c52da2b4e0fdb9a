#include "mapping/mapping_json.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "workload/workload_keys.h"

namespace vitality {
namespace {

constexpr int kMostBuffers = 16;
constexpr int kMostKib = 1 << 20;

struct Field {
  const char *name, *meaning;
};

class Visitor {
 public:
  using Fields = std::function<void()>;
  virtual ~Visitor() = default;
  virtual void integer(const Field& field, int& value, int low, int high) = 0;
  virtual void boolean(const Field& field, bool& value) = 0;
  // A boolean as one of two words: false, true.
  virtual void word(const Field& field, bool& value, const std::vector<std::string>& words) = 0;
  // The same for a key that may be missing, which means the first word.
  virtual void option(const Field& field, bool& value, const std::vector<std::string>& words) = 0;
  // parts: whether results can be in parts.
  virtual void place(const Field& field, ResultPlace& value, bool parts) = 0;
  // For a key that may be missing, which means memory.
  virtual void optional_place(const Field& field, ResultPlace& value) = 0;
  virtual void order(const Field& field, GemmOrder& value) = 0;
  virtual void group(const Field& field, const Fields& fields) = 0;
};

void operand(Visitor& v, const Field& field, OperandBuffers& o) {
  v.group(field, [&] {
    v.integer({"kept", "Tiles of a sweep that stay in a buffer of their own, from its first on."}, o.kept, 0, kMaxDim);
    v.integer({"buffers", "Buffers in which the others take turns."}, o.sets, 0, kMostBuffers);
  });
}

void results_end(Visitor& v, bool& high_end) {
  v.option({"end",
            "Of results with places of their own in the scratchpad: the end of it where they lie, if they can. "
            "Without: low."},
           high_end, {"low", "high"});
}
void results_place(Visitor& v, ResultPlace& place, bool& high_end, bool parts) {
  v.place({"results", "Where the results lie until other layers take them."}, place, parts);
  results_end(v, high_end);
}
std::vector<std::string> places(bool parts) {
  std::vector<std::string> names = enum_names<ResultPlace>();
  if (!parts) names.erase(std::find(names.begin(), names.end(), to_string(ResultPlace::kParts)));
  return names;
}

void visit(Visitor&, NoMapping&) {}
void visit(Visitor& v, InputStationaryMapping& m) {
  v.integer({"tile_rows", "Contraction indices of a stationary tile, at most matrix_engine.rows."}, m.tile_rows, 1,
            kMaxDim);
  v.integer({"tile_columns", "Columns of a stationary tile, at most matrix_engine.cols."}, m.tile_cols, 1, kMaxDim);
  v.integer({"row_tile", "Rows that a pass streams."}, m.m_tile, 1, kMaxDim);
  v.integer({"contraction_group", "Stationary tiles of a step along the contraction."}, m.k_group, 1, kMaxDim);
  v.integer({"column_group", "Stationary tiles of a step along the columns."}, m.n_group, 1, kMaxDim);
  v.order({"loop_order", "Loops over steps, outermost first."}, m.order);
  operand(v, {"streamed", "Buffers of the streamed operand; none: it lies in the scratchpad already."}, m.streamed);
  operand(v, {"stationary", "Buffers of the stationary operand."}, m.stationary);
  v.integer({"result_buffers",
             "Result tiles in flight, each with what is added to it; 0: results take the place of their partial sums, "
             "and sums that of what is added."},
            m.out_sets, 0, kMostBuffers);
  results_place(v, m.results, m.high_end, true);
}
void visit(Visitor& v, OutputStationaryMapping& m) {
  v.integer({"tile_rows", "Rows of a result tile, at most matrix_engine.rows."}, m.tile_rows, 1, kMaxDim);
  v.integer({"tile_columns", "Columns of a result tile, at most matrix_engine.cols."}, m.tile_cols, 1, kMaxDim);
  v.integer({"segment", "Contraction indices of a step."}, m.segment, 1, kMaxDim);
  v.word({"outer_loop", "Tiles that the outer loop runs over."}, m.columns_outer, {"rows", "columns"});
  v.boolean({"outer_kept", "Whether the outer loop's operand is fetched once, with its whole contraction."},
            m.outer_resident);
  v.integer({"result_buffers", "Result tiles in flight, each with what is added to it."}, m.out_sets, 1, kMostBuffers);
  v.option({"rows", "Where the rows lie. Without: memory."}, m.rows_on_chip, {"memory", "scratchpad"});
  v.optional_place({"results", "Where the results lie until other layers take them. Without: memory."}, m.results);
  results_end(v, m.high_end);
}
void visit(Visitor& v, AttentionMapping& m) {
  v.integer({"key_chunk", "Keys that are worked on at a time."}, m.token_chunk, 1, kMaxDim);
  v.integer({"query_chunk", "Queries that are worked on at a time."}, m.query_chunk, 1, kMaxDim);
  v.group({"buffers", "Buffers of each operand; none: it lies in the scratchpad already."}, [&] {
    v.integer({"keys", "Of K."}, m.sets[0], 0, kMostBuffers);
    v.integer({"values", "Of V."}, m.sets[1], 0, kMostBuffers);
    v.integer({"queries", "Of Q."}, m.sets[2], 0, kMostBuffers);
    v.integer({"results", "Of numerators or scores, and of results."}, m.sets[3], 1, kMostBuffers);
    v.integer({"sums", "Of sums of P V, where softmax is online."}, m.result_sets, 1, kMostBuffers);
  });
  v.word({"softmax", "Softmax attention: whole rows of scores at a time, or tile of keys after tile of keys."},
         m.online_softmax, {"whole_rows", "online"});
  results_place(v, m.results, m.high_end, false);
}
void visit(Visitor& v, RowTileMapping& m) {
  v.integer({"row_tile", "Rows that go through a buffer at a time."}, m.rows, 1, kMaxDim);
}
void visit(Visitor& v, EpilogueMapping& m) {
  v.option({"operand",
            "Of an addition: where what it adds lies. In the scratchpad the result takes its place. Without: memory."},
           m.in_place, {"memory", "scratchpad"});
}
void visit(Visitor& v, UnchargedMapping& m) {
  v.option({"results",
            "Where the results lie until other layers take them; in the scratchpad only if the layer's operand does. "
            "Without: memory."},
           m.results_stay, {"memory", "scratchpad"});
  results_end(v, m.high_end);
}
void visit(Visitor&, FoldedMapping&) {}

void visit(Visitor& v, LayerMapping& mapping) {
  std::visit([&v](auto& form) { visit(v, form); }, mapping);
}

struct Form {
  LayerMapping mapping;
  const char* meaning;
};
const std::vector<Form>& forms() {
  static const std::vector<Form> list{
      {InputStationaryMapping{}, "A GEMM: tiles of the weights stay in the array, rows stream through it."},
      {OutputStationaryMapping{}, "A GEMM: tiles of results stay in the array, both operands stream through it."},
      {AttentionMapping{}, "Attention, head by head, every head alike."},
      {RowTileMapping{}, "Rows of the layer go through buffers: functions, additions, sums and copies."},
      {EpilogueMapping{}, "Done on the result tiles of the layer before."},
      {UnchargedMapping{}, "Not charged by the machine's description; between two tensors in memory."},
      {FoldedMapping{}, "In the parameters of a neighbour."}};
  return list;
}
std::vector<std::string> form_names() {
  std::vector<std::string> names;
  for (const Form& form : forms()) names.emplace_back(form_name(form.mapping));
  return names;
}

class Writer : public Visitor {
 public:
  explicit Writer(const char* form) : text_("{\"form\": \"" + std::string(form) + "\"") {}
  std::string take() { return text_ + "}"; }

  void integer(const Field& field, int& value, int, int) override { put(field, std::to_string(value)); }
  void boolean(const Field& field, bool& value) override { put(field, value ? "true" : "false"); }
  void word(const Field& field, bool& value, const std::vector<std::string>& words) override {
    put(field, json_string(words[value ? 1 : 0]));
  }
  void option(const Field& field, bool& value, const std::vector<std::string>& words) override {
    if (value) word(field, value, words);
  }
  void place(const Field& field, ResultPlace& value, bool) override { put(field, json_string(to_string(value))); }
  void optional_place(const Field& field, ResultPlace& value) override {
    if (value != ResultPlace::kMemory) place(field, value, false);
  }
  void order(const Field& field, GemmOrder& value) override {
    std::string list;
    for (const GemmLoop loop : value) list += (list.empty() ? "\"" : ", \"") + std::string(to_string(loop)) + "\"";
    put(field, "[" + list + "]");
  }
  void group(const Field& field, const Fields& fields) override {
    put(field, "{");
    fields();
    text_ += "}";
  }

 private:
  void put(const Field& field, const std::string& value) {
    text_ += (text_.back() == '{' ? "\"" : ", \"") + std::string(field.name) + "\": " + value;
  }
  std::string text_;
};

class Reader : public Visitor {
 public:
  Reader(ObjectReader& object) : object_(&object) {}

  void integer(const Field& field, int& value, int low, int high) override {
    object_->integer(field.name, value, low, high, kRequired);
  }
  void boolean(const Field& field, bool& value) override { object_->boolean(field.name, value, kRequired); }
  void word(const Field& field, bool& value, const std::vector<std::string>& words) override {
    read_word(field, value, words, kRequired);
  }
  void option(const Field& field, bool& value, const std::vector<std::string>& words) override {
    read_word(field, value, words, ObjectReader::Presence::kOptional);
  }
  void place(const Field& field, ResultPlace& value, bool parts) override {
    read_place(field, value, parts, kRequired);
  }
  void optional_place(const Field& field, ResultPlace& value) override {
    read_place(field, value, false, ObjectReader::Presence::kOptional);
  }
  void order(const Field& field, GemmOrder& value) override {
    const JsonValue* list = object_->get(field.name, kRequired);
    if (list == nullptr) return;
    const std::string pointer = object_->pointer_to(field.name);
    Diagnostics& diagnostics = object_->diagnostics();
    if (list->type() != JsonValue::Type::kArray || list->items().size() != value.size())
      return diagnostics.add(
          pointer, "expected a list of rows, columns and contraction, outermost first, found " + describe(*list));
    std::set<int> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      int index = 0;
      const std::string at = pointer_of(pointer, i);
      if (!read_choice(list->items()[i], at, enum_names<GemmLoop>(), diagnostics, index)) return;
      if (!seen.insert(index).second)
        return diagnostics.add(at, "expected each loop once, found " + describe(list->items()[i]) + " again");
      value[i] = static_cast<GemmLoop>(index);
    }
  }
  void group(const Field& field, const Fields& fields) override {
    const JsonValue* value = object_->get(field.name, kRequired);
    if (value == nullptr) return;
    ObjectReader inner(*value, object_->pointer_to(field.name), object_->diagnostics());
    ObjectReader* const outer = std::exchange(object_, &inner);
    fields();
    inner.finish();
    object_ = outer;
  }

 private:
  void read_word(const Field& field, bool& value, const std::vector<std::string>& words,
                 ObjectReader::Presence presence) {
    int index = value ? 1 : 0;
    object_->choice(field.name, index, words, presence);
    value = index == 1;
  }
  void read_place(const Field& field, ResultPlace& value, bool parts, ObjectReader::Presence presence) {
    auto index = static_cast<int>(value);
    object_->choice(field.name, index, places(parts), presence);
    value = static_cast<ResultPlace>(index);
  }
  static constexpr ObjectReader::Presence kRequired = ObjectReader::Presence::kRequired;
  ObjectReader* object_;
};

LayerMapping read_layer(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  ObjectReader object(value, pointer, diagnostics);
  int form = 0;
  if (!object.is_object() || !object.choice("form", form, form_names(), ObjectReader::Presence::kRequired)) return {};
  LayerMapping mapping = forms()[static_cast<std::size_t>(form)].mapping;
  Reader reader(object);
  visit(reader, mapping);
  object.finish();
  return mapping;
}

using Json = nlohmann::ordered_json;

class Schema : public Visitor {
 public:
  Json take() {
    return {{"type", "object"},
            {"properties", std::move(properties_)},
            {"required", std::move(required_)},
            {"additionalProperties", false}};
  }
  void constant(const char* name, const char* value) { add({name, ""}, {{"const", value}}); }

  void integer(const Field& field, int&, int low, int high) override {
    add(field, {{"type", "integer"}, {"minimum", low}, {"maximum", high}});
  }
  void boolean(const Field& field, bool&) override { add(field, {{"type", "boolean"}}); }
  void word(const Field& field, bool&, const std::vector<std::string>& words) override {
    add(field, {{"enum", words}});
  }
  void option(const Field& field, bool&, const std::vector<std::string>& words) override {
    add(field, {{"enum", words}});
    required_.erase(required_.size() - 1);
  }
  void place(const Field& field, ResultPlace&, bool parts) override { add(field, {{"enum", places(parts)}}); }
  void optional_place(const Field& field, ResultPlace& value) override {
    place(field, value, false);
    required_.erase(required_.size() - 1);
  }
  void order(const Field& field, GemmOrder& value) override {
    add(field, {{"type", "array"},
                {"items", {{"enum", enum_names<GemmLoop>()}}},
                {"uniqueItems", true},
                {"minItems", value.size()},
                {"maxItems", value.size()}});
  }
  void group(const Field& field, const Fields& fields) override {
    Schema inner;
    std::swap(inner.properties_, properties_), std::swap(inner.required_, required_);
    fields();
    Json made = take();
    properties_ = std::move(inner.properties_), required_ = std::move(inner.required_);
    add(field, std::move(made));
  }

 private:
  void add(const Field& field, Json value) {
    if (*field.meaning != 0) value["description"] = field.meaning;
    properties_[field.name] = std::move(value);
    required_.push_back(field.name);
  }
  Json properties_ = Json::object(), required_ = Json::array();
};

// Names that a file may use, of a model's layers: of a batch also those of the layers of one image.
std::vector<std::string> layer_names(const VitModel& model) {
  std::set<std::string> names;
  for (const Layer& layer : model.layers) {
    names.insert(layer.name);
    if (!layer.shared_parameters.empty()) names.insert(layer.shared_parameters);
  }
  return {names.begin(), names.end()};
}

}  // namespace

std::string write_json(const LayerMapping& mapping) {
  if (std::holds_alternative<NoMapping>(mapping)) return "";
  Writer writer(form_name(mapping));
  LayerMapping copy = mapping;  // visitors take references, because the reader writes through them
  visit(writer, copy);
  return writer.take();
}

std::string write_json(const MappingFile& file) {
  std::string text =
      "{\n  \"machine\": " + json_string(file.machine) + ",\n  \"workload\": " + json_string(file.workload) +
      (file.batch_order.empty() ? "" : ",\n  \"batch_order\": " + json_string(file.batch_order)) +
      (file.scratchpad_kib == 0 ? "" : ",\n  \"scratchpad_kib\": " + std::to_string(file.scratchpad_kib)) +
      ",\n  \"layers\": {";
  const char* separator = "\n";
  for (const auto& [name, object] : file.layers) {
    if (object.empty()) continue;
    text += separator + std::string("    ") + json_string(name) + ": " + object;
    separator = ",\n";
  }
  return text + "\n  }\n}\n";
}

GivenMapping read_mapping(const JsonValue& document, const VitModel* model, Diagnostics& diagnostics) {
  GivenMapping given;
  given.file = diagnostics.file();
  ObjectReader top(document, "", diagnostics);
  std::string ignored;
  for (const char* key : {"$schema", "machine", "workload"}) top.text(key, ignored);
  int order = 0;
  if (top.choice("batch_order", order, enum_names<BatchOrder>())) given.batch_order = static_cast<BatchOrder>(order);
  top.integer("scratchpad_kib", given.scratchpad_kib, 1, kMostKib);
  const JsonValue* layers = top.get("layers", ObjectReader::Presence::kRequired);
  top.finish();
  if (layers == nullptr) return given;
  if (layers->type() != JsonValue::Type::kObject) {
    diagnostics.add("/layers", "expected an object of mappings by layer, found " + describe(*layers));
    return given;
  }
  const std::vector<std::string> names = model == nullptr ? std::vector<std::string>() : layer_names(*model);
  for (const auto& [key, value] : layers->members()) {
    if (diagnostics.full()) break;
    const std::string name(key), pointer = pointer_of("/layers", name);
    if (model != nullptr && !std::binary_search(names.begin(), names.end(), name))
      diagnostics.add(pointer, "no layer of workload " + model->name + " has this name" + suggestion(name, names));
    given.layers[name] = read_layer(value, pointer, diagnostics);
  }
  return given;
}

std::string mapping_schema() {
  Json kinds = Json::array();
  for (const Form& form : forms()) {
    Schema schema;
    schema.constant("form", form_name(form.mapping));
    LayerMapping copy = form.mapping;
    visit(schema, copy);
    Json kind = {{"description", form.meaning}};
    kind.update(schema.take());
    kinds.push_back(std::move(kind));
  }
  const auto text = [](const char* meaning) { return Json{{"type", "string"}, {"description", meaning}}; };
  const Json layers = {{"description", "By the layer's name; the search maps a layer that is left out."},
                       {"type", "object"},
                       {"additionalProperties", {{"$ref", "#/$defs/layer"}}}};
  const Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                     {"title", "Mapping of vitality"},
                     {"description", "How the layers of a workload run on a machine."},
                     {"type", "object"},
                     {"properties",
                      {{"$schema", text("Where an editor finds the schema; not read.")},
                       {"machine", text("For people: the machine that it was written for; not read.")},
                       {"workload", text("For people: the model that it was written for; not read.")},
                       {"batch_order",
                        {{"enum", enum_names<BatchOrder>()},
                         {"description",
                          "Of a batch: whether all layers of an image come first, or a layer of all images; the search "
                          "decides if it is left out."}}},
                       {"scratchpad_kib",
                        {{"type", "integer"},
                         {"minimum", 1},
                         {"maximum", kMostKib},
                         {"description", "The part of the scratchpad that the mapping uses. Without: all of it."}}},
                       {"layers", layers}}},
                     {"required", {"layers"}},
                     {"additionalProperties", false},
                     {"$defs", {{"layer", {{"oneOf", std::move(kinds)}}}}}};
  return json.dump(2) + "\n";
}

}  // namespace vitality
