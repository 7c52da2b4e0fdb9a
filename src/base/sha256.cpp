// Uses OpenSSL's old function for this one digest: the newer interface first looks for providers and reads a
// configuration file, which costs a millisecond per process.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

#include <openssl/sha.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/environment_error.h"

namespace vitality {

namespace {

std::string hex_digest(SHA256_CTX& context) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), &context);
  static const char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  return hex_digest(context);
}

std::string sha256_of_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) throw_file_error(path, "can't be read", errno);
  SHA256_CTX context;
  SHA256_Init(&context);
  std::vector<char> buffer(1 << 16);
  for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0;)
    SHA256_Update(&context, buffer.data(), got);
  if (std::ferror(file.get())) throw_file_error(path, "can't be read", errno);
  return hex_digest(context);
}

}  // namespace vitality
