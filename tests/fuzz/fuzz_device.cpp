// The readers of DRAM devices and energy tables, as `vitality validate` uses them.
#include "config/hardware_config_json.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    const JsonDocument document = parse_json(fuzz::text_of(data, size), "input");
    Diagnostics device("input", Diagnostics::Mode::kCollect), energy("input", Diagnostics::Mode::kCollect);
    read_dram_device(document, device);
    read_energy_table(document, energy);
  });
  return 0;
}
