// A folder of stored parameters: the input is the file of one tensor of a small model.
#include "tests/fuzz/fuzz.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const VitModel model = parse_workload(
      R"({"name": "m", "image": {"height": 2, "width": 2, "channels": 3},
          "layers": [{"name": "head", "kind": "linear", "out_features": 3}]})",
      "model");
  const SeededParameters seeded(1);
  fuzz::write_file(fuzz::scratch_folder() + "/head.weight.npy", data, size);
  fuzz::accepts_or_refuses([&] {
    const DirectoryParameters parameters(model, fuzz::scratch_folder(), seeded);
    for (const ParameterInfo& info : parameters_of(model)) parameters.tensor(info);
  });
  return 0;
}
