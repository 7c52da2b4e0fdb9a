// Nanoseconds per burst of the memory back ends: sequential transfers as a DMA makes them, and random single bursts.
#include <cstdio>
#include <ctime>
#include <functional>
#include <random>

#include "cost/dram_model.h"

using namespace vitality;

namespace {

// CPU time, so that a busy machine tells the same.
double seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// `total` bytes in transfers of `chunk`, `outstanding` at a time, every fourth one a write.
void measure(const char* name, DramModel model, Bytes total, Bytes chunk, int outstanding, bool random) {
  DramConfig config;
  config.model = model;
  const auto memory = make_dram_model(config, 500);
  std::mt19937_64 generator(1);
  Cycles now = 0;
  std::int64_t next = 0, wakes = 0;
  const std::int64_t transfers = total / chunk;
  const double time = seconds([&] {
    std::vector<std::int64_t> completed;
    const auto submit = [&] {
      const Bytes address = random ? static_cast<Bytes>(generator() % (Bytes{1} << 32)) / 64 * 64
                                   : next % 2 * (Bytes{1} << 30) + next * chunk;
      memory->submit(next, address, chunk, next % 4 == 3, now);
      ++next;
    };
    while (next < outstanding) submit();
    for (std::int64_t ended = 0; ended < transfers;) {
      now = memory->next_event();
      completed.clear();
      memory->advance_to(now, completed);
      ++wakes;
      for (std::size_t i = 0; i < completed.size(); ++i, ++ended) {
        if (next < transfers) submit();
      }
    }
  });
  const double bursts = static_cast<double>(total) / 64, moved = static_cast<double>(total);
  std::printf("%-40s %7.1f ns/burst %8.0f ns/transfer %6.2f wakes/transfer  %5.1f GB/s simulated\n", name,
              time * 1e9 / bursts, time * 1e9 / static_cast<double>(transfers),
              static_cast<double>(wakes) / static_cast<double>(transfers), moved / (static_cast<double>(now) * 2));
}

}  // namespace

int main() {
  constexpr Bytes kTotal = Bytes{1} << 28;
  measure("banked, 8 KiB transfers, 1 outstanding", DramModel::kBanked, kTotal, 8192, 1, false);
  measure("banked, 8 KiB transfers, 4 outstanding", DramModel::kBanked, kTotal, 8192, 4, false);
  measure("banked, 64 KiB transfers, 2 outstanding", DramModel::kBanked, kTotal, 65536, 2, false);
  measure("banked, 64 B random, 128 outstanding", DramModel::kBanked, kTotal / 16, 64, 128, true);
  measure("bandwidth, 8 KiB transfers, 4 outstanding", DramModel::kBandwidth, kTotal, 8192, 4, false);
}
