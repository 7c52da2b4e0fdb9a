// The reader of sweep specs, from a file and from a store.
#include "explore/sweep_spec.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = fuzz::text_of(data, size);
  // Shipped configs and workloads are found from here.
  const std::string file = VITALITY_SOURCE_DIR "/input.json";
  Diagnostics all(file, Diagnostics::Mode::kCollect);
  fuzz::accepts_or_refuses([&] {
    const SweepSpec spec = read_sweep_spec(parse_json(text, file), {}, all);
    if (all.ok()) write_json(spec);
  });
  fuzz::accepts_or_refuses([&] {
    const std::string written = write_json(parse_stored_spec(text, file));
    if (write_json(parse_stored_spec(written, file)) != written) fuzz::broken("a written spec reads back");
  });
  return 0;
}
