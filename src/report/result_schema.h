// JSON Schema (draft 2020-12) of a result, from the list of its fields: the type, the unit and the description of each.
#pragma once

#include <string>

namespace vitality {

std::string result_schema();

}  // namespace vitality
