// IDX files, the format of MNIST and its relatives, plain or compressed by gzip.
//
// A file is two zero bytes, the type of its elements, the number of its dimensions, each dimension as a big-endian
// 32-bit integer, and the elements in C order. Accepted: unsigned bytes (type 0x08) with 1 to 4 dimensions, none of
// them 0, and at most kMaxIdxElements elements. Refused with an InputError that names the file: everything else, and a
// file that holds fewer or more elements than it says, or whose compression is broken. Memory grows with what is read,
// never with what the file claims. Format: http://yann.lecun.com/exdb/mnist
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/npy.h"

namespace vitality {

constexpr std::size_t kMaxIdxElements = std::size_t{1} << 30;

struct IdxArray {
  NpyShape shape;
  std::vector<std::uint8_t> values;  // C order
};

IdxArray read_idx(const std::string& path);
// Whether the file starts like an IDX file or like a gzip file.
bool looks_like_idx(const std::string& path);

}  // namespace vitality
