// Constraint expressions of sweep specs: parsed and evaluated.
#include "explore/expression.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    const Expression expression = Expression::parse(fuzz::text_of(data, size));
    expression.holds([](const std::string& name) -> Expression::Value {
      return name.size() % 2 == 0 ? Expression::Value(static_cast<double>(name.size())) : Expression::Value(name);
    });
  });
  return 0;
}
