// The reader of .safetensors files.
#include "import/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    for (const auto& [name, tensor] : importing::parse_safetensors(fuzz::text_of(data, size), "x.safetensors").tensors)
      if (tensor.is_real && tensor.real.size() != static_cast<std::size_t>(importing::element_count(tensor.shape)))
        fuzz::broken("a tensor has the elements of its shape");
  });
  return 0;
}
