// The reader of workloads: an accepted model has counts that are no nonsense.
#include "tests/fuzz/fuzz.h"
#include "workload/workload_json.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = fuzz::text_of(data, size);
  fuzz::accepts_or_refuses([&] {
    const VitModel model = parse_workload(text, "input");
    if (macs(model) < 0 || parameter_count(model) < 0) fuzz::broken("counts of a model are not negative");
  });
  Diagnostics all("input", Diagnostics::Mode::kCollect);
  fuzz::accepts_or_refuses([&] { read_workload(parse_json(text, "input"), {"dim=64", "image.height=32"}, all); });
  return 0;
}
