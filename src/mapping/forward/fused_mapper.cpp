// Two layers in turn (fused_plans.h): their buffers side by side, and the iterations of their outermost loops one after
// the other.
#include <array>

#include "base/error.h"
#include "mapping/forward/attention_mapper.h"
#include "mapping/forward/fused_plans.h"
#include "mapping/forward/input_stationary_mapper.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

// Buffers of two layers and of what lies between them, side by side.
std::array<std::vector<BufferId>, 3> allocate_together(MappingContext& context, const std::string& what,
                                                       const std::array<std::vector<Bytes>, 3>& sizes) {
  std::vector<Bytes> all;
  for (const std::vector<Bytes>& each : sizes) all.insert(all.end(), each.begin(), each.end());
  const std::vector<BufferId> buffers = context.builder.allocate(all, what);
  std::array<std::vector<BufferId>, 3> split;
  auto next = buffers.begin();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto end = next + static_cast<std::ptrdiff_t>(sizes[i].size());
    split[i].assign(next, end);
    next = end;
  }
  return split;
}

int last_layer(const GemmLayer& gemm) {
  return gemm.epilogue.empty() ? gemm.layer : gemm.epilogue.back().layer;
}

std::vector<Bytes> repeated(const std::vector<Bytes>& sizes, int times) {
  std::vector<Bytes> all;
  for (int i = 0; i < times; ++i) all.insert(all.end(), sizes.begin(), sizes.end());
  return all;
}

// Of plans that a file gives; the search has found that its own fit.
[[noreturn]] void refuse_parts(const MappingContext& context, int layer) {
  const GivenMapping* const given = context.options->given;
  throw InfeasibleError((given == nullptr ? "" : given->file + ": ") + "layer " + context.layer(layer).name +
                        ": its buffers, those of the next layer and the results between them do not fit the "
                        "scratchpad of " +
                        std::to_string(context.builder.capacity()) + " bytes (scratchpad.capacity_kib)");
}

// The laws of two layers of a mapping file that work in turn.
void check_loop(const MappingContext& context, int layer, const InputStationaryMapping* given, GemmLoop outermost) {
  if (given != nullptr && given->order[0] != outermost)
    refuse_given(context, layer, "loop_order",
                 std::string("expected \"") + to_string(outermost) +
                     "\" as the outermost loop, whose iterations this layer and its neighbour do in turn, found \"" +
                     to_string(given->order[0]) + "\"");
}
void check_in_flight(const MappingContext& context, int layer, const InputStationaryMapping* given) {
  if (given != nullptr && (given->out_sets < 1 || given->out_sets > 2))
    refuse_given(context, layer, "result_buffers",
                 "expected 1 or 2 parts in flight, found " + std::to_string(given->out_sets));
}

}  // namespace

void map_row_parts(MappingContext& context, const GemmLayer& first, const Gemm& first_gemm, const GemmLayer& second,
                   const Gemm& second_gemm) {
  const int between = last_layer(first), end = last_layer(second);
  InputStationaryMapper producer(context, first.layer, first_gemm, first.epilogue, first.output),
      consumer(context, second.layer, second_gemm, second.epilogue, second.output);
  std::vector<ResidentTile>& tiles = context.resident[between] = context.residence(between).tiles;
  producer.describe(), consumer.describe();
  make_resident(context, end);
  const GivenGemms given{producer.given(), consumer.given()};
  producer.check(), consumer.check();
  check_loop(context, first.layer, given.first, GemmLoop::kRows);
  check_loop(context, second.layer, given.second, GemmLoop::kRows);
  check_in_flight(context, first.layer, given.first);
  if (given.first != nullptr && given.second != nullptr && given.first->m_tile != given.second->m_tile)
    refuse_given(context, second.layer, "row_tile",
                 "expected " + std::to_string(given.first->m_tile) +
                     ", the rows that the layer before makes at a time, found " + std::to_string(given.second->m_tile));
  const auto plan = plan_row_parts(context, producer.problem(), consumer.problem(), context.builder.capacity(), given);
  if (!plan) refuse_parts(context, first.layer);
  const int rows = plan->first.m_tile, in_flight = plan->first.out_sets;
  const std::vector<Bytes> first_buffers = producer.start(plan->first), second_buffers = consumer.start(plan->second);
  const auto buffers = allocate_together(
      context,
      "what layers " + context.layer(first.layer).name + " and " + context.layer(second.layer).name + " do in turn",
      {first_buffers, second_buffers, repeated(row_part(producer.problem(), rows), in_flight)});
  producer.take_buffers(buffers[0]), consumer.take_buffers(buffers[1]);
  for (int part = 0; part < producer.iterations(); ++part) {
    for (std::size_t i = 0; i < tiles.size(); ++i)
      tiles[i].buffer = buffers[2][static_cast<std::size_t>(part % in_flight) * tiles.size() + i];
    producer.begin_part_of_results(part * rows), consumer.begin_part_of_rows(part * rows);
    producer.emit_iteration(part), consumer.emit_iteration(part);
  }
  context.resident.erase(between);
}

void map_head_parts(MappingContext& context, const GemmLayer& first, const Gemm& gemm, int attention_layer,
                    TensorId output) {
  const int between = last_layer(first);
  const Residence& residence = context.residence(between);
  InputStationaryMapper producer(context, first.layer, gemm, first.epilogue, first.output);
  AttentionMapper attention(context, attention_layer, context.attention_kind(attention_layer), nullptr, output);
  producer.describe();
  make_resident(context, attention_layer);
  producer.check();
  const GivenHeads given{producer.given(), attention.given_in_place()};
  check_loop(context, first.layer, given.first, GemmLoop::kColumns);
  check_in_flight(context, first.layer, given.first);
  if (given.first != nullptr && given.first->n_group != 1)
    refuse_given(context, first.layer, "column_group",
                 "expected 1, because Q, K and V of a head are made one after the other, found " +
                     std::to_string(given.first->n_group));
  const std::vector<Bytes> part(residence.bytes.begin(), residence.bytes.begin() + kTilesOfHead);
  const auto plan =
      plan_head_parts(context, producer.problem(), part, attention_layer, context.builder.capacity(), given);
  if (!plan) refuse_parts(context, first.layer);
  const std::vector<Bytes> first_buffers = producer.start(plan->first),
                           second_buffers = attention.start_in_place(plan->second);
  const int in_flight = plan->first.out_sets;
  const auto buffers = allocate_together(
      context,
      "what layers " + context.layer(first.layer).name + " and " + context.layer(attention_layer).name + " do in turn",
      {first_buffers, second_buffers, repeated(part, in_flight)});
  producer.take_buffers(buffers[0]), attention.take_buffers(buffers[1]);
  std::vector<ResidentTile>& tiles = context.resident[between] = residence.tiles;
  for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].buffer = buffers[2][i % buffers[2].size()];
  for (int column = 0; column < producer.iterations(); ++column) {
    producer.emit_iteration(column);
    if ((column + 1) % kTilesOfHead == 0) attention.map_head(column / kTilesOfHead);
  }
  context.resident.erase(between);
}

}  // namespace vitality
