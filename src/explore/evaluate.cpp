#include "explore/evaluate.h"

namespace vitality {

const std::array<TotalInfo, kTotalCount>& total_infos() {
  static const std::array<TotalInfo, kTotalCount> kInfos{{
      {"cycles", false},
      {"latency_ms", false},
      {"energy_mj", false},
      {"average_power_w", false},
      {"on_chip_power_w", false},
      {"area_mm2", false},
      {"macs", false},
      {"gops", false},
      {"gops_per_w", false},
      {"utilization", false},
      {"dram_read_bytes", false},
      {"dram_write_bytes", false},
      {"sram_read_bytes", false},
      {"sram_write_bytes", false},
      {"noc_byte_hops", false},
      {"operations.mul", false},
      {"operations.add", false},
      {"operations.div", false},
      {"operations.exp", false},
      {"operations.cmp", false},
      {"attention.cycles", false},
      {"attention.latency_ms", false},
      {"attention.energy_mj", false},
      {"attention.on_chip_power_w", false},
      {"attention.macs", false},
      {"attention.utilization", false},
      {"density", false},
      {"kept_density", false},
      {"max_abs_error", true},
      {"max_rel_error", true},
      {"cosine_similarity", true},
      {"within_tolerance", true},
      {"approximation.max_rel_error", true},
      {"approximation.cosine_similarity", true},
  }};
  return kInfos;
}

int find_total(const std::string& name) {
  for (std::size_t i = 0; i < kTotalCount; ++i)
    if (name == total_infos()[i].name) return static_cast<int>(i);
  return -1;
}

namespace {
constexpr const char* kStatusNames[] = {"ok", "infeasible", "failed", "timeout"};
}

const char* to_string(PointStatus status) {
  return kStatusNames[static_cast<int>(status)];
}

bool parse_point_status(const std::string& name, PointStatus& out) {
  for (int i = 0; i < 4; ++i)
    if (name == kStatusNames[i]) {
      out = static_cast<PointStatus>(i);
      return true;
    }
  return false;
}

}  // namespace vitality
