#include "workload/workload_keys.h"

#include "workload/layer_json.h"

namespace vitality {
namespace {

// The parts of the schema that keys refer to are in workload_schema_json.cpp.
JsonKey reference(const std::string& name, const std::string& definition) {
  return other_key(name, R"({"$ref":"#/$defs/)" + definition + "\"}");
}

WorkloadKeys make_keys() {
  WorkloadKeys keys;
  keys.image = {integer_key("height", 1, kMaxImageSide).means("Height.", "pixels"),
                integer_key("width", 1, kMaxImageSide).means("Width.", "pixels"),
                integer_key("channels", 1, 1024).means("Channels.", "channels")};
  const JsonKey dims = reference("dims", "dims")
                           .optional()
                           .means(
                               "Sizes by name, for the expressions of sizes; those of a block may use the names around "
                               "it and those before them."),
                layers =
                    reference("layers", "items").means("Layers and uses of blocks, in the order of their execution."),
                name = reference("name", "name")
                           .means("Name, once in the model; {block} is the block's, {i} its repetition.");
  keys.top = {schema_reference(),
              text_key("name").means("Name in tables and results."),
              text_key("description").optional().means("For people; not read."),
              text_key("source").optional().means("Where the model comes from; not read."),
              other_key("image", object_schema(keys.image)).means("The input."),
              dims,
              other_key("blocks", R"({"type":"object","additionalProperties":{"$ref":"#/$defs/items"}})")
                  .optional()
                  .means("Layers that are used more than once, by name."),
              layers};
  keys.layer = {
      name, choice_key("kind", layer_kind_names()).means("Kind of layer."),
      other_key("inputs", R"({"type":"array","items":{"type":"string"},"minItems":1,"maxItems":)" +
                              std::to_string(kMaxInputs) + "}")
          .optional()
          .means(
              "Names of layers, \"image\", \"previous\", or in a block \"block_input\"; without it the layer before.")};
  keys.block = {
      text_key("block").optional().means("Name of the block that is used."), layers.optional(),
      size_key("repeat", 1, kMaxRepeat).optional().means("How often, one after the other; without it once.", "times"),
      dims, name.optional()};
  return keys;
}

}  // namespace

const WorkloadKeys& workload_keys() {
  static const WorkloadKeys keys = make_keys();
  return keys;
}

}  // namespace vitality
