#include "evaluate/reference_evaluation.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "base/parallel.h"

namespace vitality {
namespace {

constexpr std::size_t kBlock = 64;  // images between two updates of progress and checkpoint
constexpr int kTopRanks = 5;

static_assert(std::is_trivially_copyable_v<AttentionStatistics>, "checkpoints keep its bytes");

std::string packed(const ImageOutcome& outcome) {
  std::string bytes(reinterpret_cast<const char*>(outcome.logits.data()), outcome.logits.size() * sizeof(double));
  bytes.append(reinterpret_cast<const char*>(outcome.layers.data()),
               outcome.layers.size() * sizeof(AttentionStatistics));
  return bytes;
}

ImageOutcome unpacked(const std::string& bytes, std::size_t classes, std::size_t layers) {
  ImageOutcome outcome{std::vector<double>(classes), std::vector<AttentionStatistics>(layers)};
  const std::size_t logits = classes * sizeof(double), rest = layers * sizeof(AttentionStatistics);
  if (bytes.size() != logits + rest) throw std::runtime_error("a record of the checkpoint has another size");
  std::memcpy(outcome.logits.data(), bytes.data(), logits);
  std::memcpy(static_cast<void*>(outcome.layers.data()), bytes.data() + logits, rest);
  return outcome;
}

// For each layer its index among the attention layers.
std::vector<std::size_t> attention_places(const VitModel& model, std::size_t& count) {
  std::vector<std::size_t> places(model.layers.size());
  count = 0;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (std::holds_alternative<Attention>(model.layers[i].parameters)) places[i] = count++;
  return places;
}

void count_mask(const Mask& mask, bool dense_fallback, AttentionStatistics& statistics) {
  const Count kept = kept_entries(mask);
  statistics.entries += static_cast<Count>(mask.size());
  statistics.kept += kept, statistics.executed += kept;
  for (int r = 0; r < mask.rows() && dense_fallback; ++r) {
    const bool empty = std::all_of(mask.row(r), mask.row(r) + mask.cols(), [](auto entry) { return entry == 0; });
    if (empty) statistics.executed += mask.cols();
  }
}

void add(const ImageOutcome& outcome, std::size_t image, const std::vector<int>* labels, int softmax_class,
         KindEvaluation& kind) {
  for (std::size_t l = 0; l < kind.layers.size(); ++l) kind.layers[l].add(outcome.layers[l]);
  const int best = best_class(outcome.logits);
  if (softmax_class >= 0) kind.agreement.add(best == softmax_class);
  if (labels == nullptr) return;
  kind.top1.add(best == (*labels)[image]);
  kind.top5.add(is_among(outcome.logits, (*labels)[image], kTopRanks));
}

}  // namespace

ImageOutcome evaluate_image(const VitModel& model, const ModelWeights& weights, const reference::ForwardOptions& given,
                            MatrixD image) {
  ImageOutcome outcome;
  std::size_t layers = 0;
  const std::vector<std::size_t> places = attention_places(model, layers);
  outcome.layers.resize(layers);
  const auto statistics = [&](int layer) -> AttentionStatistics& {
    return outcome.layers[places[static_cast<std::size_t>(layer)]];
  };
  reference::ForwardOptions options = given;
  options.weights = &weights.of_layers();
  options.measure_ranges = false;
  options.mask = [&](int layer, int instance, int head, const MatrixD& q, const MatrixD& k) {
    Mask mask = given.mask ? given.mask(layer, instance, head, q, k) : predict_mask(q, k, given.predictor);
    const bool sparse = attention_kind(given, model, layer) == AttentionKind::kSparse;
    count_mask(mask, sparse && given.empty_rows == EmptyRows::kDense, statistics(layer));
    return mask;
  };
  options.head = [&](const reference::AttendedHead& head) {
    measure(head, attention_kind(given, model, head.layer) == AttentionKind::kSoftmax, statistics(head.layer));
  };
  const ImageParameters parameters(weights, std::move(image));
  const int last = static_cast<int>(model.layers.size()) - 1;
  reference::ForwardPass pass(model, parameters, options);
  for (int i = 0; i < last; ++i) pass.drop(i);
  pass.reach(last);
  const MatrixD& logits = pass.result().outputs.back();
  outcome.logits.assign(logits.data(), logits.data() + logits.size());
  return outcome;
}

ReferenceEvaluation evaluate_reference(const EvaluationRequest& request, Checkpoint& checkpoint) {
  const VitModel& model = request.model;
  const std::size_t kinds = request.kinds.size();
  const auto classes = static_cast<std::size_t>(output_shape(model.layers.back()).cols);
  std::size_t layers = 0, softmax = kinds;
  attention_places(model, layers);
  ReferenceEvaluation evaluation;
  for (std::size_t k = 0; k < kinds; ++k) {
    evaluation.kinds.push_back({request.kinds[k].name, {}, {}, {}, std::vector<AttentionStatistics>(layers)});
    if (request.kinds[k].softmax) softmax = k;
  }
  std::vector<ImageOutcome> outcomes;
  for (std::size_t first = 0; first < request.count; first += kBlock) {
    const std::size_t images = std::min(kBlock, request.count - first);
    outcomes.assign(images * kinds, {});
    for_each_index(request.threads, images * kinds, [&](std::size_t item) {
      const std::size_t image = first + item / kinds, kind = item % kinds;
      outcomes[item] =
          checkpoint.has(static_cast<std::int64_t>(kind), image)
              ? unpacked(checkpoint.read(static_cast<std::int64_t>(kind), image), classes, layers)
              : evaluate_image(model, request.weights, *request.kinds[kind].options(), request.images.image(image));
    });
    for (std::size_t item = 0; item < outcomes.size(); ++item) {
      const std::size_t image = first + item / kinds, kind = item % kinds;
      const ImageOutcome& outcome = outcomes[item];
      const ImageOutcome* const exact = softmax < kinds ? &outcomes[item - kind + softmax] : nullptr;
      add(outcome, image, request.labels, exact != nullptr ? best_class(exact->logits) : -1, evaluation.kinds[kind]);
      if (kind == 0 && request.keep_logits)
        evaluation.logits.insert(evaluation.logits.end(), outcome.logits.begin(), outcome.logits.end());
      if (!checkpoint.has(static_cast<std::int64_t>(kind), image))
        checkpoint.add(static_cast<std::int64_t>(kind), image, packed(outcome));
    }
    if (request.progress) request.progress(static_cast<double>(first + images) / static_cast<double>(request.count));
  }
  return evaluation;
}

}  // namespace vitality
