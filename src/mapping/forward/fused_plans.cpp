#include "mapping/forward/fused_plans.h"

#include <algorithm>

namespace vitality {
namespace {

Bytes bytes_of(const MappingContext& context, const GemmProblem& problem, const InputStationaryMapping& plan) {
  const GemmEstimator estimator(problem, context.config, context.prices, 0, context.dram_bytes_per_cycle());
  return estimator.bytes_of(plan, estimator.loops(plan));
}

// The problem of one of both layers. rows: of a row tile; 0: any number.
GemmProblem in_parts(GemmProblem problem, GemmLoop outermost, int rows) {
  problem.outermost = outermost, problem.fixed_rows = rows;
  return problem;
}

double fused_score(const MappingContext& context, const PlanEstimate& first, const PlanEstimate& second) {
  return context.score()(first.cycles + second.cycles, first.energy_pj + second.energy_pj,
                         first.dram_bytes + second.dram_bytes);
}

// Parts in flight that are tried. A given number that cannot be is refused when its layer is mapped.
std::vector<int> in_flight_of(const InputStationaryMapping* given) {
  if (given == nullptr) return {2, 1};
  return {std::clamp(given->out_sets, 1, 2)};
}

// A given plan, with no estimates.
GemmPlan as_plan(const InputStationaryMapping& given) {
  GemmPlan plan{};
  static_cast<InputStationaryMapping&>(plan) = given;
  return plan;
}

// With one place for parts, the array waits in each turn until the last tile of a part has drained and has gone through
// its epilogue.
void add_turns(const MappingContext& context, GemmPlan& plan, double parts, int rows) {
  if (plan.out_sets > 1) return;
  const MatrixEngineConfig& engine = context.config.matrix_engine;
  const double cycles = parts * (engine.rows + engine.cols + rows);
  plan.cycles += cycles;
  plan.energy_pj += cycles * context.prices.idle_per_cycle();
}

// Whether weights that the scratchpad cannot hold beside a part, and that each part needs again, are less than what
// stays there.
bool may_save(const GemmProblem& first, const GemmProblem& second, int rows, Bytes room) {
  const Bytes weights = first.element * (Bytes{first.k} * first.n + Bytes{second.k} * second.n),
              saved = 2 * first.element * first.m * first.n;
  const Bytes part = first.element * rows * first.n;
  return part < room && (ceil_div(first.m, rows) - 1) * std::max<Bytes>(0, weights + part - room) < saved;
}

class RowParts {
 public:
  RowParts(MappingContext& context, const GemmProblem& first, const GemmProblem& second, Bytes room,
           const GivenGemms& given)
      : context_(context), first_(first), second_(second), room_(room), given_(given) {}

  std::optional<FusedGemms> choose() {
    if (given_.first != nullptr || given_.second != nullptr) {
      try_rows((given_.first != nullptr ? given_.first : given_.second)->m_tile);
    } else {
      const int units = first_.m / first_.row_unit;
      for (int parts = 2, before = 0; parts <= units; parts += std::max(1, parts / 3)) {
        const int rows = static_cast<int>(ceil_div(units, parts)) * first_.row_unit;
        if (rows != before && may_save(first_, second_, rows, room_)) try_rows(rows);
        before = rows;
      }
    }
    return best_;
  }

 private:
  void try_rows(int rows) {
    const GemmProblem first = in_parts(first_, GemmLoop::kRows, rows),
                      second = in_parts(second_, GemmLoop::kRows, rows);
    const Bytes part = aligned_sum(row_part(first_, rows));
    for (const int in_flight : in_flight_of(given_.first)) {
      const Bytes left = room_ - in_flight * part;
      if (left <= 0) continue;
      const std::optional<GemmPlan> first_plan = given_.first != nullptr
                                                     ? std::optional(as_plan(*given_.first))
                                                     : context_.plan_gemm(first, room_of_first(left)).plan;
      if (!first_plan) continue;
      const std::optional<GemmPlan> second_plan =
          given_.second != nullptr ? std::optional(as_plan(*given_.second))
                                   : context_.plan_gemm(second, left - bytes_of(context_, first, *first_plan)).plan;
      if (second_plan) consider({*first_plan, *second_plan}, in_flight, rows);
    }
  }
  // Half of it, or what a given second layer leaves. The second layer has what the first one then leaves.
  Bytes room_of_first(Bytes left) const {
    return given_.second != nullptr ? left - bytes_of(context_, second_, *given_.second) : left / 2;
  }

  void consider(FusedGemms plan, int in_flight, int rows) {
    plan.first.out_sets = in_flight;
    add_turns(context_, plan.first, static_cast<double>(ceil_div(first_.m, rows)), rows);
    const double score = fused_score(context_, plan.first, plan.second);
    if (best_ && score >= best_score_) return;
    best_ = plan, best_score_ = score;
  }

  MappingContext& context_;
  const GemmProblem &first_, &second_;
  Bytes room_;
  GivenGemms given_;
  std::optional<FusedGemms> best_;
  double best_score_ = 0;
};

}  // namespace

std::vector<Bytes> row_part(const GemmProblem& first, int rows) {
  std::vector<Bytes> buffers;
  for (const int width : first.columns) buffers.push_back(first.element * rows * width);
  return buffers;
}

std::optional<FusedGemms> plan_row_parts(MappingContext& context, const GemmProblem& first, const GemmProblem& second,
                                         Bytes room, const GivenGemms& given) {
  if (given.first != nullptr || given.second != nullptr) return RowParts(context, first, second, room, given).choose();
  std::vector<std::int64_t> key = first.key(room);
  const std::vector<std::int64_t> other = second.key(room);
  key.insert(key.end(), other.begin(), other.end());
  const auto [known, is_new] = context.fused_gemms.try_emplace(std::move(key));
  if (is_new) known->second = RowParts(context, first, second, room, given).choose();
  return known->second;
}

namespace {

std::optional<FusedHeads> choose_head_parts(MappingContext& context, const GemmProblem& first,
                                            const std::vector<Bytes>& part, int attention_layer, Bytes room,
                                            const GivenHeads& given) {
  const GemmProblem problem = in_parts(first, GemmLoop::kColumns, 0);
  const auto heads = static_cast<double>(first.columns.size()) / kTilesOfHead;
  const auto& a = std::get<Attention>(context.layer(attention_layer).parameters);
  // Of plans with a given one that do not fit. Another residency may leave more room; if none does, it is refused where
  // its buffers are allocated.
  std::optional<FusedHeads> smallest;
  constexpr double kDoesNotFit = 1e15;  // cycles, pJ
  std::optional<FusedHeads> best;
  double best_score = 0;
  for (Bytes most = room; most > 0;) {
    const std::optional<AttentionInPlace> attention = attention_in_place(context, attention_layer, most, given.second);
    if (!attention) break;
    for (const int in_flight : in_flight_of(given.first)) {
      const Bytes left = room - attention->bytes - in_flight * aligned_sum(part);
      if (left <= 0) continue;
      // Smaller chunks of attention may leave the room that a given plan needs.
      if (given.first != nullptr && bytes_of(context, problem, *given.first) > left) {
        smallest = FusedHeads{as_plan(*given.first), attention->plan, kDoesNotFit, kDoesNotFit};
        smallest->first.out_sets = in_flight;
        continue;
      }
      std::optional<GemmPlan> plan =
          given.first != nullptr ? std::optional(as_plan(*given.first)) : context.plan_gemm(problem, left).plan;
      if (!plan) continue;
      plan->out_sets = in_flight;
      add_turns(context, *plan, heads, first.m);
      const AttentionEstimate& takes = attention->estimate;
      const double score = fused_score(context, *plan, {takes.waits, takes.energy_pj, takes.operand_bytes});
      if (best && score >= best_score) continue;
      best = FusedHeads{*plan, attention->plan, takes.waits, takes.energy_pj}, best_score = score;
    }
    // The sizes of chunks of softmax attention are many.
    const Bytes less = attention->plan.query_chunk < a.n_q ? attention->bytes * 3 / 4 : attention->bytes - 1;
    most = given.second != nullptr ? 0 : less;
  }
  return best ? best : smallest;
}

}  // namespace

std::optional<FusedHeads> plan_head_parts(MappingContext& context, const GemmProblem& first,
                                          const std::vector<Bytes>& part, int attention_layer, Bytes room,
                                          const GivenHeads& given) {
  if (given.first != nullptr || given.second != nullptr)
    return choose_head_parts(context, first, part, attention_layer, room, given);
  std::vector<std::int64_t> key = first.key(room);
  const std::vector<std::int64_t> attention = context.attention_key(attention_layer);
  key.insert(key.end(), attention.begin(), attention.end());
  const auto [known, is_new] = context.fused_heads.try_emplace(std::move(key));
  if (is_new) known->second = choose_head_parts(context, first, part, attention_layer, room, given);
  return known->second;
}

}  // namespace vitality
