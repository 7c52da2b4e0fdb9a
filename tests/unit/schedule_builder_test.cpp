// Where buffers lie in the scratchpad, and what accesses to them wait for.
#include "mapping/forward/schedule_builder.h"

#include <catch2/catch.hpp>

using namespace vitality;

namespace {

// Jobs that write or read elements of one buffer, and what each waits for.
class Accesses {
 public:
  Accesses() : Accesses(ScheduleBuilder(1024)) { buffer_ = builder_.allocate({16}, "")[0]; }
  explicit Accesses(const ResidentMatrix& stays) : Accesses(ScheduleBuilder(1024)) {
    buffer_ = builder_.allocate_resident({2 * stays.elements}, {stays}, ScratchpadEnd::kLow)[0];
  }
  std::vector<int> write(Elements elements = {}) {
    builder_.begin(UnitKind::kAdders, JobKind::kElementwise, 0, op_);
    builder_.write(buffer_, elements);
    return waits();
  }
  std::vector<int> read(Elements elements = {}) {
    builder_.begin(UnitKind::kAdders, JobKind::kElementwise, 0, op_);
    builder_.read(buffer_, elements);
    return waits();
  }

 private:
  explicit Accesses(ScheduleBuilder builder) : builder_(std::move(builder)) {
    op_ = builder_.add_operator(OperatorRole::kElementwise, 0);
  }
  std::vector<int> waits() {
    const Job& job = builder_.schedule().jobs[builder_.finish()];
    std::vector<int> list;
    for (int d = 0; d < job.dependency_count; ++d)
      list.push_back(builder_.schedule().dependencies[static_cast<std::size_t>(job.first_dependency + d)].job().value);
    return list;
  }
  ScheduleBuilder builder_;
  OperatorId op_;
  BufferId buffer_;
};

using Jobs = std::vector<int>;

}  // namespace

TEST_CASE("schedule builder: of a buffer that stays, jobs wait for those that use the same elements") {
  Accesses rows(ResidentMatrix{8});
  CHECK(rows.write({0, 4}) == Jobs{});               // 0
  CHECK(rows.write({4, 8}) == Jobs{});               // 1
  CHECK(rows.read({0, 4}) == Jobs{0});               // 2
  CHECK(rows.read({2, 6}) == Jobs{0, 1});            // 3
  CHECK(rows.read() == Jobs{0, 1});                  // 4
  CHECK(rows.write({0, 2}) == Jobs{0, 2, 4});        // 5
  CHECK(rows.write({6, 8}) == Jobs{1, 4});           // 6
  CHECK(rows.write() == Jobs{0, 1, 2, 3, 4, 5, 6});  // 7
  CHECK(rows.read({5, 6}) == Jobs{7});
}

TEST_CASE("schedule builder: of a buffer whose columns are taken in bands, jobs wait for the same rows of a band") {
  Accesses tile(ResidentMatrix{24, 6, 3});  // 4 x 6, two bands of 3 columns
  const auto rows = [](int row, int count, int col, int cols) { return Elements::of(6 * row + col, count, cols, 6); };
  CHECK(tile.write(rows(0, 2, 0, 6)) == Jobs{});        // 0
  CHECK(tile.write(rows(2, 2, 0, 6)) == Jobs{});        // 1
  CHECK(tile.read(rows(0, 4, 0, 3)) == Jobs{0, 1});     // 2: the first band
  CHECK(tile.write(rows(0, 2, 3, 3)) == Jobs{0});       // 3: the second one
  CHECK(tile.write(rows(0, 1, 0, 3)) == Jobs{0, 2});    // 4
  CHECK(tile.read(rows(0, 4, 3, 3)) == Jobs{1, 3});     // 5
  CHECK(tile.read(rows(0, 1, 2, 2)) == Jobs{3, 4});     // 6: a column of each
  CHECK(tile.read(rows(1, 1, 1, 1)) == Jobs{0});        // 7: the last column of neither
  CHECK(tile.write() == Jobs{0, 1, 2, 3, 4, 5, 6, 7});  // 8
  CHECK(tile.read(rows(3, 1, 0, 1)) == Jobs{8});
}

TEST_CASE("schedule builder: of other buffers, jobs wait for all that use the buffer") {
  Accesses whole;
  CHECK(whole.write({0, 4}) == Jobs{});   // 0
  CHECK(whole.write({4, 8}) == Jobs{0});  // 1
  CHECK(whole.read({0, 4}) == Jobs{1});   // 2
  CHECK(whole.write({4, 8}) == Jobs{1, 2});
}

TEST_CASE("schedule builder: buffers of operators follow each other in a ring") {
  ScheduleBuilder builder(96);
  const auto places = [&](const std::vector<Bytes>& sizes) {
    std::vector<int> addresses;
    for (const BufferId buffer : builder.allocate(sizes, ""))
      addresses.push_back(builder.schedule().buffers[buffer].address);
    return addresses;
  };
  CHECK(places({40, 20}) == std::vector<int>{0, 40});         // to 64: 20 bytes take 24
  CHECK(places({32, 24}) == std::vector<int>{64, 0});         // the second one has no room in front of the end
  CHECK(places({16, 48}) == std::vector<int>{24, 40});        // to 88
  CHECK(places({8, 24, 64}) == std::vector<int>{88, 0, 24});  // to 88, in front of the first one
  CHECK(places({80}) == std::vector<int>{0});                 // larger than the rest
  CHECK(places({8, 16, 72}) == std::vector<int>{0, 8, 24});   // the others would reach into the first one
}
