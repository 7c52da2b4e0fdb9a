// The JSON reader itself: what it accepts is the same again after a deep copy.
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

namespace {

bool same(const JsonValue& a, const JsonValue& b) {
  if (a.type() != b.type() || a.integer() != b.integer() || a.text() != b.text() || a.boolean() != b.boolean() ||
      a.items().size() != b.items().size() || a.members().size() != b.members().size())
    return false;
  for (std::size_t i = 0; i < a.items().size(); ++i)
    if (!same(a.items()[i], b.items()[i])) return false;
  for (std::size_t i = 0; i < a.members().size(); ++i)
    if (a.members()[i].key != b.members()[i].key || !same(a.members()[i].value, b.members()[i].value) ||
        a.find(a.members()[i].key) != &a.members()[i].value)
      return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    const JsonDocument document = parse_json(fuzz::text_of(data, size), "input");
    if (!same(document, JsonDocument(document))) fuzz::broken("a copy of a document is the document");
  });
  return 0;
}
