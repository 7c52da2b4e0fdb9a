// The reader of IDX files, plain and gzipped.
#include "tensor/idx.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  fuzz::accepts_or_refuses([&] {
    const IdxArray array = read_idx(file.path());
    if (array.values.size() != element_count(array.shape)) fuzz::broken("an array has the elements of its shape");
  });
  return 0;
}
