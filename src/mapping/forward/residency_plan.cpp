#include "mapping/forward/residency_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/error.h"
#include "mapping/forward/fused_plans.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency_steps.h"

namespace vitality {
namespace {

using Step = ResidencyStep;
using Use = ResidencyUse;

// An output in the scratchpad, at a step.
struct Lot {
  int output, dies;  // dies: the last step that takes it from there
  ResultPlace place;
  ScratchpadEnd end;
  Bytes bytes;
};

struct Score {
  int violations = 0;  // of what a mapping from a file says
  int other_ends = 0;  // results at another end of the scratchpad than a file says
  double score = 0;
  ModelEstimate totals;  // not compared
  bool operator<(const Score& other) const {
    return std::tie(violations, other_ends, score) < std::tie(other.violations, other.other_ends, other.score);
  }
};

// A way through the steps up to one of them: the outputs that are then in the scratchpad, in the order in which they
// came.
struct State {
  std::vector<Lot> lots;
  Score score;
  std::size_t before = 0;  // the state that it follows
  Residence residence;     // of the step's results
  // The step leaves its results to the next one in parts. It is priced with that one, and what it takes from the
  // scratchpad stays until then.
  bool in_parts = false;
  bool in_turn = false;  // the tiles of the step's results are finished one after the other
  Bytes buffers = 0;     // of the step's plan
};

// What a step takes, and whether it finishes a column of its tiles after the other.
struct Price : PlanEstimate {
  bool in_turn = false;
};

class ResidencyPlanner {
 public:
  // For the first `layers` layers: of the whole model or of one image, or of each of `images` images, a layer of all of
  // them before the next.
  ResidencyPlanner(MappingContext& context, int layers, int images = 1)
      : context_(context),
        capacity_(context.builder.capacity()),
        prices_(context.prices),
        layers_(layers),
        images_(images),
        steps_(context, layers, images) {}

  // measure: null: the planner's own.
  std::vector<Residence> choose(const ModelEstimate* measure = nullptr) {
    if (!price_memory()) return {};
    if (measure != nullptr) memory_ = *measure;
    states_.assign(1, State{});
    begin_ = 0;
    for (step_ = 0; step_ < steps_.count(); ++step_) {
      known_.clear();
      const std::size_t end = states_.size();
      for (std::size_t state = begin_; state < end; ++state) extend(state);
      if (states_.size() == end) return {};
      begin_ = end;
    }
    return best_way();
  }

  // None: something does not fit.
  std::optional<ModelEstimate> estimate_in_memory() { return price_memory() ? std::optional(memory_) : std::nullopt; }

  const ModelEstimate& in_memory() const { return memory_; }
  // Of the way that was chosen, for one image.
  ModelEstimate estimate() const {
    const ModelEstimate& all = states_[best_].score.totals;
    return {all.cycles / images_, all.energy_pj / images_, all.dram_bytes / images_};
  }
  bool is_better_than(const ResidencyPlanner& other) const {
    Score one = states_[best_].score, another = other.states_[other.best_].score;
    one.score /= images_, another.score /= other.images_;
    return one < another;
  }

 private:
  const Layer& layer(int index) const { return context_.layer(index); }
  const Step& step() const { return steps_.at(step_); }
  const std::vector<Use>& uses(int output) const { return steps_.uses(output); }

  // --- Prices.

  // streamed: of a GEMM, the tiles that it takes from the scratchpad. in_place: of attention.
  std::optional<Price> price(const Step& step, const std::vector<ResidentTile>* streamed,
                             const OperandsInPlace& in_place, const Residence& results, Bytes room) {
    switch (step.kind) {
      case StepKind::kGemm:
        return price_gemm(step, streamed, results, room);
      case StepKind::kAttention: {
        const std::optional<AttentionEstimate>& attention = attention_estimate(step.first, room, in_place);
        if (!attention) return std::nullopt;
        return price_attention(step, *attention, results);
      }
      case StepKind::kUncharged:
        return Price{};
      case StepKind::kOther:
        if (room < step.smallest_room) return std::nullopt;
        return Price{};
    }
    return std::nullopt;
  }

  Price price_attention(const Step& step, const AttentionEstimate& takes, const Residence& results) const {
    const MatrixShape shape = output_shape(layer(step.last));
    const Bytes written =
        results.place == ResultPlace::kScratchpad ? 0 : context_.element_bytes() * shape.rows * shape.cols;
    Price plan;
    plan.cycles = images_ * takes.waits;
    plan.buffers = takes.buffers;
    plan.dram_bytes = images_ * (takes.operand_bytes + written);
    plan.energy_pj = images_ * (takes.energy_pj + static_cast<double>(written) * prices_.dram_per_byte());
    return plan;
  }

  std::optional<Price> price_gemm(const Step& step, const std::vector<ResidentTile>* streamed, const Residence& results,
                                  Bytes room) {
    const GemmProblem problem = in_place(step, streamed, results);
    if (context_.holds_results(problem, room)) return Price{*context_.plan_output_stationary(problem, room).plan};
    const std::optional<GemmPlan>& plan = context_.plan_gemm(problem, room).plan;
    return plan ? std::optional(Price{*plan, finishes_in_turn(*plan, problem.m)}) : std::nullopt;
  }

  bool finishes_in_turn(const InputStationaryMapping& plan, int rows) const {
    const bool whole_rows = images_ == 1 && plan.m_tile >= rows;
    return plan.order[0] == GemmLoop::kColumns ||
           (whole_rows && inside(plan.order, GemmLoop::kContraction, GemmLoop::kColumns));
  }

  GemmProblem in_place(const Step& step, const std::vector<ResidentTile>* streamed, const Residence& results) const {
    if (streamed == nullptr && results.tiles.empty()) return step.problem;
    return with_residence(step.problem,
                          tiles_in_place(step.gemm, context_.config.matrix_engine, streamed, results.tiles),
                          streamed != nullptr, results);
  }

  const std::optional<AttentionEstimate>& attention_estimate(int index, Bytes room, const OperandsInPlace& in_place) {
    std::vector<std::int64_t> key = context_.attention_key(index);
    key.insert(key.end(), {room, in_place.number()});
    const auto [known, is_new] = attention_.try_emplace(std::move(key));
    if (is_new) known->second = estimate_attention(context_, index, room, in_place);
    return known->second;
  }

  static void add(ModelEstimate& sum, const PlanEstimate& plan) {
    sum.cycles += plan.cycles, sum.energy_pj += plan.energy_pj;
    sum.dram_bytes += static_cast<double>(plan.dram_bytes);
  }

  // False if something does not fit.
  bool price_memory() {
    for (const Step& step : steps_.all()) {
      const std::optional<Price> plan = price(step, nullptr, {}, {}, capacity_);
      if (!plan && step.kind != StepKind::kOther) return false;
      if (plan) add(memory_, *plan);
    }
    return true;
  }

  // Layers add up, so the product of both totals is made small by the sum of both as shares of the totals.
  double score(const PlanEstimate& plan) const {
    if (context_.config.mapping.objective == MappingObjective::kEdp)
      return plan.cycles / std::max(1.0, memory_.cycles) + plan.energy_pj / std::max(1.0, memory_.energy_pj);
    return context_.score()(plan);
  }

  // --- The search.

  // The output that the step takes from the scratchpad, in this way.
  const Lot* taken(const std::vector<Lot>& lots, ReadAs as) const { return taken_by(step_, lots, as); }
  const Lot* taken_by(int step, const std::vector<Lot>& lots, ReadAs as) const {
    for (const Lot& lot : lots)
      for (const Use& use : uses(lot.output))
        if (use.step == step && use.as == as && use.able && (as != ReadAs::kAdded || lot.dies == step)) return &lot;
    return nullptr;
  }

  // The operands of attention that it does.
  OperandsInPlace in_place(const std::vector<Lot>& lots) const {
    OperandsInPlace here;
    const auto* a = std::get_if<Attention>(&layer(step().first).parameters);
    if (a == nullptr) return here;
    const std::vector<int>& inputs = layer(step().first).inputs;
    for (const Lot& lot : lots) {
      const auto is_in = [&](const HeadColumns& from) {
        return inputs[static_cast<std::size_t>(from.input)] == lot.output;
      };
      here = {here.k || is_in(a->k), here.v || is_in(a->v), here.q || is_in(a->q)};
    }
    return here;
  }

  // The tiles of the step's results if they have places of their own.
  std::vector<ResidentTile> own_tiles() const {
    const std::optional<AttentionInput> reader = steps_.attention_that_reads(step().last);
    return reader ? grouped_head_tiles(*reader->attention, reader->input, context_.config.matrix_engine.cols)
                  : steps_.made_tiles(step().last);
  }
  // Taylor attention centres its keys in place, so each key element has an extra bit.
  std::vector<Bytes> bytes_of(int output, const std::vector<ResidentTile>& tiles) const {
    bool guard = false;
    for (const Use& use : uses(output)) {
      const int reader = steps_.at(use.step).first;
      guard = guard || (std::holds_alternative<Attention>(layer(reader).parameters) &&
                        is_integer(context_.config.precision) && traits(context_.attention_kind(reader)).centres_keys);
    }
    std::vector<Bytes> bytes;
    for (const ResidentTile& tile : tiles) {
      const Bytes elements = Bytes{output_shape(layer(output)).rows} * tile.cols;
      bytes.push_back(context_.element_bytes() * elements + (guard ? ceil_div(elements, 8) : 0));
    }
    return bytes;
  }

  // The places that the results can have, and the last steps that then take them from the scratchpad.
  struct Stay {
    ResultPlace place;
    int dies;
    bool in_turn = false;
  };
  std::vector<Stay> stays() const {
    const std::vector<Use>& readers = uses(step().last);
    std::vector<Stay> list;
    if (!step().can_keep || readers.empty()) return list;
    // Attention works on what it finds in the scratchpad, so nothing may lie there that it cannot work on.
    for (const Use& use : readers)
      if (use.as == ReadAs::kOperand && !use.able &&
          std::holds_alternative<Attention>(layer(steps_.at(use.step).first).parameters))
        return list;
    const bool leaves = static_cast<int>(readers.size()) < context_.users[static_cast<std::size_t>(step().last)];
    bool all = !leaves, uncharged = false;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const Use& use = readers[i];
      const bool last = i + 1 == readers.size();
      uncharged = uncharged || steps_.at(use.step).kind == StepKind::kUncharged;
      if (use.able && last && all) {
        list.push_back({ResultPlace::kScratchpad, use.step});
        // Attention can then work on a head while the next one is made.
        if (step().kind == StepKind::kGemm && steps_.at(use.step).kind == StepKind::kAttention)
          list.push_back({ResultPlace::kScratchpad, use.step, true});
      }
      if (use.able && (!last || !all || uncharged)) list.push_back({ResultPlace::kBoth, use.step});
      all = all && use.able && (use.as == ReadAs::kOperand || last);
    }
    return list;
  }

  void extend(std::size_t index) {
    const State state = states_[index];  // a copy: the list grows
    const Lot *const operand = taken(state.lots, ReadAs::kOperand), *const added = taken(state.lots, ReadAs::kAdded);
    // What an uncharged layer computes from results that are not in memory has to stay too.
    const bool uncharged = step().kind == StepKind::kUncharged;
    const bool to_memory = !uncharged || operand == nullptr || operand->place == ResultPlace::kBoth;
    const Lot* const heir_of = added != nullptr                                            ? added
                               : uncharged && operand != nullptr && operand->dies == step_ ? operand
                                                                                           : nullptr;
    // Not three layers in turn.
    if (!state.in_parts && steps_.can_work_in_turn(step_)) leave_in_parts(index, state, operand != nullptr);
    if (to_memory) try_place(index, state, operand, added, {ResultPlace::kMemory, step_}, ScratchpadEnd::kLow);
    if (uncharged && operand == nullptr) return;
    for (const Stay& stay : stays()) {
      if (uncharged && stay.place == ResultPlace::kBoth) continue;
      for (const ScratchpadEnd end : {ScratchpadEnd::kLow, ScratchpadEnd::kHigh}) {
        try_place(index, state, operand, heir_of, stay, end);
        if (heir_of != nullptr) break;
      }
    }
  }

  void leave_in_parts(std::size_t index, const State& state, bool takes_operand) {
    State next{state.lots, state.score, index, {}, true};
    Residence& r = next.residence;
    r.place = ResultPlace::kParts;
    r.last_reader = steps_.at(step_ + 1).last;
    const std::optional<AttentionInput> attention = steps_.attention_that_reads(step().last);
    r.tiles = attention ? head_tiles(*attention->attention, attention->input) : own_tiles();
    r.bytes = bytes_of(step().last, r.tiles);
    // Rows in turn spare nothing where all of them have room, and a quarter of it is left for buffers.
    Bytes room = capacity_;
    for (const Lot& lot : state.lots) room -= lot.bytes;
    const Step& reader = steps_.at(step_ + 1);
    const std::optional<GivenPlace> given = given_place(context_, step().first);
    const bool asked =
        given ? given->place == ResultPlace::kParts : takes_resident_operand(context_, reader.first).value_or(false);
    if (reader.kind == StepKind::kGemm && !asked && 4 * aligned_sum(r.bytes) <= 3 * room) return;
    next.score.violations += violations(r, takes_operand);
    keep(std::move(next));
  }

  // Of this step and of the one before, whose results it takes in parts.
  std::optional<Price> price_in_parts(const State& state, const Residence& results, Bytes room) {
    const Step& first = steps_.at(step_ - 1);
    const Lot* const operand = taken_by(step_ - 1, state.lots, ReadAs::kOperand);
    std::vector<ResidentTile> streamed;
    if (operand != nullptr) streamed = tiles_of(operand->output, state);
    const GemmProblem problem = in_place(first, operand != nullptr ? &streamed : nullptr, state.residence);
    if (step().kind == StepKind::kGemm) {
      const GivenGemms given{given_form<InputStationaryMapping>(context_, first.first),
                             given_form<InputStationaryMapping>(context_, step().first)};
      const auto plan =
          plan_row_parts(context_, problem, in_place(step(), &state.residence.tiles, results), room, given);
      return plan ? std::optional(sum_of(plan->first, plan->second)) : std::nullopt;
    }
    const std::vector<Bytes>& all = state.residence.bytes;
    const GivenHeads given{given_form<InputStationaryMapping>(context_, first.first),
                           given_form<AttentionMapping>(context_, step().first)};
    const auto plan =
        plan_head_parts(context_, problem, {all.begin(), all.begin() + kTilesOfHead}, step().first, room, given);
    if (!plan) return std::nullopt;
    AttentionEstimate takes;
    takes.waits = plan->cycles, takes.energy_pj = plan->energy_pj;
    return sum_of(plan->first, price_attention(step(), takes, results));
  }
  static Price sum_of(const PlanEstimate& a, const PlanEstimate& b) {
    Price sum;
    sum.cycles = a.cycles + b.cycles, sum.energy_pj = a.energy_pj + b.energy_pj;
    sum.dram_bytes = a.dram_bytes + b.dram_bytes;
    return sum;
  }

  // More than 6 parameters: a state, what the step takes from it, and what it leaves.
  void try_place(std::size_t index, const State& state, const Lot* operand, const Lot* heir_of, const Stay& stay,
                 ScratchpadEnd end) {
    State next{state.lots, state.score, index, {}};
    Residence& r = next.residence;
    r.place = stay.place;
    r.last_reader = steps_.at(stay.dies).last;
    r.in_turn = stay.in_turn;
    if (heir_of != nullptr || r.stays()) {
      r.tiles = own_tiles();
      r.bytes = bytes_of(step().last, r.tiles);
    }
    const Bytes bytes = images_ * aligned_sum(r.bytes);
    if (heir_of != nullptr) {
      // Each part would wait until the sums of the one before lie in the place of its rows.
      const Lot* const rows_of_parts = state.in_parts ? taken_by(step_ - 1, state.lots, ReadAs::kOperand) : nullptr;
      if (rows_of_parts != nullptr && rows_of_parts->output == heir_of->output) return;
      if (!same_columns(tiles_of(heir_of->output, state), r.tiles)) return;
      if (!inherit(next.lots, *heir_of, stay, bytes)) return;
      r.heir_of = heir_of->output;
    } else if (r.stays()) {
      const Lot lot{step().last, stay.dies, stay.place, end, bytes};
      if (!may_lie_behind(next.lots, lot)) return;
      next.lots.push_back(lot);
      r.end = end;
    }
    Bytes room = capacity_;
    for (const Lot& lot : next.lots) room -= lot.bytes;
    if (room < 0) return;
    std::vector<ResidentTile> streamed;
    if (operand != nullptr && step().kind == StepKind::kGemm) streamed = tiles_of(operand->output, state);
    const OperandsInPlace here = state.in_parts ? OperandsInPlace::every() : in_place(state.lots);
    std::optional<Price> plan = state.in_parts ? price_in_parts(state, r, room)
                                               : price(step(), operand != nullptr ? &streamed : nullptr, here, r, room);
    if (!plan) return;
    // Attention begins with a head while the layer before makes the next one, if that finishes head by head and there
    // is room for both layers' buffers.
    if (step().kind == StepKind::kAttention && here.k && !state.in_parts &&
        (!state.in_turn || state.buffers + plan->buffers > room))
      plan->cycles += images_ * attention_estimate(step().first, room, here)->at_once;
    next.in_turn = plan->in_turn;
    next.buffers = plan->buffers;
    next.score.score += score(*plan);
    add(next.score.totals, *plan);
    next.score.violations += violations(r, operand != nullptr || state.in_parts) + misplaced(here);
    if (!state.in_parts && !has_place_for_results(operand != nullptr ? &streamed : nullptr, r)) ++next.score.violations;
    if (const std::optional<GivenPlace> given = given_place(context_, step().first);
        given && given->high_end != r.at_high_end())
      ++next.score.other_ends;
    next.lots.erase(
        std::remove_if(next.lots.begin(), next.lots.end(), [&](const Lot& lot) { return lot.dies <= step_; }),
        next.lots.end());
    keep(std::move(next));
  }

  // The tiles of an output that is there: as the way to this state has made them.
  std::vector<ResidentTile> tiles_of(int output, const State& state) const {
    std::vector<ResidentTile> tiles = state.residence.tiles;
    std::size_t at = state.before;
    for (int s = step_ - 1; s >= 0 && steps_.at(s).last != output; --s)
      tiles = states_[at].residence.tiles, at = states_[at].before;
    return tiles;
  }

  static bool same_columns(const std::vector<ResidentTile>& a, const std::vector<ResidentTile>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const ResidentTile& x, const ResidentTile& y) { return x.col == y.col && x.cols == y.cols; });
  }

  // The last ones of an end of the scratchpad leave it first.
  static bool may_lie_behind(const std::vector<Lot>& lots, const Lot& lot) {
    return std::all_of(lots.begin(), lots.end(),
                       [&](const Lot& other) { return other.end != lot.end || other.dies >= lot.dies; });
  }
  // The results take the places of `old`, which nothing takes any more.
  bool inherit(std::vector<Lot>& lots, const Lot& old, const Stay& stay, Bytes bytes) const {
    if (old.bytes != bytes) return false;
    for (Lot& lot : lots) {
      if (lot.output == old.output) {
        lot.output = step().last, lot.dies = stay.dies, lot.place = stay.place;
        return true;
      }
      if (lot.end == old.end && lot.dies < stay.dies) return false;
    }
    return false;
  }

  // Operands of attention that a mapping from a file has elsewhere.
  int misplaced(const OperandsInPlace& here) const {
    const auto* const given = given_form<AttentionMapping>(context_, step().first);
    if (given == nullptr) return 0;
    const auto differs = [&](std::size_t operand, bool is_here) { return (given->sets[operand] == 0) != is_here; };
    return (differs(0, here.k) ? 1 : 0) + (differs(1, here.v) ? 1 : 0) + (differs(2, here.q) ? 1 : 0);
  }

  int violations(const Residence& r, bool operand) const {
    if (context_.options->given == nullptr) return 0;
    int count = 0;
    const std::optional<GivenPlace> placed = given_place(context_, step().first);
    if (placed && placed->place != r.place) count += 2;  // a layer that finds its operand elsewhere is refused
    const std::optional<bool> takes = takes_resident_operand(context_, step().first);
    if (takes && (step().kind == StepKind::kGemm || step().kind == StepKind::kUncharged) && *takes != operand) ++count;
    for (int l = step().first + 1; l <= step().last; ++l) {
      const auto* const given = given_mapping(context_, l);
      const auto* const epilogue = given == nullptr ? nullptr : std::get_if<EpilogueMapping>(given);
      if (epilogue == nullptr || !std::holds_alternative<Add>(layer(l).parameters)) continue;
      const std::vector<int>& inputs = layer(l).inputs;
      const bool in_place =
          std::any_of(inputs.begin(), inputs.end(), [&r](int input) { return r.takes_place_of(input); });
      if (epilogue->in_place != in_place) ++count;
    }
    return count;
  }

  // Whether a given plan without tiles for results has another place for them.
  bool has_place_for_results(const std::vector<ResidentTile>* streamed, const Residence& r) const {
    if (step().kind != StepKind::kGemm) return true;
    const auto* const given = given_form<InputStationaryMapping>(context_, step().first);
    if (given == nullptr || given->out_sets > 0) return true;
    const GemmProblem problem = in_place(step(), streamed, r);
    const GemmEstimator estimator(problem, context_.config, prices_, 0, context_.dram_bytes_per_cycle());
    return estimator.can_place_results_in_sums(estimator.loops(*given));
  }

  // Of the ways that leave the same outputs in the scratchpad, the cheapest.
  void keep(State state) {
    std::vector<std::int64_t> key{state.in_parts, state.in_turn};
    for (const Lot& lot : state.lots)
      key.insert(key.end(),
                 {lot.output, lot.dies, static_cast<std::int64_t>(lot.place), static_cast<std::int64_t>(lot.end)});
    const auto [found, is_new] = known_.emplace(std::move(key), states_.size());
    if (is_new) {
      states_.push_back(std::move(state));
    } else if (state.score < states_[found->second].score) {
      states_[found->second] = std::move(state);
    }
  }

  std::vector<Residence> best_way() {
    std::vector<Residence> residences(static_cast<std::size_t>(layers_));
    std::size_t at = begin_;
    for (std::size_t state = begin_; state < states_.size(); ++state)
      if (states_[state].score < states_[at].score) at = state;
    best_ = at;
    for (int s = steps_.count(); s-- > 0; at = states_[at].before)
      residences[static_cast<std::size_t>(steps_.at(s).last)] = states_[at].residence;
    return residences;
  }

  MappingContext& context_;
  Bytes capacity_;
  const EnergyModel& prices_;
  int layers_, images_;
  ResidencySteps steps_;
  std::map<std::vector<std::int64_t>, std::optional<AttentionEstimate>> attention_;
  ModelEstimate memory_;  // with everything in memory: the measure of `edp`
  std::vector<State> states_;
  std::size_t begin_ = 0;  // the first state of the step before
  std::size_t best_ = 0;   // the last state of the best way
  std::map<std::vector<std::int64_t>, std::size_t> known_;
  int step_ = 0;
};

}  // namespace

namespace {

// Those of one image, for all of them.
std::vector<Residence> for_all_images(const std::vector<Residence>& one, int images) {
  std::vector<Residence> all;
  for (int image = 0; image < images && !one.empty(); ++image)
    for (const Residence& residence : one) all.push_back(residence.moved(image * static_cast<int>(one.size())));
  return all;
}

}  // namespace

ResidencyPlan plan_residences(MappingContext& context) {
  const int images = context.model.images, each = context.layers_of_image();
  std::optional<BatchOrder> order;
  if (context.options->given != nullptr) order = context.options->given->batch_order;
  if (!context.may_go_layer_by_layer) {
    if (order == BatchOrder::kLayerByLayer)
      throw InputError(context.options->given->file, "/batch_order",
                       "expected \"image_by_image\", because not all images of the batch are mapped alike on this "
                       "machine, found \"layer_by_layer\"");
    if (!keeps_outputs(context)) return {};
    ResidencyPlanner planner(context, each * images);
    std::vector<Residence> residences = planner.choose();
    if (residences.empty()) return {};
    return {std::move(residences), BatchOrder::kImageByImage, planner.estimate()};
  }
  if (!keeps_outputs(context)) return {{}, order.value_or(BatchOrder::kLayerByLayer), {}};
  ResidencyPlanner by_image(context, each), by_layer(context, each, images);
  const std::vector<Residence> one = by_image.choose(), all = by_layer.choose(&by_image.in_memory());
  if (!order) {
    const bool worse = !one.empty() && (all.empty() || by_image.is_better_than(by_layer));
    order = worse ? BatchOrder::kImageByImage : BatchOrder::kLayerByLayer;
  }
  const bool by_layers = *order == BatchOrder::kLayerByLayer;
  const std::vector<Residence>& chosen = by_layers ? all : one;
  if (chosen.empty()) return {{}, *order};
  return {for_all_images(chosen, images), *order, (by_layers ? by_layer : by_image).estimate()};
}

std::optional<ModelEstimate> estimate_in_memory(MappingContext& context) {
  if (context.options->training || context.config.matrix_engine.dataflow != Dataflow::kInputStationary)
    return std::nullopt;
  return ResidencyPlanner(context, context.layers_of_image()).estimate_in_memory();
}

}  // namespace vitality
