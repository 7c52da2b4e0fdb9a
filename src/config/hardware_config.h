// A machine, resolved: every value that the JSON may set, with its default (the published ViTALiTy accelerator,
// docs/hardware.md section 1) in this one place. JSON keys are the member names, nested as the structs are
// (matrix_engine.rows, dram.channels, ...).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/enum_table.h"
#include "base/units.h"
#include "config/dram_device.h"
#include "config/energy_table.h"
#include "config/machine_part.h"
#include "config/machine_traits.h"
#include "tensor/precision.h"
#include "workload/attention_kind.h"

namespace vitality {

enum class Dataflow { kInputStationary, kOutputStationary };
constexpr const char* to_string(Dataflow value) {
  switch (value) {
    case Dataflow::kInputStationary:
      return "input_stationary";
    case Dataflow::kOutputStationary:
      return "output_stationary";
  }
  return nullptr;
}
// down_forward: partial sums leave the array at the bottom and are added outside, G is written out and read back (the
// paper's choice); g_stationary: G is formed output stationary and stays in the PEs as the stationary operand of Q G
// (the paper's ablation).
enum class Accumulation { kDownForward, kGStationary };
constexpr const char* to_string(Accumulation value) {
  switch (value) {
    case Accumulation::kDownForward:
      return "down_forward";
    case Accumulation::kGStationary:
      return "g_stationary";
  }
  return nullptr;
}
enum class AttentionBias { kDrop, kFirstOrder };
constexpr const char* to_string(AttentionBias value) {
  switch (value) {
    case AttentionBias::kDrop:
      return "drop";
    case AttentionBias::kFirstOrder:
      return "first_order";
  }
  return nullptr;
}
enum class DramModel { kBandwidth, kBanked };
constexpr const char* to_string(DramModel value) {
  switch (value) {
    case DramModel::kBandwidth:
      return "bandwidth";
    case DramModel::kBanked:
      return "banked";
  }
  return nullptr;
}
enum class Charge { kNotCharged, kCharged };
constexpr const char* to_string(Charge value) {
  switch (value) {
    case Charge::kNotCharged:
      return "not_charged";
    case Charge::kCharged:
      return "charged";
  }
  return nullptr;
}
enum class NocTopology { kBus, kMesh };
constexpr const char* to_string(NocTopology value) {
  switch (value) {
    case NocTopology::kBus:
      return "bus";
    case NocTopology::kMesh:
      return "mesh";
  }
  return nullptr;
}
// How addresses are spread over the scratchpad's lanes (cost/scratchpad_lanes.h).
enum class ScratchpadLayout { kSkewed, kLinear };
constexpr const char* to_string(ScratchpadLayout value) {
  switch (value) {
    case ScratchpadLayout::kSkewed:
      return "skewed";
    case ScratchpadLayout::kLinear:
      return "linear";
  }
  return nullptr;
}
// kPattern: the design of the machine fixes the mask: ViTCoD's global tokens and diagonal band, SALO's window, dilation
// and global tokens.
enum class SparsitySource { kPredicted, kFile, kDensity, kPattern };
constexpr const char* to_string(SparsitySource value) {
  switch (value) {
    case SparsitySource::kPredicted:
      return "predicted";
    case SparsitySource::kFile:
      return "file";
    case SparsitySource::kDensity:
      return "density";
    case SparsitySource::kPattern:
      return "pattern";
  }
  return nullptr;
}
enum class CostModel { kSimulated, kAsPublished, kCorrected };
constexpr const char* to_string(CostModel value) {
  switch (value) {
    case CostModel::kSimulated:
      return "simulated";
    case CostModel::kAsPublished:
      return "as_published";
    case CostModel::kCorrected:
      return "corrected";
  }
  return nullptr;
}
// What the mapper minimises: cycles, energy, or their product.
enum class MappingObjective { kLatency, kEnergy, kEdp };
constexpr const char* to_string(MappingObjective value) {
  switch (value) {
    case MappingObjective::kLatency:
      return "latency";
    case MappingObjective::kEnergy:
      return "energy";
    case MappingObjective::kEdp:
      return "edp";
  }
  return nullptr;
}

struct MatrixEngineConfig {
  int rows = 64, cols = 64;
  Dataflow dataflow = Dataflow::kInputStationary;
  bool stationary_prefetch = false;
  Accumulation accumulation = Accumulation::kDownForward;
  int count = 1;  // number of arrays like this one; the same for every unit below that has a count
};
struct DiagonalEngineConfig {  // SA-Diag: one column of PEs, one beside each SA-General; absent: that computes t_D
  bool enabled = true;
  int rows = 64;
};
struct LaneConfig {  // an array of identical lanes, one element per lane and interval
  int lanes = 64;
  int latency_cycles = 1;
  int initiation_interval = 1;
  int count = 1;
};
struct SpecialFunctionConfig {  // layer norm, activations, softmax rows, pooling, batch norm: the paper draws no unit
                                // for them
  Charge charge = Charge::kNotCharged;  // does not apply to softmax, which is always charged
  int lanes = 64;
  int latency_cycles = 8;
  int initiation_interval = 1;
  int exp_latency_cycles = 2;
  int count = 1;
};
struct SparseUnitConfig {
  bool enabled = false;
  int pe_rows = 64, pes_per_row = 16;  // Sanger: 64 rows x 16 reconfigurable PEs
  int predictor_rows = 64, predictor_cols = 64;
  int exp_lanes = 64, exp_latency_cycles = 2;
  double encoded_share = 1;  // ViTCoD: encoded heads in memory per head of Q and K; 1: no encoder
  int count = 1;             // of each: predictor, sparse engine, exp unit
};
// Ports of a bank: one that reads and one that writes, or one for both.
enum class ScratchpadPorts { kReadAndWrite, kShared };
constexpr const char* to_string(ScratchpadPorts value) {
  switch (value) {
    case ScratchpadPorts::kReadAndWrite:
      return "read_and_write";
    case ScratchpadPorts::kShared:
      return "shared";
  }
  return nullptr;
}
struct ScratchpadConfig {
  int capacity_kib = 200;
  int banks = 4;
  int port_bytes = 256;  // per bank and cycle and port
  ScratchpadPorts ports = ScratchpadPorts::kReadAndWrite;
  ScratchpadLayout layout = ScratchpadLayout::kSkewed;
  bool stationary_load_ports = false;  // loads of stationary tiles share the ports and links with the streams [A]

  // Through the ports of all banks, each way; with shared ports both ways together.
  std::int64_t bytes_per_cycle() const { return std::int64_t{banks} * port_bytes; }
};
struct NocConfig {
  NocTopology topology = NocTopology::kBus;
  int link_bytes = 1024;  // per cycle
  int hop_latency_cycles = 1;
  int mesh_width = 2;
};
struct DramConfig {
  DramDevice device;
  int channels = 4;
  DramModel model = DramModel::kBandwidth;
  std::string address_map = "row_bank_column_bankgroup";
  int queue_depth = 32;
};
// What the transfers of a channel's jobs get of the memory: equal shares, or the one that comes first in the program
// all of it.
enum class DmaPolicy { kFair, kInOrder };
constexpr const char* to_string(DmaPolicy value) {
  switch (value) {
    case DmaPolicy::kFair:
      return "fair";
    case DmaPolicy::kInOrder:
      return "in_order";
  }
  return nullptr;
}
struct DmaConfig {
  int max_outstanding = 4;                 // jobs in flight, each channel
  DmaPolicy policy = DmaPolicy::kInOrder;  // [A]
};
struct ControllerConfig {
  int issue_cycles = 0;      // cycles that the controller takes to decode and issue a job, one after the other; 0: none
                             // [A]
  int descriptor_bytes = 0;  // fetched from DRAM for each job before it can be issued; 0: none [A]
  int descriptor_queue = 32;  // descriptors that the controller holds of jobs that it has not issued [A]
};
struct PipelineConfig {
  bool intra_layer = true;
  // Rows of a result go through a FIFO to the unit that works on them next, while the rest is computed
  // (docs/architecture.md).
  bool row_streaming = false;
  int fifo_rows = 4;  // rows that a FIFO holds [A]
};
// Where activations live between layers. kChip: in the scratchpad from producer to consumer where they fit and the
// layers allow it (docs/mapping.md); kLayer: every layer reads from and writes to DRAM.
enum class MappingResidency { kLayer, kChip };
constexpr const char* to_string(MappingResidency value) {
  switch (value) {
    case MappingResidency::kLayer:
      return "layer";
    case MappingResidency::kChip:
      return "chip";
  }
  return nullptr;
}
// How mappings are found: by the estimate, or by simulating its best candidates until nothing improves
// (sim/mapping_search.h).
enum class MappingSearch { kEstimate, kSimulate };
constexpr const char* to_string(MappingSearch value) {
  switch (value) {
    case MappingSearch::kEstimate:
      return "estimate";
    case MappingSearch::kSimulate:
      return "simulate";
  }
  return nullptr;
}
struct MappingConfig {
  MappingObjective objective = MappingObjective::kEdp;
  MappingResidency residency = MappingResidency::kChip;  // [A]
  MappingSearch search = MappingSearch::kEstimate;
  // For the objective `energy`: DRAM bytes cost this share of their energy once more. No key: the mapper chooses it
  // (mapping/smaller_scratchpads.h). Of mappings that take the same energy, it then prefers those that move less.
  double byte_share = 0.1;
};
struct SparsityConfig {
  SparsitySource source = SparsitySource::kPredicted;
  std::string mask_file;
  double density = 0.1;
  double threshold = 0.02;
  int predictor_bits = 4;
  bool normalize_qk = true;
  int window = 64, dilation = 1, global_tokens = 1;  // used by SparsitySource::kPattern
  // SpAtten's predictor: token_keep and head_keep are the shares of tokens and heads that the last layer keeps;
  // token_front and head_front are the shares of layers, counted from the first, that prune no token and no head.
  double token_keep = 1, head_keep = 1, token_front = 0, head_front = 0;
  double value_keep = 1;                        // SpAtten: share of each row's probabilities that meet their value
  double hash_p = 1;                            // ELSA's predictor: 0 filters least (reference/hash_filter.h)
  double detector_rank = 0.25, row_keep = 0.1;  // DOTA's detector: rank / features of a head; kept share per row
};
enum class OptimizerChoice { kAdamW, kSgd };
constexpr const char* to_string(OptimizerChoice value) {
  switch (value) {
    case OptimizerChoice::kAdamW:
      return "adamw";
    case OptimizerChoice::kSgd:
      return "sgd";
  }
  return nullptr;
}
struct TrainingConfig {  // of run --mode training
  OptimizerChoice optimizer = OptimizerChoice::kAdamW;
  double learning_rate = 1e-3, momentum = 0.9, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.05;
  double loss_scale = 1024;  // a factor on the loss's gradient, taken out again by the update; 1 in fp64 and fp32
};
struct RooflineConfig {  // CPU, GPU: peak rates of the published data sheets
  double fp32_tflops = 0, fp16_tflops = 0, int8_tops = 0, bandwidth_gb_s = 0, tdp_w = 0;
};

struct HardwareConfig {
  std::string name = "vitality";
  std::string description;
  MachineKind machine = MachineKind::kVitality;
  double clock_mhz = 500;
  double technology_nm = 28;
  Precision precision = Precision::kInt16;
  AttentionKind attention = AttentionKind::kTaylor;
  AttentionBias attention_bias = AttentionBias::kDrop;
  bool batch_norm_folded = true;  // JSON: "batch_norm": "folded" | "separate"
  CostModel cost_model = CostModel::kSimulated;
  int published_formula = 1;  // Sanger released two: 1 throughput, 2 pipeline
  MatrixEngineConfig matrix_engine;
  DiagonalEngineConfig diagonal_engine;
  LaneConfig accumulators;
  LaneConfig dividers{64, 18, 1};
  LaneConfig adders;
  SpecialFunctionConfig special_functions;
  LaneConfig layer_norm{0, 8, 1};  // no lanes: the special functions do it
  SparseUnitConfig sparse_unit;
  ScratchpadConfig scratchpad;
  NocConfig noc;
  DramConfig dram;
  DmaConfig dma;
  ControllerConfig controller;
  PipelineConfig pipeline;
  MappingConfig mapping;
  SparsityConfig sparsity;
  TrainingConfig training;
  RooflineConfig roofline;
  EnergyTable energy;
  // What the units are made of; a unit without parts here has those of cost/parts.cpp.
  std::vector<MachinePart> parts;
  std::map<std::string, std::string> sources;  // dotted key -> source and mark (P, Q, C, A) of the value
};

inline bool is_roofline(const HardwareConfig& config) {
  return traits(config.machine).evaluation == MachineEvaluation::kRoofline;
}
inline bool is_measured(const HardwareConfig& config) {
  return traits(config.machine).evaluation == MachineEvaluation::kMeasured;
}

// Of all DRAM channels, per cycle of the machine's clock.
inline double peak_dram_bytes_per_cycle(const HardwareConfig& config) {
  return config.dram.device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz;
}

}  // namespace vitality
