#include "cost/dram_address.h"

#include "base/error.h"

namespace vitality {
namespace {

int log2_of(std::int64_t value, const char* key) {
  int bits = 0;
  while (bits < 40 && (std::int64_t{1} << bits) < value) ++bits;
  if (value < 1 || (std::int64_t{1} << bits) != value) {
    throw InputError("", std::string("/dram/device/") + key, "expected a power of two, found " + std::to_string(value));
  }
  return bits;
}

}  // namespace

DramAddressMap::DramAddressMap(const DramDevice& device, int channels, const std::string& name) : channels_(channels) {
  if (channels < 1) throw InputError("", "/dram/channels", "expected at least 1, found " + std::to_string(channels));
  const auto fields = parse_address_map(name, "", "/dram/address_map");
  if (device.row_bytes < device.burst_bytes())
    throw InputError("", "/dram/device/row_bytes", "a row must hold at least one burst");
  row_.bits = log2_of(device.rows, "rows");
  rank_.bits = log2_of(device.ranks, "ranks");
  bank_.bits = log2_of(device.banks_per_group, "banks_per_group");
  bank_group_.bits = log2_of(device.bank_groups, "bank_groups");
  column_.bits = log2_of(device.row_bytes, "row_bytes") - log2_of(device.burst_bytes(), "bus_bits");
  int shift = 0;
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (*field == AddressField::kChannel) {
      channel_shift_ = shift;
      continue;
    }
    Field& target = *field == AddressField::kRow         ? row_
                    : *field == AddressField::kRank      ? rank_
                    : *field == AddressField::kBank      ? bank_
                    : *field == AddressField::kBankGroup ? bank_group_
                                                         : column_;
    target.shift = shift;
    shift += target.bits;
  }
  if (shift + log2_of(device.burst_bytes(), "bus_bits") > 50) {
    throw InputError("", "/dram/device/rows", "a channel of more than 2^50 bytes");
  }
  capacity_ = (Bytes{device.burst_bytes()} << shift) * channels;
}

}  // namespace vitality
