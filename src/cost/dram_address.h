// Where a byte address lies in a DRAM: the channel, and within it rank, bank group, bank, row and column, as a named
// map says (config/address_map.h). Addresses are cut into bursts. All fields but the channel are powers of two, so the
// number of channels is free. Whatever the map, the bursts of an ascending address range that fall into one channel are
// numbered consecutively there ("channel bursts"), so a request is one run of them per channel. Rows wrap at the
// device's capacity.
#pragma once

#include <array>
#include <string>

#include "base/units.h"
#include "config/address_map.h"
#include "config/dram_device.h"

namespace vitality {

struct DramLocation {
  int rank = 0, bank_group = 0, bank = 0;  // bank: within its group
  int flat_bank = 0;                       // (rank * bank_groups + bank_group) * banks_per_group + bank
  std::int64_t row = 0, column = 0;        // column: in bursts
};

class DramAddressMap {
 public:
  // Throws InputError for an unknown map, or a device whose counts are not powers of two.
  DramAddressMap(const DramDevice& device, int channels, const std::string& name);

  int channels() const { return channels_; }
  Bytes capacity() const { return capacity_; }  // of all channels
  // Channel of a burst (address / burst_bytes), and its position among that channel's bursts.
  int channel_of(std::int64_t burst) const { return static_cast<int>((burst >> channel_shift_) % channels_); }
  std::int64_t channel_burst(std::int64_t burst) const { return bursts_before(burst, channel_of(burst)); }
  // How many of the bursts 0 .. burst - 1 lie in `channel`: a range [a, b) is that channel's [before(a), before(b)).
  std::int64_t bursts_before(std::int64_t burst, int channel) const {
    const std::int64_t block = burst >> channel_shift_;
    const std::int64_t round = block / channels_;
    const int partial = static_cast<int>(block - round * channels_);
    const std::int64_t within = burst - (block << channel_shift_);
    return (round << channel_shift_) + (partial > channel    ? std::int64_t{1} << channel_shift_
                                        : partial == channel ? within
                                                             : 0);
  }
  DramLocation locate(std::int64_t channel_burst) const {
    DramLocation at;
    at.rank = static_cast<int>(rank_.of(channel_burst));
    at.bank_group = static_cast<int>(bank_group_.of(channel_burst));
    at.bank = static_cast<int>(bank_.of(channel_burst));
    at.flat_bank = (((at.rank << bank_group_.bits) | at.bank_group) << bank_.bits) | at.bank;
    at.row = row_.of(channel_burst);
    at.column = column_.of(channel_burst);
    return at;
  }

 private:
  struct Field {
    int shift = 0, bits = 0;
    std::int64_t of(std::int64_t burst) const { return (burst >> shift) & ((std::int64_t{1} << bits) - 1); }
  };
  int channels_, channel_shift_ = 0;
  Bytes capacity_ = 0;
  Field row_, rank_, bank_, bank_group_, column_;
};

}  // namespace vitality
