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
  keys.top = {
      schema_reference(),
      text_key("name").optional().means("For people; not read."),
      text_key("description").optional().means("For people; not read."),
      text_key("base").means("The machine that the axes change: a config's file or name."),
      other_key("workloads", texts + R"(,"minItems":1,"uniqueItems":true})")
          .means("Models, by file or name; every design makes a row for each of them."),
      text_key("mapping").optional().means(
          "A file of `run --mapping-out`, whose values axes change; the search maps what it leaves out."),
      reference("axes").means(
          "Config keys, sizes of the models (`workload.*`), pointers into the mapping, `batch`, `mode` or named "
          "choices, with the values that they "
          "take; a string ties a key to other axes."),
      reference("sampler").optional().means("Which designs are run; without it all of the grid."),
      other_key("constraints", texts + "}")
          .optional()
          .means("Expressions over config keys, totals and `workload`; a row that breaks one is infeasible."),
      reference("objectives")
          .optional()
          .means("Totals, config keys or expressions over them to min or max; without it the least latency_ms "
                 "and energy_mj."),
      choice_key("numerics", {"off", "check"})
          .optional()
          .means("check: values are computed and compared; without it off."),
      number_key("point_time_limit_s", 0, 1e7)
          .optional()
          .means("Then a point is killed and recorded as timeout; 0: none; without it 600.", "s"),
      integer_key("point_memory_limit_mib", 0, 1 << 30)
          .optional()
          .means("Address space of a point; 0 or without it: no limit.", "MiB")};
  keys.range = {number_key("from", -1e15, 1e15).means("The first value."),
                number_key("to", -1e15, 1e15)
                    .means("The last value; both whole: all values are rounded to whole numbers, each once."),
                integer_key("steps", 1, kMaxSweepRows).means("How many values.", "values"),
                choice_key("scale", {"linear", "log2", "log10"})
                    .optional()
                    .means("Equal distances, or equal ratios; without it linear.")};
  return keys;
}

}  // namespace

const SweepKeys& sweep_keys() {
  static const SweepKeys keys = make_keys();
  return keys;
}

const std::vector<std::string>& sampler_names() {
  static const std::vector<std::string> names{"grid", "random", "latin_hypercube", "nsga2", "given", "sms_ego"};
  return names;
}

JsonKeys sampler_keys(SamplerKind kind) {
  constexpr double kLargestSeed = 9007199254740992.0;  // 2^53: above it a JSON number does not name exactly one integer
  if (kind == SamplerKind::kGiven)
    return {other_key("designs", R"({"type":"array","minItems":1,"items":{"type":"array","minItems":1,)"
                                 R"("items":{"type":["number","string","boolean"]}}})")
                .means("Lists of values, one for each axis in the axes' order.")};
  const JsonKey points = integer_key("points", 1, kMaxSweepRows)
                             .means("Designs that are drawn; of nsga2 and sms_ego the budget.", "designs");
  JsonKeys keys{
      kind == SamplerKind::kGrid ? points.optional() : points,
      number_key("seed", 0, kLargestSeed).optional().means("The same seed draws the same designs; without it 1.")};
  if (kind == SamplerKind::kNsga2) {
    keys.push_back(
        integer_key("population", 4, 10000).optional().means("Designs of a generation; without it 64.", "designs"));
    keys.push_back(
        number_key("crossover", 0, 1).optional().means("Probability of mixing two parents; without it 0.9.", "1"));
    keys.push_back(number_key("mutation", 0, 1)
                       .optional()
                       .means("Probability of changing an index; 0 or without it: 1 / axes.", "1"));
  }
  if (kind == SamplerKind::kSmsEgo)
    keys.push_back(
        integer_key("population", 1, 1000).optional().means("Designs asked for at a time; without it 8.", "designs"));
  return keys;
}

}  // namespace vitality
