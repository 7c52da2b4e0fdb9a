#include "cost/dram_model.h"

#include "cost/bandwidth_dram.h"
#include "cost/banked_dram.h"

namespace vitality {

std::unique_ptr<DramBackend> make_dram_model(const DramConfig& config, double clock_mhz) {
  if (config.model == DramModel::kBanked) return std::make_unique<BankedDram>(config, clock_mhz);
  DramAddressMap(config.device, config.channels, config.address_map);  // refuses what the other back end would
  return std::make_unique<BandwidthDram>(config, clock_mhz);
}

}  // namespace vitality
