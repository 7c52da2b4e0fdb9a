// Size expressions of workloads.
#include <stdexcept>

#include "tests/fuzz/fuzz.h"
#include "workload/expression.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Dimensions dimensions;
  dimensions.values = {{"dim", 192}, {"heads", 3}, {"image", 224}, {"zero", 0}};
  try {
    evaluate(fuzz::text_of(data, size), dimensions);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
