#include "mapping/forward/residency_steps.h"

#include <algorithm>
#include <variant>

namespace vitality {

ResidencySteps::ResidencySteps(const MappingContext& context, int layers, int images)
    : context_(context), images_(images) {
  for (int index = 0; index < layers; ++index) {
    if (!context_.selected(index) || std::holds_alternative<GivenTensor>(layer(index).parameters)) continue;
    ResidencyStep step{StepKind::kOther, index, index};
    const Layer& l = layer(index);
    if (std::holds_alternative<Linear>(l.parameters) || std::holds_alternative<Conv2d>(l.parameters)) {
      describe_gemm(step);
    } else if (std::holds_alternative<Attention>(l.parameters)) {
      const AttentionKind kind = context_.attention_kind(index);
      if (traits(kind).uses_mask) {  // how much room it needs depends on the masks: it has all of it
        step.smallest_room = context_.builder.capacity();
      } else {
        step.kind = StepKind::kAttention;
        step.can_keep = true;
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
  find_uses();
}

void ResidencySteps::describe_gemm(ResidencyStep& step) const {
  step.kind = StepKind::kGemm;
  step.gemm = vitality::describe_gemm(context_, step.first);
  step.problem = problem_of(context_, step.first, step.gemm);
  step.problem.images = images_;
  step.can_keep = true;
  int current = step.first;
  for (const int next : epilogue_layers(context_, step.first)) {
    const Layer& l = layer(next);
    const bool adds =
        std::holds_alternative<Add>(l.parameters) || std::holds_alternative<PositionEmbedding>(l.parameters);
    step.problem.adds += adds;
    step.problem.functions += !adds && !std::holds_alternative<ConcatToken>(l.parameters) &&
                              is_charged(l, context_.config) && !is_folded(l, context_.config);
    if (std::holds_alternative<Add>(l.parameters)) step.added.push_back(l.inputs[l.inputs[0] == current ? 1 : 0]);
    current = next;
  }
  step.last = current;
}

void ResidencySteps::find_uses() {
  uses_.resize(context_.model.layers.size());
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const ResidencyStep& step = steps_[s];
    const auto add = [&](int output, ReadAs as) {
      if (!is_model_input(output)) uses_[static_cast<std::size_t>(output)].push_back({static_cast<int>(s), as, false});
    };
    const std::vector<int>& inputs = layer(step.first).inputs;
    const bool every = std::holds_alternative<Attention>(layer(step.first).parameters);  // input is an operand
    for (std::size_t i = 0; i < inputs.size(); ++i) add(inputs[i], i == 0 || every ? ReadAs::kOperand : ReadAs::kOther);
    for (const int output : step.added) add(output, ReadAs::kAdded);
  }
  for (std::size_t output = 0; output < uses_.size(); ++output)
    for (ResidencyUse& use : uses_[output]) use.able = able(static_cast<int>(output), use);
}

bool ResidencySteps::able(int output, const ResidencyUse& use) const {
  const ResidencyStep& step = steps_[static_cast<std::size_t>(use.step)];
  const std::vector<ResidencyUse>& all = uses(output);
  const auto same_step =
      std::count_if(all.begin(), all.end(), [&](const ResidencyUse& u) { return u.step == use.step; });
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
      return can_gather(std::get<Conv2d>(layer(step.first).parameters), made_tiles(output));
    case StepKind::kAttention:
      return all.size() == 1 &&
             takes_heads_in_place(step.first, std::get<Attention>(layer(step.first).parameters), output);
    case StepKind::kUncharged:
      return true;
    case StepKind::kOther:
      return false;
  }
  return false;
}

std::vector<ResidentTile> ResidencySteps::made_tiles(int output) const {
  const auto* attention = std::get_if<Attention>(&layer(output).parameters);
  return column_tiles(output_shape(layer(output)).cols, context_.config.matrix_engine.cols,
                      attention != nullptr ? attention->d_v : 0);
}

bool ResidencySteps::takes_heads_in_place(int index, const Attention& a, int output) const {
  const int cols = context_.config.matrix_engine.cols;
  if (traits(context_.attention_kind(index)).uses_mask || a.d_qk > cols || a.d_v > cols) return false;
  int end = 0;  // the heads must be the whole input, one after the other
  std::vector<ResidentTile> tiles = head_tiles(a, input_of(index, output));
  std::sort(tiles.begin(), tiles.end(), [](const ResidentTile& x, const ResidentTile& y) { return x.col < y.col; });
  for (const ResidentTile& tile : tiles) {
    if (tile.col != end) return false;
    end = tile.col + tile.cols;
  }
  return end == output_shape(layer(output)).cols;
}

std::optional<AttentionInput> ResidencySteps::attention_that_reads(int output) const {
  for (const ResidencyUse& use : uses(output))
    if (use.able && use.as == ReadAs::kOperand)
      if (const auto* attention = std::get_if<Attention>(&layer(at(use.step).first).parameters))
        return AttentionInput{attention, input_of(at(use.step).first, output)};
  return std::nullopt;
}

bool ResidencySteps::can_work_in_turn(int step) const {
  const ResidencyStep& producer = at(step);
  const std::vector<ResidencyUse>& readers = uses(producer.last);
  if (images_ > 1 || producer.kind != StepKind::kGemm || producer.gemm.groups > 1 || producer.problem.adds > 0 ||
      readers.size() != 1 || context_.users[static_cast<std::size_t>(producer.last)] != 1)
    return false;
  const ResidencyUse& reader = readers.front();
  if (reader.step != step + 1 || !reader.able || reader.as != ReadAs::kOperand) return false;
  const ResidencyStep& consumer = at(reader.step);
  if (consumer.first != producer.last + 1) return false;
  for (int l = producer.first + 1; l <= producer.last; ++l)
    if (std::holds_alternative<ConcatToken>(layer(l).parameters)) return false;
  if (const auto* attention = std::get_if<Attention>(&layer(consumer.first).parameters))
    return attention->instances == 1 && layer(consumer.first).inputs.size() == 1;
  const auto* conv = std::get_if<Conv2d>(&layer(consumer.first).parameters);
  return consumer.kind == StepKind::kGemm && consumer.problem.m == producer.problem.m &&
         (conv == nullptr || is_pixel_wise(*conv));
}

}  // namespace vitality
