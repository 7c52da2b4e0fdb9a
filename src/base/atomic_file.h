// Output files appear whole or not at all: written beside their place, then renamed into it.
#pragma once

#include <string>

namespace vitality {

// Replaces `path` by `content`. Throws InputError(path, ...) and leaves the old file and no other when that fails.
void write_file_atomically(const std::string& path, const std::string& content);

}  // namespace vitality
