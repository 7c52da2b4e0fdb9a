#include "mapping/forward/residency_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/error.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/output_stationary_plans.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

enum class StepKind : std::uint8_t { kGemm, kAttention, kUncharged, kOther };
enum class ReadAs : std::uint8_t { kOperand, kAdded, kOther };

// A layer and its epilogue.
struct Step {
  StepKind kind;
  int first, last;              // layers
  GemmProblem problem = {};     // of a GEMM
  int adds = 0;                 // of its epilogue
  std::vector<int> added = {};  // outputs that these add
  bool can_keep = false;        // its results can stay in the scratchpad
  Bytes smallest_room = 0;      // of layers whose rows go through buffers
};

// A step that reads an output.
struct Use {
  int step;
  ReadAs as;
  bool able;  // to take it from the scratchpad
};

// An output in the scratchpad, at a step.
struct Lot {
  int output, dies;  // dies: the last step that takes it from there
  ResultPlace place;
  ScratchpadEnd end;
  Bytes bytes;
};

struct Score {
  int violations = 0;  // of what a mapping from a file says
  double score = 0;
  bool operator<(const Score& other) const {
    return std::tie(violations, score) < std::tie(other.violations, other.score);
  }
};

// A way through the steps up to one of them: the outputs that are then in the scratchpad, in the order in which they
// came.
struct State {
  std::vector<Lot> lots;
  Score score;
  std::size_t before = 0;  // the state that it follows
  Residence residence;     // of the step's results
};

// The cost of everything in memory: the measure of `edp`.
struct Totals {
  double cycles = 0, energy = 0;
};

class ResidencyPlanner {
 public:
  // For the first `layers` layers: of the whole model or of one image, or of each of `images` images, a layer of all of
  // them before the next.
  ResidencyPlanner(MappingContext& context, int layers, int images = 1)
      : context_(context),
        capacity_(context.builder.capacity()),
        prices_(context.config),
        layers_(layers),
        images_(images) {}

  // measure: null: the planner's own.
  std::vector<Residence> choose(const Totals* measure = nullptr) {
    find_steps();
    find_uses();
    if (!price_memory()) return {};
    if (measure != nullptr) memory_ = *measure;
    states_.assign(1, State{});
    begin_ = 0;
    for (step_ = 0; step_ < static_cast<int>(steps_.size()); ++step_) {
      known_.clear();
      const std::size_t end = states_.size();
      for (std::size_t state = begin_; state < end; ++state) extend(state);
      if (states_.size() == end) return {};
      begin_ = end;
    }
    return best_way();
  }

  const Totals& in_memory() const { return memory_; }
  // Of the way that was chosen, for one image.
  Score score() const {
    Score one = states_[best_].score;
    one.score /= images_;
    return one;
  }

 private:
  const Layer& layer(int index) const { return context_.layer(index); }
  const Step& step() const { return steps_[static_cast<std::size_t>(step_)]; }
  const std::vector<Use>& uses(int output) const { return uses_[static_cast<std::size_t>(output)]; }
  int array_cols() const { return context_.config.matrix_engine.cols; }

  // --- What the model does.

  void find_steps() {
    for (int index = 0; index < layers_; ++index) {
      if (!context_.selected(index) || std::holds_alternative<GivenTensor>(layer(index).parameters)) continue;
      Step step{StepKind::kOther, index, index};
      const Layer& l = layer(index);
      if (std::holds_alternative<Linear>(l.parameters) || std::holds_alternative<Conv2d>(l.parameters)) {
        describe_gemm_step(step);
      } else if (const auto* attention = std::get_if<Attention>(&l.parameters)) {
        const AttentionKind kind = context_.attention_kind(index);
        if (traits(kind).uses_mask) {  // how much room it needs depends on the masks: it has all of it
          step.smallest_room = capacity_;
        } else {
          step.kind = StepKind::kAttention;
          step.can_keep = traits(kind).low_rank && attention->instances == 1;
        }
      } else if (!is_charged(l, context_.config) && l.inputs.size() == 1 && !is_folded(l, context_.config) &&
                 (is_elementwise(l) || std::holds_alternative<LayerNorm>(l.parameters))) {
        step.kind = StepKind::kUncharged;
        step.can_keep = true;
      } else {
        const auto* pool = std::get_if<AveragePool>(&l.parameters);
        const int pixels = pool != nullptr ? pool->kernel * pool->kernel + 1 : 1;
        const Bytes row = context_.partial_bytes() * output_shape(l).cols * pixels;
        step.smallest_room = is_charged(l, context_.config) ? 8 * row : 0;  // four rows in half the room
      }
      index = step.last;
      steps_.push_back(std::move(step));
    }
  }

  void describe_gemm_step(Step& step) {
    step.kind = StepKind::kGemm;
    const Gemm gemm = describe_gemm(context_, step.first);
    step.problem = problem_of(context_, gemm, std::get_if<Conv2d>(&layer(step.first).parameters));
    step.problem.images = images_;
    step.can_keep = gemm.groups == 1;
    int current = step.first;
    for (const int next : epilogue_layers(context_, step.first)) {
      const Layer& l = layer(next);
      step.adds += std::holds_alternative<Add>(l.parameters) || std::holds_alternative<PositionEmbedding>(l.parameters);
      if (std::holds_alternative<Add>(l.parameters)) step.added.push_back(l.inputs[l.inputs[0] == current ? 1 : 0]);
      current = next;
    }
    step.last = current;
  }

  void find_uses() {
    uses_.resize(context_.model.layers.size());
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const Step& step = steps_[s];
      const auto add = [&](int output, ReadAs as) {
        if (!is_model_input(output))
          uses_[static_cast<std::size_t>(output)].push_back({static_cast<int>(s), as, false});
      };
      const std::vector<int>& inputs = layer(step.first).inputs;
      for (std::size_t i = 0; i < inputs.size(); ++i) add(inputs[i], i == 0 ? ReadAs::kOperand : ReadAs::kOther);
      for (const int output : step.added) add(output, ReadAs::kAdded);
    }
    for (std::size_t output = 0; output < uses_.size(); ++output)
      for (Use& use : uses_[output]) use.able = able(static_cast<int>(output), use);
  }

  bool able(int output, const Use& use) const {
    const Step& step = steps_[static_cast<std::size_t>(use.step)];
    const std::vector<Use>& all = uses(output);
    const auto same_step = std::count_if(all.begin(), all.end(), [&](const Use& u) { return u.step == use.step; });
    if (use.as == ReadAs::kOther || same_step > 1) return false;
    const MatrixShape shape = output_shape(layer(output));
    if (use.as == ReadAs::kAdded) {  // its places become those of the results
      const MatrixShape results = output_shape(layer(step.last));
      return step.can_keep && results.rows == shape.rows && results.cols == shape.cols;
    }
    switch (step.kind) {
      case StepKind::kGemm:
        if (const auto* linear = std::get_if<Linear>(&layer(step.first).parameters))
          return linear->first_row + linear->rows <= shape.rows;
        return is_pixel_wise(std::get<Conv2d>(layer(step.first).parameters));
      case StepKind::kAttention:
        return all.size() == 1 && takes_heads_in_place(step.first, std::get<Attention>(layer(step.first).parameters));
      case StepKind::kUncharged:
        return true;
      case StepKind::kOther:
        return false;
    }
    return false;
  }

  bool takes_heads_in_place(int index, const Attention& a) const {
    const AttentionKind kind = context_.attention_kind(index);
    if (traits(kind).uses_mask) return false;
    if (a.instances != 1 || a.bias_params > 0 || a.n_q != a.n_kv || a.d_qk > array_cols() || a.d_v > array_cols())
      return false;
    int end = 0;  // the heads must be one whole input, one after the other
    for (const ResidentTile& tile : head_tiles(a)) {
      if (tile.col != end) return false;
      end = tile.col + tile.cols;
    }
    const Layer& l = layer(index);
    return l.inputs.size() == 1 && end == output_shape(layer(l.inputs[0])).cols;
  }

  // --- Prices.

  std::optional<GemmPlan> price(const Step& step, const std::vector<ResidentTile>* streamed, const Residence& results,
                                Bytes room) {
    GemmPlan none{};
    switch (step.kind) {
      case StepKind::kGemm:
        return price_gemm(step, streamed, results, room);
      case StepKind::kAttention: {
        const std::optional<AttentionEstimate>& attention = attention_estimate(step.first, room, streamed != nullptr);
        if (!attention) return std::nullopt;
        const MatrixShape shape = output_shape(layer(step.last));
        none.cycles = images_ * attention->waits;
        none.dram_bytes = attention->operand_bytes;
        if (results.place != ResultPlace::kScratchpad)
          none.dram_bytes += context_.element_bytes() * shape.rows * shape.cols;
        none.dram_bytes *= images_;
        none.energy_pj = static_cast<double>(none.dram_bytes) * prices_.dram_per_byte();
        return none;
      }
      case StepKind::kUncharged:
        return none;
      case StepKind::kOther:
        if (room < step.smallest_room) return std::nullopt;
        return none;
    }
    return std::nullopt;
  }

  std::optional<GemmPlan> price_gemm(const Step& step, const std::vector<ResidentTile>* streamed,
                                     const Residence& results, Bytes room) {
    std::optional<GemmPlan> plan =
        context_
            .plan_gemm(with_residence(step.problem, streamed, results, step.adds, context_.config.matrix_engine.rows),
                       room)
            .plan;
    if (streamed != nullptr || !results.tiles.empty() || images_ > 1) return plan;
    const auto held_results = better_output_stationary(context_, describe_gemm(context_, step.first),
                                                       std::get_if<Conv2d>(&layer(step.first).parameters), step.adds,
                                                       plan ? &*plan : nullptr, room);
    if (!held_results) return plan;
    GemmPlan other{};
    other.cycles = held_results->cycles, other.energy_pj = held_results->energy_pj;
    other.dram_bytes = held_results->dram_bytes;
    return other;
  }

  // Blocks repeat, and so do their heads.
  const std::optional<AttentionEstimate>& attention_estimate(int index, Bytes room, bool in_place) {
    const auto& a = std::get<Attention>(layer(index).parameters);
    const auto kind = static_cast<std::int64_t>(context_.attention_kind(index));
    const auto [known, is_new] = attention_.try_emplace(
        {kind, a.heads, a.instances, a.n_q, a.n_kv, a.d_qk, a.d_v, a.bias_params > 0, room, in_place});
    if (is_new) known->second = estimate_attention(context_, index, room, in_place);
    return known->second;
  }

  // False if something does not fit.
  bool price_memory() {
    for (const Step& step : steps_) {
      const std::optional<GemmPlan> plan = price(step, nullptr, {}, capacity_);
      if (!plan && step.kind != StepKind::kOther) return false;
      if (plan) memory_.cycles += plan->cycles, memory_.energy += plan->energy_pj;
    }
    return true;
  }

  // Layers add up, so the product of both totals is made small by the sum of both as shares of the totals.
  double score(const GemmPlan& plan) const {
    if (context_.config.mapping.objective == MappingObjective::kEdp)
      return plan.cycles / std::max(1.0, memory_.cycles) + plan.energy_pj / std::max(1.0, memory_.energy);
    return plan_score(context_.config.mapping.objective, plan.cycles, plan.energy_pj,
                      static_cast<double>(plan.dram_bytes) / context_.dram_bytes_per_cycle());
  }

  // --- The search.

  // The output that the step takes from the scratchpad, in this way.
  const Lot* taken(const std::vector<Lot>& lots, ReadAs as) const {
    for (const Lot& lot : lots)
      for (const Use& use : uses(lot.output))
        if (use.step == step_ && use.as == as && use.able && (as != ReadAs::kAdded || lot.dies == step_)) return &lot;
    return nullptr;
  }

  // The tiles of the step's results if they have places of their own.
  std::vector<ResidentTile> own_tiles() const {
    const auto* attention = std::get_if<Attention>(&layer(step().first).parameters);
    if (attention != nullptr) return column_tiles(attention->heads * attention->d_v, attention->d_v);
    const Attention* const reader = attention_that_reads(step().last);
    return reader != nullptr ? head_tiles(*reader) : column_tiles(output_shape(layer(step().last)).cols, array_cols());
  }
  const Attention* attention_that_reads(int output) const {
    for (const Use& use : uses(output))
      if (use.able && use.as == ReadAs::kOperand)
        if (const auto* a = std::get_if<Attention>(&layer(steps_[static_cast<std::size_t>(use.step)].first).parameters))
          return a;
    return nullptr;
  }
  // Taylor attention centres its keys in place, so each key element has an extra bit.
  std::vector<Bytes> bytes_of(int output, const std::vector<ResidentTile>& tiles) const {
    bool guard = false;
    for (const Use& use : uses(output)) {
      const int reader = steps_[static_cast<std::size_t>(use.step)].first;
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
  };
  std::vector<Stay> stays() const {
    const std::vector<Use>& readers = uses(step().last);
    std::vector<Stay> list;
    if (!step().can_keep || readers.empty()) return list;
    // Attention works on what it finds in the scratchpad, so nothing may lie there that it cannot work on.
    for (const Use& use : readers)
      if (use.as == ReadAs::kOperand && !use.able &&
          std::holds_alternative<Attention>(layer(steps_[static_cast<std::size_t>(use.step)].first).parameters))
        return list;
    const bool leaves = static_cast<int>(readers.size()) < context_.users[static_cast<std::size_t>(step().last)];
    bool all = !leaves, uncharged = false;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const Use& use = readers[i];
      const bool last = i + 1 == readers.size();
      uncharged = uncharged || steps_[static_cast<std::size_t>(use.step)].kind == StepKind::kUncharged;
      if (use.able && last && all) list.push_back({ResultPlace::kScratchpad, use.step});
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

  // More than 6 parameters: a state, what the step takes from it, and what it leaves.
  void try_place(std::size_t index, const State& state, const Lot* operand, const Lot* heir_of, const Stay& stay,
                 ScratchpadEnd end) {
    State next{state.lots, state.score, index, {}};
    Residence& r = next.residence;
    r.place = stay.place;
    r.last_reader = steps_[static_cast<std::size_t>(stay.dies)].last;
    if (heir_of != nullptr || r.stays()) {
      r.tiles = own_tiles();
      r.bytes = bytes_of(step().last, r.tiles);
    }
    const Bytes bytes = images_ * aligned_sum(r.bytes);
    if (heir_of != nullptr) {
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
    const std::optional<GemmPlan> plan = price(step(), operand != nullptr ? &streamed : nullptr, r, room);
    if (!plan) return;
    next.score.score += score(*plan);
    next.score.violations += violations(r, operand != nullptr);
    next.lots.erase(
        std::remove_if(next.lots.begin(), next.lots.end(), [&](const Lot& lot) { return lot.dies <= step_; }),
        next.lots.end());
    keep(std::move(next));
  }

  // The tiles of an output that is there: as the way to this state has made them.
  std::vector<ResidentTile> tiles_of(int output, const State& state) const {
    std::vector<ResidentTile> tiles = state.residence.tiles;
    std::size_t at = state.before;
    for (int s = step_ - 1; s >= 0 && steps_[static_cast<std::size_t>(s)].last != output; --s)
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

  int violations(const Residence& r, bool operand) const {
    if (context_.options->given == nullptr) return 0;
    int count = 0;
    const std::optional<ResultPlace> place = given_place(context_, step().first);
    if (place && *place != r.place) count += 2;  // a layer that finds its operand elsewhere is refused
    const std::optional<bool> takes = takes_resident_operand(context_, step().first);
    if (takes && step().kind != StepKind::kOther && *takes != operand) ++count;
    for (int l = step().first + 1; l <= step().last; ++l) {
      const auto* const given = given_mapping(context_, l);
      const auto* const epilogue = given == nullptr ? nullptr : std::get_if<EpilogueMapping>(given);
      if (epilogue == nullptr || !std::holds_alternative<Add>(layer(l).parameters)) continue;
      const std::vector<int>& inputs = layer(l).inputs;
      const bool in_place = std::count(inputs.begin(), inputs.end(), r.heir_of) > 0;
      if (epilogue->in_place != in_place) ++count;
    }
    return count;
  }

  // Of the ways that leave the same outputs in the scratchpad, the cheapest.
  void keep(State state) {
    std::vector<std::int64_t> key;
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
    for (std::size_t s = steps_.size(); s-- > 0; at = states_[at].before)
      residences[static_cast<std::size_t>(steps_[s].last)] = states_[at].residence;
    return residences;
  }

  MappingContext& context_;
  Bytes capacity_;
  EnergyModel prices_;
  int layers_, images_;
  std::vector<Step> steps_;
  std::vector<std::vector<Use>> uses_;  // of every layer's output
  std::map<std::array<std::int64_t, 10>, std::optional<AttentionEstimate>> attention_;
  Totals memory_;
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
    return {ResidencyPlanner(context, each * images).choose(), BatchOrder::kImageByImage};
  }
  if (!keeps_outputs(context)) return {{}, order.value_or(BatchOrder::kLayerByLayer)};
  ResidencyPlanner by_image(context, each), by_layer(context, each, images);
  const std::vector<Residence> one = by_image.choose(), all = by_layer.choose(&by_image.in_memory());
  if (!order) {
    const bool worse = !one.empty() && (all.empty() || by_image.score() < by_layer.score());
    order = worse ? BatchOrder::kImageByImage : BatchOrder::kLayerByLayer;
  }
  return {for_all_images(*order == BatchOrder::kLayerByLayer ? all : one, images), *order};
}

}  // namespace vitality
