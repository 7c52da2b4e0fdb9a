#include "report/trace/dram_commands.h"

#include <fmt/compile.h>
#include <fmt/format.h>

namespace vitality {

void write_dram_command_heading(std::FILE* stream) {
  fmt::print(stream, "cycle,channel,command,rank,bank_group,bank,row,column\n");
}

void write_dram_command(std::FILE* stream, int channel, const DramCommandRecord& c) {
  const bool whole_rank = c.command == DramCommand::kRefresh || c.command == DramCommand::kPrechargeAll;
  fmt::memory_buffer line;
  const auto out = std::back_inserter(line);
  fmt::format_to(out, FMT_COMPILE("{},{},{},{},"), c.clock, channel, to_string(c.command), c.at.rank);
  if (whole_rank)
    fmt::format_to(out, FMT_COMPILE(",,,\n"));
  else
    fmt::format_to(out, FMT_COMPILE("{},{},{},{}\n"), c.at.bank_group, c.at.bank, c.at.row, c.at.column);
  std::fwrite(line.data(), 1, line.size(), stream);
}

}  // namespace vitality
