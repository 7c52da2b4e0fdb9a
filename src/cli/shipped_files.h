// Files that users name: a machine or a model that is not there is answered with the shipped one that was meant.
#pragma once

#include <string>

namespace vitality::cli {

// Throws InputError when there is no such file; suggests the nearest name in `folder` ("configs", "workloads") of the
// folder the command runs in.
void require_file(const std::string& path, const char* folder);

}  // namespace vitality::cli
