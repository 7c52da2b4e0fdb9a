// What a model does, as far as it matters for what can stay in the scratchpad: layers with their epilogues one after
// the other, and who reads which output. Internal to the mapping room.
#pragma once

#include <cstdint>
#include <vector>

#include "mapping/forward/residency.h"

namespace vitality {

enum class StepKind : std::uint8_t { kGemm, kAttention, kUncharged, kOther };
enum class ReadAs : std::uint8_t { kOperand, kAdded, kOther };

// A layer and its epilogue.
struct ResidencyStep {
  StepKind kind;
  int first, last;              // layers
  Gemm gemm = {};               // without tensors
  GemmProblem problem = {};     // of a GEMM
  std::vector<int> added = {};  // outputs that these add
  bool can_keep = false;        // its results can stay in the scratchpad
  Bytes smallest_room = 0;      // of layers whose rows go through buffers
};

// A step that reads an output.
struct ResidencyUse {
  int step;
  ReadAs as;
  bool able;  // to take it from the scratchpad
};

class ResidencySteps {
 public:
  // Of the first `layers` layers, each of `images` images together.
  ResidencySteps(const MappingContext& context, int layers, int images);

  const std::vector<ResidencyStep>& all() const { return steps_; }
  const ResidencyStep& at(int step) const { return steps_[static_cast<std::size_t>(step)]; }
  int count() const { return static_cast<int>(steps_.size()); }
  // Those of the output of `layer`, in the order of the steps.
  const std::vector<ResidencyUse>& uses(int layer) const { return uses_[static_cast<std::size_t>(layer)]; }
  // The widest tiles that this output has in the scratchpad unless attention takes it.
  int tile_width(int output) const;
  // The attention that can take this output from the scratchpad; null: none.
  const Attention* attention_that_reads(int output) const;
  // Whether the step's GEMM can leave its results in parts to the next step: rows to a GEMM, heads to attention.
  bool can_work_in_turn(int step) const;

 private:
  const Layer& layer(int index) const { return context_.layer(index); }
  void describe_gemm(ResidencyStep& step) const;
  void find_uses();
  bool able(int output, const ResidencyUse& use) const;
  bool takes_heads_in_place(int index, const Attention& attention) const;

  const MappingContext& context_;
  int images_;
  std::vector<ResidencyStep> steps_;
  std::vector<std::vector<ResidencyUse>> uses_;  // of every layer's output
};

}  // namespace vitality
