// The reader of memory traces: cycles never fall and addresses stay within the memory.
#include "config/memory_trace.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  fuzz::accepts_or_refuses([&] {
    constexpr Bytes kCapacity = Bytes{1} << 30;
    MemoryTraceReader reader(file.path(), kCapacity);
    MemoryRequest request{};
    for (std::int64_t cycle = 0; reader.next(request); cycle = request.cycle) {
      if (request.cycle < cycle) fuzz::broken("cycles do not fall");
      if (request.address < 0 || request.address >= kCapacity) fuzz::broken("addresses lie in the memory");
    }
  });
  return 0;
}
