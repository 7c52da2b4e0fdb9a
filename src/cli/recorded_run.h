// The request of the run that wrote a result, from its manifest.
#pragma once

#include <string>

#include "cli/run_request.h"

namespace vitality::cli {

// text: the result of a `vitality run`; file: its name, for errors. Throws InputError.
RunRequest recorded_request(const std::string& text, const std::string& file);

}  // namespace vitality::cli
