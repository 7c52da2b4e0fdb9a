// The words of a run in a result's manifest, as `vitality rerun` takes them.
#include "cli/recorded_run.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    const cli::RunRequest request = cli::recorded_request(fuzz::text_of(data, size), "input");
    cli::RunRequest again;
    if (!cli::parse_run(request.arguments(), again) || again.arguments() != request.arguments())
      fuzz::broken("the words of a request ask for it again");
  });
  return 0;
}
