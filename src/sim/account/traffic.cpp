#include "sim/account/traffic.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <unordered_map>

namespace vitality {
namespace {

enum Cause { kFirstFetch, kRefetch, kHalo, kWriteBack };
constexpr int kDramCauses = 4;
const char* const kDramCauseNames[kDramCauses] = {"first_fetch", "refetch", "halo", "write_back"};
enum Use { kStreamed, kStationary, kPartialRead, kPartialWritten, kResults, kFilled, kDrained };
constexpr int kUses = 7;
const char* const kUseNames[kUses] = {"streamed", "stationary", "partial_sums", "partial_sums_written",
                                      "results",  "filled",     "drained"};

// The rows of one block of columns that a layer has already read.
class Rows {
 public:
  // Marks rows [first, first + count) as read; returns how many of them were marked before.
  std::int32_t mark(std::int32_t first, std::int32_t count) {
    std::int32_t seen = 0;
    const auto last = static_cast<std::size_t>(first + count - 1) / 64;
    if (words_.size() <= last) words_.resize(last + 1);
    for (std::int32_t row = first; row < first + count;) {
      const std::int32_t bits = std::min(64 - row % 64, first + count - row);
      const std::uint64_t mask = (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1) << (row % 64);
      std::uint64_t& word = words_[static_cast<std::size_t>(row) / 64];
      seen += static_cast<std::int32_t>(std::bitset<64>(word & mask).count());
      word |= mask;
      row += bits;
    }
    return seen;
  }

 private:
  std::vector<std::uint64_t> words_;
};

// A block of columns of a tensor, as a layer reads it: layer, tensor, geometry and columns.
using Block = std::array<std::int32_t, 5>;
struct BlockHash {
  std::size_t operator()(const Block& block) const {
    std::uint64_t hash = 0;
    for (const std::int32_t part : block) hash = (hash ^ static_cast<std::uint32_t>(part)) * 0x9E3779B97F4A7C15ULL;
    return hash ^ hash >> 32;
  }
};

class Traffic {
 public:
  Traffic(const RunRecord& run, std::vector<LayerResult>& layers)
      : run_(run), layers_(layers), dram_(layers.size()), uses_(layers.size()) {}

  void attribute(const std::vector<ShapeCount>& shapes) {
    count_weight_reads();
    count_uses(shapes);
    for (const Job& job : run_.schedule.jobs) {
      dram_[static_cast<std::size_t>(job.layer)][kDescriptorOperand][kFirstFetch] += run_.descriptor_bytes(job.unit, 1);
      if (job.kind != JobKind::kLoad && job.kind != JobKind::kStore) continue;
      for (const Transfer& transfer : run_.schedule.transfers_of(job)) {
        if (job.kind == JobKind::kStore) {
          dram_[static_cast<std::size_t>(job.layer)][kStoredOperand][kWriteBack] += transfer.bytes;
        } else {
          count_load(job, transfer);
        }
      }
    }
    write();
  }

 private:
  // Weights that are read a whole number of times need no list of rows: the first round is the first fetch.
  void count_weight_reads() {
    weight_reads_.resize(run_.schedule.tensors.size());
    first_round_.resize(run_.schedule.tensors.size());
    for (const Job& job : run_.schedule.jobs) {
      if (job.kind != JobKind::kLoad) continue;
      for (const Transfer& transfer : run_.schedule.transfers_of(job)) {
        weight_reads_[transfer.tensor] += transfer.bytes;
      }
    }
    for (std::size_t t = 0; t < first_round_.size(); ++t) first_round_[t] = run_.schedule.tensors[t].bytes;
  }

  void count_uses(const std::vector<ShapeCount>& shapes) {
    for (const ShapeCount& shape : shapes)
      add_uses(uses_[static_cast<std::size_t>(shape.layer)], shape.kind,
               run_.costs.entries()[static_cast<std::size_t>(shape.entry)], shape.jobs);
  }

  static void add_uses(std::array<Bytes, kUses>& uses, JobKind kind, const JobCost& cost, Count jobs) {
    if (kind == JobKind::kLoad) {
      uses[kFilled] += jobs * cost.scratchpad_write;
    } else if (kind == JobKind::kStore) {
      uses[kDrained] += jobs * cost.scratchpad_read;
    } else {
      uses[kStreamed] += jobs * (cost.scratchpad_read - cost.stationary_read - cost.partial_read);
      uses[kStationary] += jobs * cost.stationary_read, uses[kPartialRead] += jobs * cost.partial_read;
      uses[kPartialWritten] += jobs * cost.partial_write;
      uses[kResults] += jobs * (cost.scratchpad_write - cost.partial_write);
    }
  }

  void count_load(const Job& job, const Transfer& t) {
    const ScheduledTensor& tensor = run_.schedule.tensors[t.tensor];
    auto& causes = dram_[static_cast<std::size_t>(job.layer)][static_cast<std::size_t>(tensor.role)];
    if (tensor.role == TensorRole::kWeight && weight_reads_[t.tensor] % tensor.bytes == 0) {
      Bytes& left = first_round_[t.tensor];
      const Bytes first = std::min(left, t.bytes);
      left -= first;
      causes[kFirstFetch] += first, causes[kRefetch] += t.bytes - first;
      return;
    }
    Rows& rows = read_[{{job.layer, t.tensor.value, t.geometry, t.col, t.cols}}];
    std::int32_t seen = 0;
    if (t.row_map == kNone) {
      seen = rows.mark(t.row, t.rows);
    } else {
      const std::vector<std::int32_t>& map = run_.schedule.row_maps[static_cast<std::size_t>(t.row_map)];
      for (std::int32_t r = t.row; r < t.row + t.rows; ++r) seen += rows.mark(map[static_cast<std::size_t>(r)], 1);
    }
    const Bytes row_bytes = t.rows > 0 ? t.bytes / t.rows : 0, again = row_bytes * seen;
    const LayerParameters& layer = run_.model.layers[static_cast<std::size_t>(job.layer)].parameters;
    const bool strips = std::holds_alternative<Conv2d>(layer) || std::holds_alternative<MeanPool>(layer);
    const bool shared = strips && again > 0 && again < row_bytes * t.rows;
    causes[shared ? kHalo : kRefetch] += again;
    causes[kFirstFetch] += t.bytes - again;
  }

  void write() {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      for (int o = 0; o < kTrafficOperands; ++o) {
        for (int c = 0; c < kDramCauses; ++c) {
          const Bytes bytes = dram_[l][static_cast<std::size_t>(o)][static_cast<std::size_t>(c)];
          if (bytes > 0) layers_[l].dram_traffic.push_back({operand_name(o), kDramCauseNames[c], bytes});
        }
      }
      for (int u = 0; u < kUses; ++u) {
        const Bytes bytes = uses_[l][static_cast<std::size_t>(u)];
        if (bytes > 0) layers_[l].scratchpad_traffic.emplace_back(kUseNames[u], bytes);
      }
    }
  }

  const RunRecord& run_;
  std::vector<LayerResult>& layers_;
  std::vector<std::array<std::array<Bytes, kDramCauses>, kTrafficOperands>> dram_;
  std::vector<std::array<Bytes, kUses>> uses_;
  IdVector<TensorId, Bytes> weight_reads_, first_round_;  // per tensor
  std::unordered_map<Block, Rows, BlockHash> read_;
};

}  // namespace

void attribute_traffic(const RunRecord& run, const std::vector<ShapeCount>& shapes, std::vector<LayerResult>& layers) {
  Traffic(run, layers).attribute(shapes);
}

}  // namespace vitality
