// Catch2 of version 3 (Debian 13) under the names of version 2 (Debian 12) that the tests use.
#pragma once

#include <catch2/catch_all.hpp>
#include <string>

namespace Catch {
using Matchers::StartsWith;
inline Matchers::StringContainsMatcher Contains(const std::string& text) {
  return Matchers::ContainsSubstring(text);
}
}  // namespace Catch
using Catch::Approx;

#ifdef CATCH_CONFIG_MAIN
int main(int argc, char* argv[]) {
  return Catch::Session().run(argc, argv);
}
#endif
