// Ranges of a buffer, and what accesses to buffers that stay in the scratchpad wait for.
#include "base/pieces.h"

#include <catch2/catch.hpp>

#include "mapping/forward/schedule_builder.h"

using namespace vitality;

namespace {

std::vector<std::pair<int, int>> listed(const Pieces<int>& pieces) {
  std::vector<std::pair<int, int>> list;
  for (const auto& piece : pieces.all()) list.emplace_back(piece.end, piece.value);
  return list;
}

using List = std::vector<std::pair<int, int>>;
constexpr int kEnd = Pieces<int>::kEnd;

}  // namespace

TEST_CASE("pieces: a range is cut out and given a value") {
  Pieces<int> pieces(7);
  CHECK(listed(pieces) == List{{kEnd, 7}});
  pieces.assign(4, 8, 1);
  CHECK(listed(pieces) == List{{4, 7}, {8, 1}, {kEnd, 7}});
  pieces.assign(0, 6, 2);
  CHECK(listed(pieces) == List{{6, 2}, {8, 1}, {kEnd, 7}});
  pieces.each(7, kEnd, [](int& value) { value += 10; });
  CHECK(listed(pieces) == List{{6, 2}, {7, 1}, {8, 11}, {kEnd, 17}});
  pieces.assign(3, 3, 9);  // nothing
  pieces.assign(6, kEnd, 3);
  CHECK(listed(pieces) == List{{3, 2}, {6, 2}, {kEnd, 3}});
}

TEST_CASE("pieces: elements of rows with a stride") {
  CHECK(Elements::of(10, 3, 4, 6).first == 10);
  CHECK(Elements::of(10, 3, 4, 6).end == 26);  // rows at 10, 16 and 22
  CHECK(Elements::of(10, 3, 4, 0).end == 22);
  CHECK(Elements::of(10, 0, 4, 6).end == 10);
}

namespace {

// Jobs that write or read elements of one buffer of 8 elements, and what each waits for.
class Accesses {
 public:
  explicit Accesses(bool stays) {
    op_ = builder_.add_operator(OperatorRole::kElementwise, 0);
    buffer_ = stays ? builder_.allocate_resident({16}, {8}, ScratchpadEnd::kLow)[0] : builder_.allocate({16}, "")[0];
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
  std::vector<int> waits() {
    const Job& job = builder_.schedule().jobs[builder_.finish()];
    std::vector<int> list;
    for (int d = 0; d < job.dependency_count; ++d)
      list.push_back(builder_.schedule().dependencies[static_cast<std::size_t>(job.first_dependency + d)].job().value);
    return list;
  }
  ScheduleBuilder builder_{1024};
  OperatorId op_;
  BufferId buffer_;
};

using Jobs = std::vector<int>;

}  // namespace

TEST_CASE("schedule builder: of a buffer that stays, jobs wait for those that use the same elements") {
  Accesses rows(true);
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

TEST_CASE("schedule builder: of other buffers, jobs wait for all that use the buffer") {
  Accesses whole(false);
  CHECK(whole.write({0, 4}) == Jobs{});   // 0
  CHECK(whole.write({4, 8}) == Jobs{0});  // 1
  CHECK(whole.read({0, 4}) == Jobs{1});   // 2
  CHECK(whole.write({4, 8}) == Jobs{1, 2});
}
