#include "cli/normalisation.h"

#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace vitality::cli {
namespace {

// A number a channel; one number is every channel's.
std::vector<double> channel_numbers(const std::string& option, const std::string& text, int channels, bool positive) {
  std::vector<double> numbers;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string word = text.substr(begin, end == std::string::npos ? end : end - begin);
    char* rest = nullptr;
    const double value = std::strtod(word.c_str(), &rest);
    const bool good = !word.empty() && *rest == '\0' && std::isfinite(value) && (!positive || value > 0);
    if (!good)
      throw InputError("", "",
                       "option --" + option + ": expected " + (positive ? "positive " : "") +
                           "numbers separated by commas, found " + vitality::quoted(text));
    numbers.push_back(value);
  }
  if (numbers.size() == 1) numbers.assign(static_cast<std::size_t>(channels), numbers[0]);
  if (numbers.size() != static_cast<std::size_t>(channels))
    throw InputError("", "",
                     "option --" + option + ": " + std::to_string(numbers.size()) +
                         " numbers, expected one for each of " + std::to_string(channels) + " channels");
  return numbers;
}

}  // namespace

Normalisation normalisation(const std::string& mean, const std::string& deviation, int channels) {
  return {channel_numbers("mean", mean, channels, false), channel_numbers("std", deviation, channels, true)};
}

}  // namespace vitality::cli
