// Names of DRAM address maps: the fields of a burst's address from the most significant to the least, joined by
// underscores, as in row_bank_column_bankgroup. `row`, `bank`, `bankgroup` and `column` appear exactly once. `rank` and
// `channel` may be left out: the rank is then placed just below the row, the channel just above the burst.
#pragma once

#include <string>
#include <vector>

namespace vitality {

enum class AddressField { kRow, kRank, kBank, kBankGroup, kColumn, kChannel };

// All six fields, most significant first. Throws InputError(file, pointer, ...) naming the wrong word and the nearest
// right one.
std::vector<AddressField> parse_address_map(const std::string& name, const std::string& file,
                                            const std::string& pointer);

}  // namespace vitality
