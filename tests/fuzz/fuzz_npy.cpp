// The reader of .npy files.
#include "tensor/npy.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  fuzz::accepts_or_refuses([&] {
    const NpyArray array = read_npy(
        file.path(), {{NpyType::kFloat32, NpyType::kFloat64, NpyType::kInt32, NpyType::kInt8, NpyType::kUint8}, false});
    if (array.values.size() != element_count(array.shape)) fuzz::broken("an array has the elements of its shape");
  });
  fuzz::accepts_or_refuses([&] { read_npy_matrix(file.path()); });
  return 0;
}
