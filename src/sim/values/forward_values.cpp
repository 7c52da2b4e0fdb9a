// Values of the jobs of a forward pass but transfers and the sparse unit's: passes of the arrays, lanes, additions, and
// element-wise functions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "reference/layers.h"
#include "sim/values/value_executor.h"
#include "tensor/matrix_ops.h"

namespace vitality {

// The factor that turns the sums of a pass into the units of its result.
// Over 60 lines: a row for each role of an operator.
double ValueExecutor::fold_factor(const Job& job) const {
  if (!in_forward(job)) {  // real numbers; dense scores are formed once more
    const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
    return role(job) == OperatorRole::kRowSums ? 1 / std::sqrt(static_cast<double>(a->d_qk)) : 1;
  }
  auto& self = const_cast<ValueExecutor&>(*this);
  switch (role(job)) {
    case OperatorRole::kGemm:
      return plan_.input_scale(job.layer, 0) * weight_scale(job.layer) / plan_.scale(job.layer);
    case OperatorRole::kContext: {
      const AttentionScales& s = self.attention(job.layer);
      return s.k * s.v / s.context;
    }
    case OperatorRole::kNumerator: {
      const AttentionScales& s = self.attention(job.layer);
      return s.q * s.context / s.numerator;
    }
    case OperatorRole::kScores:
    case OperatorRole::kRowSums: {
      const AttentionScales& s = self.attention(job.layer);
      const auto& a = std::get<Attention>(layer(job.layer).parameters);
      return s.q * s.k / std::sqrt(static_cast<double>(a.d_qk)) / s.scores;
    }
    case OperatorRole::kWeightedValues: {
      const AttentionScales& s = self.attention(job.layer);
      return s.probability * s.v / s.result;
    }
    case OperatorRole::kKeyMean:
    case OperatorRole::kCentreKeys:
    case OperatorRole::kRectify:
    case OperatorRole::kKeySum:
    case OperatorRole::kValueSum:
    case OperatorRole::kDenominator:
    case OperatorRole::kQuotient:
    case OperatorRole::kSoftmax:
    case OperatorRole::kPrediction:
    case OperatorRole::kSparseScores:
    case OperatorRole::kSparseSoftmax:
    case OperatorRole::kSparseValues:
    case OperatorRole::kMerge:
    case OperatorRole::kElementwise:
    case OperatorRole::kPool:
    case OperatorRole::kRearrange:
    case OperatorRole::kLoss:
    case OperatorRole::kInputGradient:
    case OperatorRole::kWeightGradient:
    case OperatorRole::kNormGradient:
    case OperatorRole::kActivationGradient:
    case OperatorRole::kGradientSum:
    case OperatorRole::kNumeratorGradient:
    case OperatorRole::kDenominatorGradient:
    case OperatorRole::kQueryGradient:
    case OperatorRole::kContextGradient:
    case OperatorRole::kValueSumGradient:
    case OperatorRole::kKeySumGradient:
    case OperatorRole::kValueGradient:
    case OperatorRole::kKeyGradient:
    case OperatorRole::kProbabilityGradient:
    case OperatorRole::kScoreGradient:
    case OperatorRole::kUpdate:
      break;
  }
  throw std::logic_error(std::string("no pass of a forward pass computes ") + to_string(role(job)));
}

// Computes a pass whose streamed and stationary tiles are unchanged since they were loaded; returns false for other
// passes.
bool ValueExecutor::loaded_pass(const Job& job, Tile sums, PassStart start) {
  if ((job.flags & (kTransposed | kIm2col | kStationaryTransposed)) != 0 ||
      !takes_codes(arithmetic_, job.m, job.k, job.n))
    return false;
  const CodeTile* const a =
      loaded_.streamed_codes(address(job.streamed, job.streamed_offset), job.streamed_stride, job.m, job.k);
  if (a == nullptr) return false;
  const std::int16_t* const b =
      loaded_.stationary_codes(address(job.stationary, job.stationary_offset), job.stationary_stride, job.k, job.n);
  if (b == nullptr) return false;
  code_sums(job.m, job.k, job.n, *a, b, sums, start);
  return true;
}

void ValueExecutor::pass(const Job& job, Tile sums, PassStart start) {
  ConstTile a = streamed(job), b{at(job.stationary, job.stationary_offset), job.stationary_stride};
  int groups = 1;
  if ((job.flags & kTransposed) != 0) {
    pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
    transpose(job.k, job.m, a, {pack_a_.data(), job.k});
    a = {pack_a_.data(), job.k};
  } else if ((job.flags & kIm2col) != 0) {
    const Im2colTile& tile = schedule_.im2col_tiles[job.im2col_tile()];
    groups = tile.groups;
    pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
    gather_patches(schedule_.geometries[static_cast<std::size_t>(tile.geometry)], tile.first_output, job.m,
                   tile.first_input_row, tile.first_k, job.k / groups, tile.first_group, groups, a.data,
                   {pack_a_.data(), job.k});
    a = {pack_a_.data(), job.k};
  }
  if ((job.flags & kStationaryTransposed) != 0) {
    pack_b_.resize(static_cast<std::size_t>(job.k) * static_cast<std::size_t>(job.n));
    transpose(job.n, job.k, b, {pack_b_.data(), job.n});
    b = {pack_b_.data(), job.n};
  }
  if (groups > 1) {
    grouped_pass_sums(arithmetic_, job.m, job.k, job.n, groups, a, b, sums, start);
  } else {
    pass_sums(arithmetic_, job.m, job.k, job.n, a, b, sums, start);
  }
}

void ValueExecutor::fold(const Job& job, UnitId unit) {
  const bool first = (job.flags & kFirst) != 0, last = (job.flags & kLast) != 0;
  // The partial sums of a layer are as wide as the pass, its result may be columns of a wider tile; those of a product
  // lie as its result does.
  Tile sums{nullptr, role(job) == OperatorRole::kGemm ? job.n : job.result_stride};
  if (job.partial != kNone) {
    sums.data = at(job.partial, job.partial_offset);
  } else {
    std::vector<double>& pes = sums_[unit];
    pes.resize(std::max(pes.size(), static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.n)));
    sums = {pes.data(), job.n};
  }
  const bool in_array =
      (job.flags & kOutputStationary) != 0 && (job.partial == kNone || (job.flags & kResultHeld) != 0);
  const PassStart start = first ? PassStart::kFirst : in_array ? PassStart::kContinue : PassStart::kAddOutside;
  if (!loaded_pass(job, sums, start)) pass(job, sums, start);
  if ((job.flags & kOntoResult) != 0) {  // first-order score bias: added to T_N
    if (!last) return;
    const AttentionScales& s = attention(job.layer);
    const auto& attention_layer = std::get<Attention>(layer(job.layer).parameters);
    const double factor =
        std::sqrt(static_cast<double>(attention_layer.d_qk)) * weight_scale(job.layer) * s.v / s.numerator;
    const Tile out = result(job);
    for (int r = 0; r < job.m; ++r)
      for (int c = 0; c < job.n; ++c)
        out.row(r)[c] = arithmetic_.wide(out.row(r)[c] + arithmetic_.wide(sums.row(r)[c] * factor));
    return;
  }
  if ((job.flags & kHasBias) != 0) {  // the row behind the stationary tile
    const bool grouped = (job.flags & kIm2col) != 0;
    const int rows = grouped ? job.k / schedule_.im2col_tiles[job.im2col_tile()].groups : job.k;
    const double* const bias = address(job.stationary, job.stationary_offset + rows * job.n);
    loaded_.read(bias, job.n);
    add_bias(arithmetic_, job.m, job.n, bias, sums);
  }
  if (last)
    requantise(in_forward(job) ? arithmetic_ : gradient_arithmetic(job), job.m, job.n, {sums.data, sums.stride},
               fold_factor(job), (job.flags & kWide) != 0, result(job));
}

// Scores of keys that a query does not see.
void ValueExecutor::hide_keys(const Job& job) {
  const auto* rows = std::get_if<ScoreRows>(&job.detail);
  if (rows == nullptr) return;
  const auto& a = std::get<Attention>(layer(job.layer).parameters);
  double* const scores = at(job.streamed);
  for (int r = 0; r < job.m; ++r)
    for (int c = 0; c < job.n; ++c)
      if (!sees(a, rows->instance, rows->first_query + r, c))
        scores[static_cast<std::ptrdiff_t>(r) * job.n + c] = -std::numeric_limits<double>::infinity();
}

// Over 60 lines: a branch for each kind of job on lanes.
void ValueExecutor::lanes(const Job& job) {
  const OperatorRole op_role = role(job);
  const bool scaled = is_scaled(config_.precision);
  const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
  const AttentionScales* s = a != nullptr ? &attention(job.layer) : nullptr;
  const double root_d = a != nullptr ? std::sqrt(static_cast<double>(a->d_qk)) : 1;
  // Elided Taylor has 1 / (n sqrt d) in G already; formats with scales have it in G's scale.
  const double elided_numerator = a == nullptr || !scaled ? 1 : s->numerator / (a->n_kv * root_d);
  switch (job.kind) {
    case JobKind::kColumnSum:
      column_sums(arithmetic_, job.m, job.n, streamed(job), (job.flags & kFirst) != 0, at(job.result));
      break;
    case JobKind::kMeanDivide:
      if (op_role == OperatorRole::kValueSum) {  // elided: V_bar in units of the numerator
        divide_by_constant(arithmetic_, job.n, at(job.streamed), std::get<MeanOver>(job.detail).rows,
                           s->v / elided_numerator, true, at(job.result));
      } else {
        const double factor =
            op_role == OperatorRole::kPool ? plan_.input_scale(job.layer, 0) / plan_.scale(job.layer) : 1;
        divide_by_constant(arithmetic_, job.n, at(job.streamed), std::get<MeanOver>(job.detail).rows, factor, false,
                           at(job.result));
      }
      break;
    case JobKind::kSubtractRow:
      subtract_row(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), result(job));
      break;
    case JobKind::kScaleVector: {
      double* out = at(job.result);
      const double* in = at(job.streamed);
      const int count = job.m * job.n;
      if (op_role == OperatorRole::kContext) {
        // Formats with scales choose G's scale so that the stored numbers do not change (ValuePlan); the others
        // multiply.
        const double factor = scaled ? 1 : 1 / (a->n_kv * root_d);
        for (int i = 0; i < count; ++i) out[i] = arithmetic_.store(in[i] * factor);
      } else {
        const double factor = root_d * (scaled ? s->v / s->numerator : 1);
        for (int i = 0; i < count; ++i) out[i] = arithmetic_.wide(in[i] * factor);
      }
      break;
    }
    case JobKind::kDotProduct:
      dot_products(arithmetic_, job.m, job.k, streamed(job), at(job.stationary), at(job.result));
      break;
    case JobKind::kAddConstant: {
      // Taylor attention has no epsilon, ReLU-linear attention without one has no such job.
      const double constant = arithmetic_.wide((a->epsilon != 0 ? a->epsilon : a->n_kv * root_d) / (s->q * s->k));
      double* out = at(job.result);
      for (int i = 0; i < job.m; ++i) out[i] = arithmetic_.wide(at(job.streamed)[i] + constant);
      break;
    }
    case JobKind::kRectify:
      rectify(job.m, job.n, streamed(job), result(job));
      break;
    case JobKind::kAddRow:
      add_row(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), (job.flags & kLast) != 0,
              elided_numerator / s->result, result(job));
      break;
    case JobKind::kRowDivide:
      divide_rows(arithmetic_, job.m, job.n, streamed(job), at(job.stationary),
                  s->numerator / (s->q * s->k * ((job.flags & kWide) != 0 ? s->wide_result : s->result)),
                  (job.flags & kWide) != 0, result(job));
      break;
    case JobKind::kSoftmaxRows:
      hide_keys(job);
      softmax_rows(arithmetic_, job.m, job.n, streamed(job), s->scores, 1 / s->probability, result(job));
      break;
    case JobKind::kOnlineSoftmax:
      online_softmax(arithmetic_, job.m, job.n, streamed(job), s->scores, 1 / s->exponential, (job.flags & kFirst) != 0,
                     at(job.partial), result(job));
      break;
    case JobKind::kRescaleRows:
      if ((job.flags & kLast) != 0) {
        divide_by_sums(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), s->exponential * s->v / s->result,
                       result(job));
      } else {
        rescale_rows(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), result(job));
      }
      break;
    case JobKind::kLoad:
    case JobKind::kStore:
    case JobKind::kFold:
    case JobKind::kAddMatrix:
    case JobKind::kElementwise:
    case JobKind::kScaleColumns:
    case JobKind::kMultiplyMatrix:
    case JobKind::kPredict:
    case JobKind::kSddmm:
    case JobKind::kRowSums:
    case JobKind::kSparseSoftmax:
    case JobKind::kSpmm:
    case JobKind::kMerge:
    case JobKind::kCode:
    case JobKind::kClear:
    case JobKind::kLossGradient:
    case JobKind::kNormGradient:
    case JobKind::kActivationGradient:
    case JobKind::kSoftmaxGradient:
    case JobKind::kRowProducts:
    case JobKind::kAddOuter:
    case JobKind::kUpdate:
    case JobKind::kSparseSoftmaxGradient:
    case JobKind::kRowTerms:
    case JobKind::kUnifiedGradient:
    case JobKind::kSpmmTransposed:
      throw std::logic_error(std::string("no lane computes job ") + to_string(job.kind));
  }
}

void ValueExecutor::add_matrix(const Job& job) {
  const ConstTile second{at(job.stationary, job.stationary_offset), job.stationary_stride};
  if (role(job) == OperatorRole::kScores) {  // the score bias
    const AttentionScales& s = attention(job.layer);
    const double factor = weight_scale(job.layer) / s.scores;
    const ConstTile x = streamed(job);
    const Tile y = result(job);
    for (int r = 0; r < job.m; ++r)
      for (int c = 0; c < job.n; ++c)
        y.row(r)[c] = arithmetic_.wide(x.row(r)[c] + arithmetic_.wide(second.row(r)[c] * factor));
    return;
  }
  const double out = plan_.scale(job.layer);
  double first_scale = plan_.input_scale(job.layer, 0), second_scale = 1;
  if (const auto* add = std::get_if<Add>(&layer(job.layer).parameters)) {
    second_scale = plan_.input_scale(job.layer, 1);
    if ((job.flags & kSwapped) != 0) std::swap(first_scale, second_scale);
    if (add->mean) first_scale /= 2, second_scale /= 2;  // a shift, or a smaller exponent
  } else {
    second_scale = weight_scale(job.layer);
  }
  add_scaled(arithmetic_, job.m, job.n, streamed(job), first_scale / out, second, second_scale / out, result(job));
}

void ValueExecutor::multiply_matrix(const Job& job) {
  const double factor = plan_.input_scale(job.layer, 0) * plan_.input_scale(job.layer, 1) / plan_.scale(job.layer);
  const auto* between = std::get_if<TensorPair>(&job.detail);
  if (between == nullptr) {
    const ConstTile second{at(job.stationary, job.stationary_offset), job.stationary_stride};
    return multiply_scaled(arithmetic_, job.m, job.n, streamed(job), second, factor, result(job));
  }
  tensor(between->target);
  loaded_.leave(between->target);
  const MatrixD &a = tensor(between->source), &b = tensor(between->second);
  MatrixD& y = tensors_[between->target];
  multiply_scaled(arithmetic_, job.m, job.n, {a.data(), a.cols()}, {b.data(), b.cols()}, factor, {y.data(), y.cols()});
  for (const TensorId source : {between->source, between->second}) {
    --reads_left_[source];
    drop_if_done(source);
  }
  note_write(between->target);
}

void ValueExecutor::activate(int layer_index, ActivationKind function, const double* x, std::size_t count, double* y) {
  const double in = plan_.input_scale(layer_index, 0);
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * in;
  reference::activate(function, y, count, y);
  arithmetic_.store(y, count, 1 / plan_.scale(layer_index), y);
}

void ValueExecutor::elementwise_tile(int layer_index, int m, int n, int first_column, ConstTile x, Tile y) {
  const Layer& l = layer(layer_index);
  const double in = plan_.input_scale(layer_index, 0), out = 1 / plan_.scale(layer_index);
  if (const auto* activation = std::get_if<Activation>(&l.parameters)) {
    const MatrixD& results = constants(layer_index).results;
    for (int r = 0; r < m; ++r) {
      if (results.empty()) {
        activate(layer_index, activation->function, x.row(r), static_cast<std::size_t>(n), y.row(r));
      } else {
        look_up(n, x.row(r), results.data() + results.size() / 2, y.row(r));
      }
    }
  } else if (const auto* batch = std::get_if<BatchNorm>(&l.parameters)) {
    const LayerConstants& k = constants(layer_index);
    for (int c = 0; c < n; ++c) {
      const int channel = first_column + c;
      const double factor = k.scale(0, channel) / std::sqrt(k.variance(0, channel) + batch->epsilon);
      const double shift = k.shift(0, channel) - k.mean(0, channel) * factor;
      for (int r = 0; r < m; ++r) y.row(r)[c] = arithmetic_.store((x.row(r)[c] * in * factor + shift) * out);
    }
  } else if (std::holds_alternative<LayerScale>(l.parameters)) {
    const double* const gamma = constants(layer_index).scale.data() + first_column;
    for (int r = 0; r < m; ++r) {
      for (int c = 0; c < n; ++c) y.row(r)[c] = x.row(r)[c] * in * gamma[c];
      arithmetic_.store(y.row(r), static_cast<std::size_t>(n), out, y.row(r));
    }
  } else if (const auto* norm = std::get_if<LayerNorm>(&l.parameters)) {
    const LayerConstants& k = constants(layer_index);
    const auto count = static_cast<std::size_t>(n);
    for (int r = 0; r < m; ++r) {
      const double* const from = x.row(r);
      double* const to = y.row(r);
      for (int c = 0; c < n; ++c) to[c] = from[c] * in;
      reference::layer_norm(to, count, k.scale.data(), k.shift.data(), norm->epsilon, to);
      arithmetic_.store(to, count, out, to);
    }
  } else {
    throw std::logic_error(std::string("no tile arithmetic of layer ") + kind_name(l));
  }
}

void ValueExecutor::elementwise(const Job& job) {
  if (const auto* step = std::get_if<ElementwiseStep>(&job.detail)) {
    elementwise_tile(job.layer, job.m, job.n, step->first_channel, streamed(job), result(job));
    return;
  }
  // An uncharged layer works between two tensors.
  const TensorId source = std::get<TensorPair>(job.detail).source, target = std::get<TensorPair>(job.detail).target;
  tensor(target);
  loaded_.leave(target);
  const MatrixD& x = tensor(source);
  MatrixD& y = tensors_[target];
  elementwise_tile(job.layer, job.m, job.n, 0, {x.data(), x.cols()}, {y.data(), y.cols()});
  --reads_left_[source];
  drop_if_done(source);
  note_write(target);
}

}  // namespace vitality
