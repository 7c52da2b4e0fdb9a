// SHA-256 of bytes, as 64 lower-case hexadecimal digits: the identity of configs, workloads and sweep points.
#pragma once

#include <string>
#include <string_view>

namespace vitality {

std::string sha256_hex(std::string_view bytes);
// Of a file's bytes, as sha256sum prints it. InputError or EnvironmentError: it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace vitality
