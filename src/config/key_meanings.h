// What each key of a config, DRAM device and energy table means, and its unit: the words of their JSON Schemas, and by
// them of docs/interface. The keys themselves, with types, ranges and defaults, stand in config/fields.cpp; a test
// compares the two lists.
#pragma once

#include <string>
#include <vector>

namespace vitality {

struct KeyMeaning {
  const char* key;  // dotted; of the file in configs/memory or configs/energy with "memory:" or "energy:" in front, and
                    // FORMAT in place of a number format's name
  const char* unit;  // "" where the value has none
  const char* meaning;
};
const std::vector<KeyMeaning>& key_meanings();
const KeyMeaning& meaning_of(const std::string& key);  // std::logic_error for a key that is not in the list

}  // namespace vitality
