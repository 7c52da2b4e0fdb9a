#include "mapping/forward/given_mapping.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace vitality {
namespace {

// The name under which the file has the layer: its own or, of an image of a batch, that of the layer in the model.
const std::string& name_in_file(const MappingContext& context, int layer) {
  const Layer& l = context.layer(layer);
  return context.options->given->layers.count(l.name) > 0 ? l.name : l.shared_parameters;
}

std::string pointer_to(const MappingContext& context, int layer, const std::string& key) {
  const std::string object = pointer_of("/layers", name_in_file(context, layer));
  return key.empty() ? object : object + "/" + key;
}

// Buffers of an operand, whose sweep has so many tiles.
void check_operand(const MappingContext& context, int layer, const std::string& key, const OperandBuffers& buffers,
                   int sweep) {
  if (buffers.sets == 0 && buffers.kept < sweep)
    refuse_given(context, layer, key + "/buffers",
                 "expected 1 or more, because " + std::to_string(sweep - buffers.kept) + " of the " +
                     std::to_string(sweep) + " tiles of a sweep are not kept, found 0");
}

}  // namespace

const LayerMapping* given_mapping(const MappingContext& context, int layer) {
  if (context.options == nullptr || context.options->given == nullptr) return nullptr;
  const auto& layers = context.options->given->layers;
  const auto found = layers.find(name_in_file(context, layer));
  return found == layers.end() ? nullptr : &found->second;
}

void refuse_given(const MappingContext& context, int layer, const std::string& key, const std::string& message) {
  throw InputError(context.options->given->file, pointer_to(context, layer, key), message);
}

void check_limits(const MappingContext& context, int layer, const std::vector<GivenLimit>& limits) {
  for (const GivenLimit& limit : limits)
    if (limit.value > limit.most)
      refuse_given(context, layer, limit.key,
                   "expected at most " + std::to_string(limit.most) + " (" + limit.reason + "), found " +
                       std::to_string(limit.value));
}

void check_passes(const MappingContext& context, int layer, double passes) {
  constexpr double kMost = 1 << 24;  // 4 GB of jobs
  if (passes > kMost)
    refuse_given(context, layer, "",
                 "expected tiles that take at most 16777216 passes, found tiles that take " + json_number(passes));
}

void check_room(const MappingContext& context, int layer, Bytes needed, Bytes capacity) {
  if (needed > capacity)
    throw InfeasibleError(context.options->given->file + ": " + pointer_to(context, layer, "") + ": needs " +
                          std::to_string(needed) + " bytes of buffers, the scratchpad has " + std::to_string(capacity) +
                          " (scratchpad.capacity_kib)");
}

void check_source(const MappingContext& context, int layer, const std::string& key, int buffers, bool on_chip) {
  if (on_chip && buffers > 0)
    refuse_given(
        context, layer, key,
        "expected 0, because the layer before leaves this operand in the scratchpad, found " + std::to_string(buffers));
  if (!on_chip && buffers == 0)
    refuse_given(context, layer, key, "expected 1 or more, because this operand comes from memory, found 0");
}

void check_columns(const MappingContext& context, int layer, const std::vector<int>& columns, int given) {
  const int widest = *std::max_element(columns.begin(), columns.end());
  if (given != widest)
    refuse_given(context, layer, "tile_columns",
                 "expected " + std::to_string(widest) + ", as what takes the results divides them, found " +
                     std::to_string(given));
}

void check_given(const MappingContext& context, int layer, const GemmProblem& p, const InputStationaryMapping& m) {
  const MatrixEngineConfig& engine = context.config.matrix_engine;
  check_limits(context, layer,
               {{"tile_rows", m.tile_rows, engine.rows, "matrix_engine.rows"},
                {"tile_columns", m.tile_cols, engine.cols, "matrix_engine.cols"},
                {"row_tile", m.m_tile, p.m, "the rows of the layer"}});
  if (!p.column_cuts) check_columns(context, layer, p.columns, m.tile_cols);
  if (m.m_tile % p.row_unit != 0)
    refuse_given(context, layer, "row_tile",
                 "expected a multiple of " + std::to_string(p.row_unit) + " (a row of the output image), found " +
                     std::to_string(m.m_tile));
  const std::size_t columns = p.column_cuts ? cut_tiles(p.columns, m.tile_cols).size() : p.columns.size(),
                    contraction = cut_tiles(p.contraction, m.tile_rows).size();
  check_passes(context, layer,
               static_cast<double>(p.images * ceil_div(p.m, m.m_tile)) * static_cast<double>(columns) *
                   static_cast<double>(contraction));
  check_limits(
      context, layer,
      {{"column_group", m.n_group, static_cast<std::int64_t>(columns), "tiles along the columns"},
       {"contraction_group", m.k_group, static_cast<std::int64_t>(contraction), "tiles along the contraction"}});
  const GemmEstimator estimator(p, context.config, context.prices, 0, context.dram_bytes_per_cycle());
  const GemmLoops loops = estimator.loops(m);
  check_source(context, layer, "streamed/buffers", m.streamed.kept + m.streamed.sets, p.streamed_on_chip);
  if (!p.streamed_on_chip) check_operand(context, layer, "streamed", m.streamed, loops.streamed_sweep);
  check_operand(context, layer, "stationary", m.stationary, loops.stationary_sweep);
  if (m.out_sets == 0 && !estimator.can_place_results_in_sums(loops))
    refuse_given(context, layer, "result_buffers",
                 "expected at least 1, because there are no partial sums whose place the results could take, found 0");
  check_room(context, layer, estimator.bytes_of(m, loops), context.builder.capacity());
}

void check_place(const MappingContext& context, int layer, ResultPlace given, const Residence& found) {
  if (given == found.place) return;
  const std::string expected = std::string("expected \"") + to_string(found.place) + "\", because ",
                    but = std::string(", found \"") + to_string(given) + "\"";
  const char* const reason =
      context.config.mapping.residency == MappingResidency::kLayer ? "mapping.residency is layer"
      : found.place == ResultPlace::kMemory
          ? "no layer behind this one can take its results from the scratchpad, or there is no room for them"
          : "that is where the layers behind this one find its results";
  refuse_given(context, layer, "results", expected + reason + but);
}

std::optional<GivenPlace> given_place(const MappingContext& context, int layer) {
  const LayerMapping* mapping = given_mapping(context, layer);
  if (mapping == nullptr) return std::nullopt;
  if (const auto* gemm = std::get_if<InputStationaryMapping>(mapping)) return GivenPlace{gemm->results, gemm->high_end};
  if (const auto* gemm = std::get_if<OutputStationaryMapping>(mapping))
    return GivenPlace{gemm->results, gemm->high_end};
  if (const auto* attention = std::get_if<AttentionMapping>(mapping))
    return GivenPlace{attention->results, attention->high_end};
  if (const auto* uncharged = std::get_if<UnchargedMapping>(mapping))
    return GivenPlace{uncharged->results_stay ? ResultPlace::kScratchpad : ResultPlace::kMemory, uncharged->high_end};
  return std::nullopt;
}

std::optional<bool> takes_resident_operand(const MappingContext& context, int layer) {
  const LayerMapping* mapping = given_mapping(context, layer);
  if (mapping == nullptr) return std::nullopt;
  if (const auto* gemm = std::get_if<InputStationaryMapping>(mapping))
    return gemm->streamed.kept + gemm->streamed.sets == 0;
  if (const auto* gemm = std::get_if<OutputStationaryMapping>(mapping)) return gemm->rows_on_chip;
  // Results in the scratchpad are computed from what lies there; those in memory from either.
  if (const auto* uncharged = std::get_if<UnchargedMapping>(mapping); uncharged != nullptr && !uncharged->results_stay)
    return std::nullopt;
  return std::holds_alternative<UnchargedMapping>(*mapping);
}

bool leaves_epilogue(const MappingContext& context, int layer) {
  const LayerMapping* mapping = given_mapping(context, layer);
  return mapping != nullptr && !std::holds_alternative<EpilogueMapping>(*mapping) &&
         !std::holds_alternative<FoldedMapping>(*mapping);
}

}  // namespace vitality
