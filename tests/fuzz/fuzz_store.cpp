// A sweep's store: the input is results.sqlite, read and exported as `report` and `sweep --export-only` do.
#include <filesystem>

#include "explore/export.h"
#include "explore/store.h"
#include "tests/fuzz/fuzz.h"

using namespace vitality;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string& folder = fuzz::scratch_folder();
  std::error_code ignored;
  for (const char* left : {"results.sqlite-wal", "results.sqlite-shm", "results.sqlite-journal"})
    std::filesystem::remove(folder + "/" + left, ignored);
  fuzz::write_file(folder + "/results.sqlite", data, size);
  fuzz::accepts_or_refuses([&] {
    const ResultStore store(folder, ResultStore::Mode::kRead);
    if (!store.spec().empty()) results_json(store, parse_stored_spec(store.spec(), store.file()));
  });
  return 0;
}
