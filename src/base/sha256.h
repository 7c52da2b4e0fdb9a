// SHA-256 of bytes, as 64 lower-case hexadecimal digits: the identity of configs, workloads and sweep points.
#pragma once

#include <string>
#include <string_view>

namespace vitality {

std::string sha256_hex(std::string_view bytes);

}  // namespace vitality
