#include "base/environment_error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/error.h"

namespace vitality {

bool is_of_the_environment(int error) {
  static constexpr int kErrors[] = {EAGAIN, ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EIO};
  return std::find(std::begin(kErrors), std::end(kErrors), error) != std::end(kErrors);
}

void throw_file_error(const std::string& path, const std::string& what, int error) {
  const std::string text = what + ": " + std::strerror(error);
  if (is_of_the_environment(error)) throw EnvironmentError(path + ": " + text);
  throw InputError(path, "", text);
}

}  // namespace vitality
