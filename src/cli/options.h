// Strict command lines for the subcommands: Boost.Program_options without guessed abbreviations, errors as InputError.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace vitality::cli {

// The one argument that makes a command print its options, one per line: name, number of words that it takes (0 or 1),
// description, separated by tabs. The shells' completions (src/cli/completion) call it, so they are always up to date.
constexpr const char* kListOptions = "--list-options";

// Parses `arguments` against `options` (to which --help and --version are added) and fills `values`. `positional` names
// the option that takes words without a dash ("" = none allowed). Prints the help or the version and returns false when
// --help or --version is given, else true. Unknown, repeated, incomplete and wrongly typed options throw InputError
// (with the nearest name where there is one). Never use an unsigned value type here (Boost wraps "-1"): take
// std::int64_t and call check_range.
bool parse_options(const Arguments& arguments, const std::string& usage,
                   boost::program_options::options_description options, const std::string& positional,
                   boost::program_options::variables_map& values);

// A number whose default the help prints in the fewest digits (0.005). Boost alone prints 0.0050000000000000001.
boost::program_options::typed_value<double>* number_option(double value);

// `vitality VERSION` on stdout.
void print_version();

// The option's word; InputError when it is not given.
std::string required(const boost::program_options::variables_map& values, const char* option);

// The index of an option's word in `names`; otherwise an InputError that lists them.
std::size_t choice(const std::string& word, const char* option, const std::vector<std::string>& names);

// Throws InputError unless low <= value <= high.
void check_range(const std::string& option, std::int64_t value, std::int64_t low, std::int64_t high);

// Throws InputError where an output of the command is its checkpoint too ("": not given).
void check_checkpoint(const std::string& checkpoint, const std::vector<std::string>& outputs);

}  // namespace vitality::cli
