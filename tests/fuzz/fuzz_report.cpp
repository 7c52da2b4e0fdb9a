// Results, comparisons and results.json of sweeps: read, and shown on a page.
#include "report/page/page_data.h"
#include "report/read/report_input.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts_or_refuses([&] {
    ReportInput input;
    add_report_document(fuzz::text_of(data, size), "input", input);
    write_page_data(input, "input", [](std::string_view) {});
  });
  return 0;
}
