// The reader of ONNX files, and what makes layers of a graph.
#include "import/onnx_file.h"
#include "import/recognise.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    const importing::Recognised found =
        importing::recognise(importing::parse_onnx(fuzz::text_of(data, size), "/nowhere/x.onnx"));
    if (found.layers.empty()) fuzz::broken("a graph that is recognised has layers");
  });
  return 0;
}
