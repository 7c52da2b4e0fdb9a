// Changes single values of a JSON document, as the command line and sweeps do with mapping files.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace vitality {

// Whether a setting's key is a JSON pointer into a document, and no dotted key.
bool is_pointer_setting(const std::string& key);

// JSON, or a word that is none.
JsonDocument value_of_text(const std::string& text);

// settings: POINTER=VALUE, "/layers/blocks.*.attn.qkv/row_tile=64". The pointer is one of RFC 6901 in which a * stands
// for any characters of a member's name; each value that it names is replaced. VALUE is JSON, or a word. Adds an error
// if the document has no such value or if it is an object; later errors about a new value name `option`, "--set" or
// where else the setting comes from.
void set_values(JsonDocument& document, const std::vector<std::string>& settings, const std::string& option,
                Diagnostics& diagnostics);

}  // namespace vitality
