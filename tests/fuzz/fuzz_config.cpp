// The reader of hardware configs: an accepted one survives being written and read again.
#include "config/hardware_config_json.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = fuzz::text_of(data, size);
  // Libraries (configs/memory, configs/energy) are found beside the file.
  const std::string file = VITALITY_SOURCE_DIR "/configs/input.json";
  fuzz::accepts_or_refuses([&] {
    const std::string written = write_json(parse_hardware_config(text, file));
    if (write_json(parse_hardware_config(written, file)) != written) fuzz::broken("a written config reads back");
  });
  Diagnostics all(file, Diagnostics::Mode::kCollect);
  fuzz::accepts_or_refuses([&] { read_hardware_config(parse_json(text, file), {}, all); });
  return 0;
}
