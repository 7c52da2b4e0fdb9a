#include "config/address_map.h"

#include <algorithm>

#include "base/error.h"

namespace vitality {
namespace {

const std::vector<std::string> kFieldNames{"row", "rank", "bank", "bankgroup", "column", "channel"};

[[noreturn]] void reject(const std::string& name, const std::string& file, const std::string& pointer,
                         const std::string& what) {
  throw InputError(
      file, pointer,
      "expected row, bank, bankgroup and column once each, rank and channel at will, most significant first, such as "
      "\"row_bank_column_bankgroup\"; \"" +
          name.substr(0, 100) + "\": " + what);
}

}  // namespace

std::vector<AddressField> parse_address_map(const std::string& name, const std::string& file,
                                            const std::string& pointer) {
  std::vector<AddressField> fields;
  const auto has = [&](AddressField field) { return std::find(fields.begin(), fields.end(), field) != fields.end(); };
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('_', at), name.size());
    const std::string word = name.substr(at, end - at);
    const auto found = std::find(kFieldNames.begin(), kFieldNames.end(), word);
    if (found == kFieldNames.end()) {
      reject(name, file, pointer, "unknown field \"" + word.substr(0, 40) + "\"" + suggestion(word, kFieldNames));
    }
    const auto field = static_cast<AddressField>(found - kFieldNames.begin());
    if (has(field)) reject(name, file, pointer, "field \"" + word + "\" stands twice");
    fields.push_back(field);
    at = end + 1;
  }
  for (const AddressField field :
       {AddressField::kRow, AddressField::kBank, AddressField::kBankGroup, AddressField::kColumn}) {
    if (!has(field))
      reject(name, file, pointer, "field \"" + kFieldNames[static_cast<std::size_t>(field)] + "\" is missing");
  }
  if (!has(AddressField::kRank)) {
    fields.insert(std::find(fields.begin(), fields.end(), AddressField::kRow) + 1, AddressField::kRank);
  }
  if (!has(AddressField::kChannel)) fields.push_back(AddressField::kChannel);
  return fields;
}

}  // namespace vitality
