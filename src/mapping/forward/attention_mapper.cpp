#include "mapping/forward/attention_mapper.h"

#include <algorithm>
#include <stdexcept>

#include "base/error.h"
#include "cost/array_cost.h"
#include "mapping/forward/codec.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {

std::vector<Chunk> chunks(int total, int size) {
  std::vector<Chunk> list;
  for (int i = 0; i < total; i += size) list.push_back({i, std::min(size, total - i)});
  return list;
}

std::optional<AttentionMapping> AttentionMapper::best(Bytes capacity) const {
  return kind_ == AttentionKind::kSoftmax ? best_softmax(capacity) : largest_chunks(capacity);
}

std::optional<AttentionEstimate> AttentionMapper::estimate(Bytes capacity, const OperandsInPlace& in_place) {
  in_place_ = in_place;
  const std::optional<AttentionMapping> plan = best(capacity);
  return plan ? std::optional(estimate_of(*plan)) : std::nullopt;
}

double AttentionMapper::numerator_waits(const AttentionMapping& plan) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const auto rows_on = [&](int lanes, int interval) {
    return static_cast<double>(ceil_div(a_.d_v, lanes)) * interval * plan.query_chunk;
  };
  double leaves = elided() ? 0 : rows_on(config_.dividers.lanes, config_.dividers.initiation_interval);
  if (centres_keys()) leaves += rows_on(config_.adders.lanes, 1);
  const double drain = engine.rows + engine.cols - 2,
               context = g_stationary()
                             ? a_.n_kv + drain
                             : static_cast<double>(ceil_div(a_.n_kv, engine.rows)) *
                                   static_cast<double>(input_stationary_fold(engine.rows, engine.cols, a_.d_qk,
                                                                             engine.stationary_prefetch)
                                                           .interval);
  const auto more_chunks = static_cast<double>(ceil_div(a_.n_q, plan.query_chunk) - 1);
  return std::max(0.0, drain + leaves - context) + more_chunks * leaves;
}

AttentionEstimate AttentionMapper::estimate_of(const AttentionMapping& plan) const {
  const EnergyModel& prices = context_.prices;
  const double byte_pj = prices.dram_per_byte() + prices.per_action(Action::kScratchpadWrite);
  if (kind_ == AttentionKind::kSoftmax) {  // which form runs, and its places for scores, decide more than the loads
    const SoftmaxPlanner::Estimate all =
        SoftmaxPlanner(a_, config_, context_.prices, 0, context_.dram_bytes_per_cycle(), in_place_).estimate(plan);
    const Bytes results = element_ * a_.n_q * a_.d_v * a_.heads * a_.instances;
    return {all.dram_bytes - results, all.cycles, all.energy_pj - byte_pj * static_cast<double>(results),
            bytes_of(plan)};
  }
  const Bytes key_chunks = ceil_div(a_.n_kv, plan.token_chunk), query_chunks = ceil_div(a_.n_q, plan.query_chunk),
              rounds = low_rank() ? 1 : query_chunks;
  // Of a head, in the order of AttentionMapping::sets.
  const std::array<Bytes, 3> bytes{
      in_place_.k ? 0 : element_ * a_.n_kv * a_.d_qk * (centres_keys() && key_chunks > 1 ? 2 : rounds),
      in_place_.v ? 0 : element_ * a_.n_kv * a_.d_v * rounds, in_place_.q ? 0 : element_ * a_.n_q * a_.d_qk};
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const double heads = static_cast<double>(a_.heads) * a_.instances;
  AttentionEstimate all;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    all.operand_bytes += bytes[i] * a_.heads * a_.instances;
    if (plan.sets[i] < 2) all.waits += heads * static_cast<double>(bytes[i]) / context_.dram_bytes_per_cycle();
  }
  all.waits += heads * static_cast<double>(key_chunks * query_chunks - 1) * (engine.rows + engine.cols);
  if (plan.sets[3] == 1) all.waits += heads * numerator_waits(plan);
  all.energy_pj = byte_pj * static_cast<double>(all.operand_bytes) + prices.idle_per_cycle() * all.waits;
  all.buffers = bytes_of(plan);
  if (in_place_.k && centres_keys()) all.at_once = heads_at_once();
  return all;
}

// Of Taylor attention with whole keys and queries.
double AttentionMapper::heads_at_once() const {
  const auto accumulate = [&](int cols) { return accumulator_timing(config_.accumulators, a_.n_kv, cols).interval; };
  const auto add = [&](int rows, int cols) { return lane_timing(config_.adders, rows, cols).interval; };
  const Cycles sums = ceil_div(2 * accumulate(a_.d_qk) + accumulate(a_.d_v), config_.accumulators.count),
               additions = ceil_div(add(a_.n_kv, a_.d_qk) + add(a_.n_q, 1) + add(a_.n_q, a_.d_v), config_.adders.count),
               quotients = divider_chain_timing(config_.dividers, a_.n_q, a_.d_v).interval / config_.dividers.count;
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const auto passes = [&](int streamed, int contraction, int columns) {
    const FoldTiming fold = input_stationary_fold(engine.rows, engine.cols, streamed, engine.stationary_prefetch);
    return ceil_div(contraction, engine.rows) * ceil_div(columns, engine.cols) *
           (engine.stationary_prefetch ? fold.interval : fold.latency());
  };
  const Cycles array = passes(a_.d_qk, a_.n_kv, a_.d_v) + passes(a_.n_q, a_.d_qk, a_.d_v);
  // The sum of the keys and their centring come before the first pass.
  return static_cast<double>(accumulate(a_.d_qk) + add(a_.n_kv, a_.d_qk) +
                             (a_.heads * a_.instances - 1) *
                                 std::max<Cycles>(0, std::max({sums, additions, quotients}) - array));
}

void AttentionMapper::map() {
  const auto lies_here = [this](const HeadColumns& from) {
    return context_.resident.count(context_.layer(layer_).inputs[static_cast<std::size_t>(from.input)]) > 0;
  };
  in_place_ = {lies_here(a_.k), lies_here(a_.v), lies_here(a_.q)};
  const auto* given = given_as<AttentionMapping>(context_, layer_);
  const Residence& residence = context_.residence(layer_);
  if (given) check_place(context_, layer_, given->results, residence);
  make_resident(context_, layer_);
  if (given) check(*given);
  if (given)
    plan_ = *given;
  else if (context_.options->alternatives != nullptr)
    plan_ = std::get<AttentionMapping>(*alternative());
  else
    plan_ = choose_chunks(builder_.capacity());
  plan_.results = residence.place, plan_.high_end = residence.at_high_end();
  context_.record(layer_, plan_);
  take_buffers(builder_.allocate(buffer_list(plan_), "layer " + context_.layer(layer_).name));
  // Instances share a head's score bias.
  const bool head_by_head = bias_tensor_ != kNone && !sparse_ && context_.saved == nullptr;
  for (int i = 0; i < a_.instances * a_.heads; ++i) {
    instance_ = head_by_head ? i % a_.instances : i / a_.heads;
    map_head(head_by_head ? i / a_.instances : i % a_.heads);
  }
}

void AttentionMapper::map_head(int head) {
  head_ = head;
  if (!context_.plan_only) map_head();
}

std::optional<AttentionInPlace> AttentionMapper::in_place(Bytes capacity, const AttentionMapping* given) {
  in_place_ = OperandsInPlace::every();
  const std::optional<AttentionMapping> plan = given != nullptr ? *given : best(capacity);
  if (!plan) return std::nullopt;
  return AttentionInPlace{*plan, bytes_of(*plan), estimate_of(*plan)};
}

const AttentionMapping* AttentionMapper::given_in_place() {
  in_place_ = OperandsInPlace::every();
  const auto* given = given_as<AttentionMapping>(context_, layer_);
  if (given == nullptr) return nullptr;
  check_place(context_, layer_, given->results, context_.residence(layer_));
  check(*given);
  return given;
}

std::vector<Bytes> AttentionMapper::start_in_place(const AttentionMapping& plan) {
  in_place_ = OperandsInPlace::every();
  plan_ = plan;
  plan_.results = context_.residence(layer_).place, plan_.high_end = context_.residence(layer_).at_high_end();
  context_.record(layer_, plan_);
  return buffer_list(plan_);
}

void AttentionMapper::check(const AttentionMapping& given) const {
  check_limits(context_, layer_,
               {{"key_chunk", given.token_chunk, a_.n_kv, "the keys of the layer"},
                {"query_chunk", given.query_chunk, a_.n_q, "the queries of the layer"}});
  constexpr const char* kOperands[] = {"buffers/keys", "buffers/values", "buffers/queries"};
  const std::array<bool, 3> here{in_place_.k, in_place_.v, in_place_.q};
  for (std::size_t i = 0; i < 3; ++i) check_source(context_, layer_, kOperands[i], given.sets[i], here[i]);
  const bool whole_rows = context_.saved != nullptr || kind_ != AttentionKind::kSoftmax || is_masked(a_);
  if (given.online_softmax && whole_rows)
    refuse_given(context_, layer_, "softmax",
                 "expected \"whole_rows\", because online softmax is a form of softmax attention that has no mask and "
                 "that no backward pass follows, found \"online\"");
  check_passes(context_, layer_,
               static_cast<double>(a_.instances) * a_.heads *
                   static_cast<double>(ceil_div(a_.n_kv, given.token_chunk)) *
                   static_cast<double>(ceil_div(a_.n_q, given.query_chunk)));
  check_room(context_, layer_, bytes_of(given), builder_.capacity());
}

void AttentionMapper::map_head() {
  switch (kind_) {
    case AttentionKind::kSoftmax:
      return softmax_head();
    case AttentionKind::kSparse:
      return sparse_head();
    case AttentionKind::kTaylor:
    case AttentionKind::kTaylorElided:
    case AttentionKind::kUnified:
    case AttentionKind::kUnifiedAdditive:
      return taylor_head();
    case AttentionKind::kReluLinear:
      return relu_linear_head();
    case AttentionKind::kTaylorReleased:  // AttentionTraits::mapped is false
    case AttentionKind::kAuto:
      break;
  }
  throw std::logic_error(std::string("no mapper for attention ") + to_string(kind_));
}

std::vector<Bytes> AttentionMapper::buffer_list(const AttentionMapping& p) const {
  if (kind_ == AttentionKind::kSoftmax) return softmax_buffers(a_, config_, p);
  const Bytes keys = Bytes{p.token_chunk} * a_.d_qk;
  const Bytes k = element_ * keys + (guard_bit() ? ceil_div(keys, 8) : 0), v = element_ * p.token_chunk * a_.d_v,
              q = element_ * p.query_chunk * a_.d_qk;
  // T holds T_N and then Z; t_D is behind it.
  const Bytes t_element = a_.d_qk <= config_.matrix_engine.rows ? wide_ : std::max(wide_, context_.partial_bytes());
  const Bytes t = t_element * p.query_chunk * a_.d_v;
  std::vector<Bytes> list;
  const auto add = [&list](int count, Bytes each) { list.insert(list.end(), static_cast<std::size_t>(count), each); };
  add(p.sets[0], k), add(p.sets[1], v), add(p.sets[2], q), add(p.sets[3], t);
  if (!low_rank() && a_.bias_params > 0) list.push_back(element_ * p.query_chunk * a_.n_kv);
  if (low_rank()) {
    list.push_back(context_.partial_bytes() * a_.d_qk * a_.d_v);  // G
    for (int i = 0; i < 2; ++i) {
      if (centres_keys()) list.push_back(context_.partial_bytes() * a_.d_qk);  // 1^T K, then K_bar
      list.push_back(context_.partial_bytes() * a_.d_qk);                      // k_hat_sum
      if (centres_keys()) list.push_back(context_.partial_bytes() * a_.d_v);   // v_sum
    }
    for (int i = 0; i < 2; ++i) list.push_back(context_.partial_bytes() * p.query_chunk);  // t_D
    if (first_order_bias()) {
      list.push_back(element_ * p.query_chunk * a_.n_kv);
      list.push_back(context_.partial_bytes() * p.query_chunk * a_.d_v);  // B V
    }
  }
  if (sparse_) {
    for (const Bytes bytes : sparse_->buffer_list(p.token_chunk, p.query_chunk)) list.push_back(bytes);
  }
  return list;
}

namespace {

using BufferSets = std::array<std::array<int, 4>, 6>;
constexpr BufferSets kDenseSets{{{2, 2, 2, 2}, {2, 2, 1, 2}, {2, 2, 2, 1}, {2, 2, 1, 1}, {2, 1, 1, 1}, {1, 1, 1, 1}}};
// The prediction runs one head ahead of the products, so it needs the next K and Q early, but not V.
constexpr BufferSets kSparseSets{{{2, 2, 2, 2}, {2, 1, 2, 2}, {2, 2, 2, 1}, {2, 1, 2, 1}, {2, 1, 1, 1}, {1, 1, 1, 1}}};

}  // namespace

std::vector<AttentionMapping> AttentionMapper::chunks_that_fit(Bytes capacity, std::size_t most) const {
  const int rows = config_.matrix_engine.rows;
  const BufferSets& all_sets = kind_ == AttentionKind::kSparse ? kSparseSets : kDenseSets;
  int token_chunk = a_.n_kv, query_chunk = a_.n_q;
  const auto halve = [rows](int size) {
    return static_cast<int>(std::max<std::int64_t>(ceil_div(ceil_div(size, 2), rows) * rows, 1));
  };
  std::vector<AttentionMapping> found;
  while (true) {
    for (const Sets& sets : all_sets) {
      const AttentionMapping candidate{token_chunk, query_chunk, in_place_.without(sets)};
      if (bytes_of(candidate) <= capacity) found.push_back(candidate);
      if (found.size() == most) return found;
    }
    // The sparse part reads all keys once per chunk of queries, so the keys are kept whole as long as they fit.
    if (query_chunk > 1 && (query_chunk >= token_chunk || token_chunk <= rows || (sparse_ && query_chunk > rows))) {
      query_chunk = query_chunk > rows ? halve(query_chunk) : query_chunk / 2;
    } else if (token_chunk > rows) {
      token_chunk = halve(token_chunk);
    } else {
      return found;
    }
  }
}

std::optional<AttentionMapping> AttentionMapper::largest_chunks(Bytes capacity) const {
  const std::vector<AttentionMapping> found = chunks_that_fit(capacity, 1);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

// What else than the first choice the layer could do. How much room masks need differs from layer to layer, and so do
// the plans.
const LayerMapping* AttentionMapper::alternative() {
  constexpr std::size_t kMostPlans = 10;
  const AttentionMapping first = choose_chunks(builder_.capacity());
  const std::vector<AttentionMapping> fit = chunks_that_fit(builder_.capacity(), kMostPlans);
  std::vector<std::int64_t> key = context_.attention_key(layer_);
  key.insert(key.begin(), -1);  // apart from GEMMs
  key.insert(key.end(), {builder_.capacity(), in_place_.number()});
  std::vector<LayerMapping> plans{first};
  for (const AttentionMapping& plan : fit) {
    key.insert(key.end(), {plan.token_chunk, plan.query_chunk});
    key.insert(key.end(), plan.sets.begin(), plan.sets.end());
    const auto same = [&plan](const LayerMapping& other) {
      const auto& known = std::get<AttentionMapping>(other);
      return !known.online_softmax && plan.token_chunk == known.token_chunk && plan.query_chunk == known.query_chunk &&
             plan.sets == known.sets;
    };
    if (std::none_of(plans.begin(), plans.end(), same)) plans.push_back(plan);
  }
  return context_.alternative(layer_, key, [&] { return plans; });
}

// Blocks repeat, and so do their plans. A backward pass needs rows of P as they are, and masks are of whole rows.
std::optional<AttentionMapping> AttentionMapper::best_softmax(Bytes capacity) const {
  const std::optional<AttentionMapping> whole_rows = largest_chunks(capacity);
  if (context_.saved != nullptr || is_masked(a_)) return whole_rows;
  std::vector<std::int64_t> key = context_.attention_key(layer_);
  key.insert(key.end(), {capacity, in_place_.number()});
  const auto known = context_.softmax_plans.find(key);
  if (known != context_.softmax_plans.end()) return known->second;
  SoftmaxPlanner planner(a_, config_, context_.prices, capacity, context_.dram_bytes_per_cycle(), in_place_);
  return context_.softmax_plans[key] = planner.choose(whole_rows);
}

AttentionMapping AttentionMapper::choose_chunks(Bytes capacity) const {
  if (const std::optional<AttentionMapping> found = best(capacity)) return *found;
  const int tokens = std::min(config_.matrix_engine.rows, a_.n_kv);
  throw InfeasibleError("layer " + context_.layer(layer_).name + ": one tile of its attention (" +
                        std::to_string(a_.n_kv) + " keys, d = " + std::to_string(a_.d_qk) +
                        ", e = " + std::to_string(a_.d_v) + ") needs " +
                        std::to_string(bytes_of({tokens, 1, in_place_.without(kDenseSets.back())})) +
                        " bytes, the scratchpad has " + std::to_string(capacity) + " (scratchpad.capacity_kib)");
}

// Must be in the order of buffer_list().
void AttentionMapper::take_buffers(const std::vector<BufferId>& buffers) {
  auto next = buffers.cbegin();
  const auto take = [&](Ring& ring, int count) {
    for (int i = 0; i < count; ++i) ring.buffers.push_back(*next++);
  };
  take(k_, plan_.sets[0]), take(v_, plan_.sets[1]), take(q_, plan_.sets[2]), take(t_, plan_.sets[3]);
  if (kind_ == AttentionKind::kSoftmax) take(z_, plan_.online_softmax ? plan_.result_sets : plan_.sets[3]);
  if (plan_.online_softmax) take(row_numbers_, plan_.result_sets);
  if (!low_rank() && a_.bias_params > 0) take(bias_, 1);
  if (low_rank()) {
    take(g_, 1);
    for (int i = 0; i < 2; ++i) {
      take(mean_, centres_keys() ? 1 : 0), take(key_sum_, 1), take(value_sum_, centres_keys() ? 1 : 0);
    }
    take(denominator_, 2);
    if (first_order_bias()) take(bias_, 1), take(bias_sum_, 1);
  }
  if (sparse_) sparse_->take_buffers(next);
  if (a_.bias_params > 0 && (!low_rank() || first_order_bias()))
    bias_tensor_ =
        context_.add_weight(context_.layer(layer_).name + ".bias", layer_, a_.heads * a_.n_q, a_.n_kv, element_);
  context_.note(layer_, plan_text());
}

std::string AttentionMapper::plan_text() const {
  const auto number = [](std::int64_t x) { return std::to_string(x); };
  return (plan_.online_softmax ? "online softmax, " : "") + number(ceil_div(a_.n_kv, plan_.token_chunk)) +
         " key chunks of " + number(plan_.token_chunk) + ", " + number(ceil_div(a_.n_q, plan_.query_chunk)) +
         " query chunks of " + number(plan_.query_chunk) + ", buffers K x" + number(plan_.sets[0]) + " V x" +
         number(plan_.sets[1]) + " Q x" + number(plan_.sets[2]) + " T x" + number(plan_.sets[3]) +
         (plan_.online_softmax ? " Z x" + number(plan_.result_sets) : "");
}

TilePlace AttentionMapper::load(const HeadColumns& from, int tokens_per_instance, int depth, const Chunk& chunk,
                                Ring& ring, OperatorId op_index) {
  const int input = context_.layer(layer_).inputs[static_cast<std::size_t>(from.input)];
  const int row = instance_ * tokens_per_instance + chunk.first, col = from.offset + head_ * from.head_stride;
  if (context_.resident.count(input) > 0) return resident_place(input, row, col);
  const BufferId buffer = ring.take();
  Transfer load =
      builder_.make_transfer(context_.input_tensor(layer_, from.input), row, col, chunk.count, depth, buffer);
  const bool is_coded = coded(context_, input, load);
  builder_.transfer(UnitKind::kDmaLoad, layer_, op_index, {load});
  if (is_coded) decode(context_, layer_, op_index, load);
  return buffer;
}

TilePlace AttentionMapper::resident_place(int layer, int row, int col) const {
  for (const ResidentTile& tile : context_.resident.at(layer))
    if (tile.col <= col && col < tile.col + tile.cols)
      return {tile.buffer, row * tile.cols + col - tile.col, tile.cols};
  throw std::logic_error("a head that lies in no tile of what stayed in the scratchpad");
}

void AttentionMapper::save(TensorId SavedAttention::*field, const char* suffix, SavedShape shape, const Chunk& rows,
                           BufferId buffer, OperatorId op_index) {
  if (context_.saved == nullptr) return;
  TensorId& tensor = context_.saved->attention[static_cast<std::size_t>(layer_)].*field;
  const int all = a_.instances * a_.heads * shape.rows;
  if (tensor == kNone)
    tensor = builder_.add_tensor(context_.layer(layer_).name + suffix, TensorRole::kActivation, layer_, all, shape.cols,
                                 shape.each * all * shape.cols);
  const int row = (instance_ * a_.heads + head_) * shape.rows + rows.first;
  builder_.transfer(UnitKind::kDmaStore, layer_, op_index,
                    {builder_.make_transfer(tensor, row, 0, rows.count, shape.cols, buffer)});
}

void AttentionMapper::store(OperatorId op_index, const Chunk& chunk, TilePlace from) {
  const Transfer transfer = builder_.make_transfer(output_, instance_ * a_.n_q + chunk.first, head_ * a_.d_v,
                                                   chunk.count, a_.d_v, from.buffer, from.offset, from.stride);
  if (plan_.results == ResultPlace::kScratchpad) {
    builder_.show(JobKind::kStore, layer_, op_index, transfer);
    return;
  }
  builder_.transfer(UnitKind::kDmaStore, layer_, op_index, {transfer});
}

BufferId AttentionMapper::load_bias(OperatorId op_index, const Chunk& queries, const Chunk& keys) {
  const BufferId buffer = bias_.take();
  const std::array<int, 5> tile{head_, queries.first, queries.count, keys.first, keys.count};
  if (tile == bias_tile_) return buffer;
  bias_tile_ = tile;
  builder_.transfer(UnitKind::kDmaLoad, layer_, op_index,
                    {builder_.make_transfer(bias_tensor_, head_ * a_.n_q + queries.first, keys.first, queries.count,
                                            keys.count, buffer)});
  return buffer;
}

std::optional<AttentionEstimate> estimate_attention(MappingContext& context, int layer, Bytes capacity,
                                                    const OperandsInPlace& in_place) {
  return AttentionMapper(context, layer, context.attention_kind(layer), nullptr, kNone).estimate(capacity, in_place);
}

std::optional<AttentionInPlace> attention_in_place(MappingContext& context, int layer, Bytes capacity,
                                                   const AttentionMapping* given) {
  return AttentionMapper(context, layer, context.attention_kind(layer), nullptr, kNone).in_place(capacity, given);
}

void map_attention_layer(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks,
                         TensorId output) {
  AttentionMapper(context, layer, kind, masks, output).map();
}

}  // namespace vitality
