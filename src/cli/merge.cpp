// vitality merge: joins the shards of a sweep into one store and one table.
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/options.h"
#include "cli/sweep_summary.h"
#include "explore/sweep.h"

namespace vitality::cli {

int merge_command(const Arguments& arguments) {
  namespace po = boost::program_options;
  po::options_description description("options");
  std::string directory;
  std::vector<std::string> shards;
  bool partial = false, quiet = false;
  // clang-format off
  description.add_options()
      ("out", po::value(&directory)->required(), "folder of the joined store and tables")
      ("partial", po::bool_switch(&partial), "accept missing or unfinished shards")
      ("quiet,q", po::bool_switch(&quiet), "print errors only")
      ("shard-dir", po::value(&shards), "folders written by sweep --shard (the words without a dash)");
  // clang-format on
  po::variables_map values;
  if (!parse_options(arguments, "usage: vitality merge --out DIR SHARD_DIR...", description, "shard-dir", values))
    return kDone;
  if (shards.empty()) throw InputError("", "", "expected at least one folder of a shard");
  const ExportSummary summary = merge_shards(directory, shards, partial);
  if (!quiet) std::cout << summary_text(summary, directory);
  return judge_summary(summary, directory, false);
}

}  // namespace vitality::cli
