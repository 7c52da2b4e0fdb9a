#include "explore/sweep_keys.h"

#include "explore/sweep_spec.h"

namespace vitality {
namespace {

// A reference to a part of the schema in sweep_schema_json.cpp.
JsonKey reference(const std::string& name) {
  return other_key(name, R"({"$ref":"#/$defs/)" + name + "\"}");
}

SweepKeys make_keys() {
  const std::string texts = R"({"type":"array","items":{"type":"string"})";
  SweepKeys keys;
  keys.top = {schema_reference(),
              text_key("name").optional(),
              text_key("description").optional(),
              text_key("base"),
              other_key("workloads", texts + R"(,"minItems":1,"uniqueItems":true})"),
              reference("axes"),
              reference("sampler").optional(),
              other_key("constraints", texts + "}").optional(),
              reference("objectives").optional(),
              choice_key("numerics", {"off", "check"}).optional(),
              number_key("point_time_limit_s", 0, 1e7).optional(),
              integer_key("point_memory_limit_mib", 0, 1 << 30).optional()};
  keys.range = {number_key("from", -1e15, 1e15), number_key("to", -1e15, 1e15), integer_key("steps", 1, kMaxSweepRows),
                choice_key("scale", {"linear", "log2", "log10"}).optional()};
  return keys;
}

}  // namespace

const SweepKeys& sweep_keys() {
  static const SweepKeys keys = make_keys();
  return keys;
}

const std::vector<std::string>& sampler_names() {
  static const std::vector<std::string> names{"grid", "random", "latin_hypercube", "nsga2", "given"};
  return names;
}

JsonKeys sampler_keys(SamplerKind kind) {
  constexpr double kLargestSeed = 9007199254740992.0;  // 2^53: above it a JSON number does not name exactly one integer
  if (kind == SamplerKind::kGiven)
    return {other_key("designs", R"({"type":"array","minItems":1,"items":{"type":"array","minItems":1,)"
                                 R"("items":{"type":["number","string","boolean"]}}})")};
  const JsonKey points = integer_key("points", 1, kMaxSweepRows);
  JsonKeys keys{kind == SamplerKind::kGrid ? points.optional() : points,
                number_key("seed", 0, kLargestSeed).optional()};
  if (kind == SamplerKind::kNsga2) {
    keys.push_back(integer_key("population", 4, 10000).optional());
    keys.push_back(number_key("crossover", 0, 1).optional());
    keys.push_back(number_key("mutation", 0, 1).optional());
  }
  return keys;
}

}  // namespace vitality
