// --mean and --std of the commands that read images.
#pragma once

#include <string>

#include "evaluate/images.h"

namespace vitality::cli {

// Numbers separated by commas, one a channel or one for all; InputError that names the option.
Normalisation normalisation(const std::string& mean, const std::string& deviation, int channels);

}  // namespace vitality::cli
