// DRAM command traces as CSV: one line per command, with its device clock; the place is empty if a command is for a
// whole rank.
#pragma once

#include <cstdio>

#include "cost/dram_channel.h"

namespace vitality {

void write_dram_command_heading(std::FILE* stream);
void write_dram_command(std::FILE* stream, int channel, const DramCommandRecord& command);

}  // namespace vitality
