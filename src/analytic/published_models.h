// The cost models that the authors of Sanger, ViTCoD and SALO published as code, unchanged and corrected; the latencies
// in their papers come from them. Pure formulas in cycles; the facts are from the repositories, the code is our own.
//
// Sources (repository @ commit: file:lines)
//   Sanger  hatsu3/Sanger @ 2c2ed6b: bench_sanger.py:7-29 (formula 1); @ 5d99ba3: bench_sanger_v2.py:7-56 (formula 2)
//   ViTCoD  GATECH-EIC/ViTCoD @ b2f7fb5: Hardware/Simulator/ViTCoD.py, ViT_FFN.py, SRAM.py, reorder.py; logs
//   masks/deit_tiny_lowrank/*.txt SALO    sjtu-zhao-lab/SALO @ 07252a8: performance_model/performance_model.py:18-62
//   (attention); @ dd5fe3c: the same file:54-58 (projections)
#pragma once

#include <vector>

#include "analytic/analytic_result.h"
#include "tensor/mask.h"

namespace vitality {

// ---- Sanger: 64 rows x 16 PEs; density = kept / total (their "sparsity"), load_balance = PackSplit::utilization.

struct SangerCycles {
  double prediction = 0, linear = 0, attention = 0, projection = 0;
  double total() const { return prediction + linear + attention + projection; }
};
enum class SangerFormula { kThroughput = 1, kPipeline = 2 };
// One transformer layer of `width` features over `tokens` tokens. As published: the mask also speeds up the projection
// behind attention, though that is dense, and prediction takes no time. Corrected: the projection is dense, and the 64
// x 64 low-precision predictor computes all scores before the first tile starts.
SangerCycles sanger_cycles(SangerFormula formula, bool corrected, int tokens, int width, double density,
                           double load_balance);

// ---- ViTCoD: 64 lines of `height` MACs split between heads; Q and K travel encoded (ratio 2/3), everything in 8 bit.

struct VitcodMachine {
  int lines = 64, height = 8;
  double bytes_per_cycle = 76.8 * 1024 * 1024 * 1024 / 500e6;  // the released code counts 76.8 GiB/s
  double ratio = 2.0 / 3;
};
// A head's mask after polarising (tensor/mask.h).
struct PolarisedHead {
  int tokens = 0, global = 0;
  Count sparse = 0;  // entries outside the global columns
};
PolarisedHead polarised_head(const Mask& mask);

struct VitcodAttention {
  double preload = 0, decode = 0, compute = 0;
};
VitcodAttention vitcod_attention(const VitcodMachine& machine, const PolarisedHead& head, int heads, int features);
struct VitcodLinear {
  double preload = 0, compute = 0;
};
// Q, K, V projections and the projection behind attention of one block; `embedding` = width of the model.
VitcodLinear vitcod_projections(const VitcodMachine& machine, int tokens, int heads, int features, int embedding);
// One MLP of 4 x embedding. As published, its weights load in no time if there are fewer tokens than MACs.
VitcodLinear vitcod_mlp(const VitcodMachine& machine, bool corrected, int tokens, int embedding);

// ---- SALO: rows x cols PEs with one global row and column, and a window of keys for each query.

struct SaloMachine {
  int rows = 32, cols = 32, global = 1;
  double peak_macs_per_cycle() const {
    return static_cast<double>(rows) * cols + static_cast<double>(global) * rows + cols;
  }
};
struct SaloCycles {
  double attention = 0, projection_in = 0, projection_out = 0;
  double utilization = 0;  // their measure: work of attention over peak
};
// As published: projections at the utilization of attention, times an unexplained factor of 0.14. Corrected: without
// this factor.
SaloCycles salo_cycles(const SaloMachine& machine, bool corrected, int tokens, int window, int heads, int features);

// ---- A whole model by the config's cost_model.

// masks: [layer][instance * heads + head]; empty for layers without attention (SALO needs none). Layers that the
// formula leaves out take no time as published (they are named as not charged), and run at the dense rate of the array
// when corrected. Throws InfeasibleError, naming the layer, if the shape of an attention layer is not covered by the
// formula.
SimulationResult published_model(const HardwareConfig& config, const VitModel& model,
                                 const std::vector<std::vector<Mask>>& masks);

}  // namespace vitality
