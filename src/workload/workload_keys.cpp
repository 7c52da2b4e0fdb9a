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
  keys.image = {integer_key("height", 1, kMaxImageSide), integer_key("width", 1, kMaxImageSide),
                integer_key("channels", 1, 1024)};
  const JsonKey dims = reference("dims", "dims").optional(), layers = reference("layers", "items"),
                name = reference("name", "name");
  keys.top = {schema_reference(),
              text_key("name"),
              text_key("description").optional(),
              text_key("source").optional(),
              other_key("image", object_schema(keys.image)),
              dims,
              other_key("blocks", R"({"type":"object","additionalProperties":{"$ref":"#/$defs/items"}})").optional(),
              layers};
  keys.layer = {name, choice_key("kind", layer_kind_names()),
                other_key("inputs", R"({"type":"array","items":{"type":"string"},"minItems":1,"maxItems":)" +
                                        std::to_string(kMaxInputs) + "}")
                    .optional()};
  keys.block = {text_key("block").optional(), layers.optional(), size_key("repeat", 1, kMaxRepeat).optional(), dims,
                name.optional()};
  return keys;
}

}  // namespace

const WorkloadKeys& workload_keys() {
  static const WorkloadKeys keys = make_keys();
  return keys;
}

}  // namespace vitality
