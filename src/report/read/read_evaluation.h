// Checks the JSON of `vitality evaluate --result`, so that the page can rely on the names and numbers that it draws.
#pragma once

#include "report/read/report_input.h"

namespace vitality {

// Throws InputError with the pointer of the first error.
void check_evaluation(const JsonValue& document, const std::string& file);

}  // namespace vitality
