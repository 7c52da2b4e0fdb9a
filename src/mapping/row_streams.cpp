#include "mapping/row_streams.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace vitality {
namespace {

constexpr std::array<UnitKind, 6> kUnits{UnitKind::kMatrixEngine, UnitKind::kAdders,           UnitKind::kAccumulators,
                                         UnitKind::kDividers,     UnitKind::kSpecialFunctions, UnitKind::kLayerNorm};

std::size_t place_of(UnitKind unit) {
  return static_cast<std::size_t>(std::find(kUnits.begin(), kUnits.end(), unit) - kUnits.begin());
}

bool is_any_of(JobKind kind, std::initializer_list<JobKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

class RowStreams {
 public:
  RowStreams(Schedule& schedule, const HardwareConfig& config)
      : s_(schedule),
        config_(config),
        source_(schedule.jobs.size()),
        readers_(schedule.jobs.size()),
        head_(schedule.jobs.size()),
        more_(schedule.jobs.size()) {}

  void find() {
    find_writers();
    s_.rows_to.resize(s_.jobs.size());
    bool any = false;
    for (JobId c{0}; c < s_.jobs.next(); ++c.value) any = join(source_[c], c) || any;
    if (!any) return s_.rows_to.clear();
    rewrite_dependencies();
  }

 private:
  // Of each job the last writer of its streamed operand; of each writer how many jobs read what it wrote.
  void find_writers() {
    IdVector<BufferId, JobId> writer(s_.buffers.size());
    for (JobId i{0}; i < s_.jobs.next(); ++i.value) {
      const Job& job = s_.jobs[i];
      const auto read = [&](BufferId buffer) {
        if (buffer != kNone && writer[buffer] != kNone) ++readers_[writer[buffer]];
      };
      const auto write = [&](BufferId buffer) {
        if (buffer != kNone) writer[buffer] = i;
      };
      if (job.streamed != kNone) source_[i] = writer[job.streamed];
      for (const BufferId operand : {job.streamed, job.stationary, job.partial}) read(operand);
      if (std::holds_alternative<TransferRange>(job.detail))
        for (const Transfer& t : s_.transfers_of(job)) job.kind == JobKind::kLoad ? write(t.buffer) : read(t.buffer);
      write(job.partial), write(job.result);
    }
  }

  bool gives_rows(const Job& p) const {
    if (p.kind == JobKind::kFold)
      return (p.flags & kLast) != 0 && (p.flags & (kOutputStationary | kResultHeld | kOntoResult)) == 0;
    return works_by_rows(p);
  }
  // Takes a row after the other, and gives one for each; its unit's lanes hold a whole row where a column of something
  // would pass again for the columns beyond them.
  bool works_by_rows(const Job& c) const {
    if (c.kind == JobKind::kRowDivide) return c.n <= config_.dividers.lanes;
    if (c.kind == JobKind::kElementwise) return std::get<ElementwiseStep>(c.detail).sweeps == 1;
    return is_any_of(c.kind, {JobKind::kSubtractRow, JobKind::kAddRow, JobKind::kAddMatrix, JobKind::kRectify,
                              JobKind::kScaleColumns, JobKind::kMultiplyMatrix});
  }
  bool takes_rows(const Job& c) const {
    return works_by_rows(c) || (c.kind == JobKind::kColumnSum && c.n <= config_.accumulators.lanes);
  }

  static std::int32_t stride(std::int32_t given, const Job& job) { return given != 0 ? given : job.n; }
  static bool same_tile(const Job& p, const Job& c) {
    return p.m == c.m && p.n == c.n && c.n > 1 && p.result_offset == c.streamed_offset &&
           stride(p.result_stride, p) == stride(c.streamed_stride, c);
  }

  bool join(JobId p, JobId c) {
    if (p == kNone || s_.rows_to[p] != kNone) return false;
    Job &source = s_.jobs[p], &target = s_.jobs[c];
    if (!(place_of(source.unit) < place_of(target.unit) && place_of(target.unit) < kUnits.size())) return false;
    if (source.result != target.streamed || !gives_rows(source) || !takes_rows(target) || !same_tile(source, target))
      return false;
    const JobId head = head_[p] != kNone ? head_[p] : p;
    if (!may_wait_with(head, p, c)) return false;
    s_.rows_to[p] = c;
    head_[p] = head_[c] = head;
    target.flags |= kRowsIn;
    const bool in_place = target.result == target.streamed && target.result_offset == target.streamed_offset;
    if (in_place && readers_[p] == 1) source.flags |= kRowsOut;
    for_each_other(p, c, [&](Dependency on) { more_[head].push_back(on); });
    return true;
  }

  template <class Visit>
  void for_each_other(JobId p, JobId c, const Visit& visit) const {
    const Job& job = s_.jobs[c];
    for (std::int32_t d = 0; d < job.dependency_count; ++d) {
      const Dependency on = s_.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
      if (on.job() != p) visit(on);
    }
  }

  bool may_wait_with(JobId head, JobId p, JobId c) const {
    bool waits = false, may = true;
    const Job& job = s_.jobs[c];
    for (std::int32_t d = 0; d < job.dependency_count; ++d) {
      const Dependency on = s_.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
      waits = waits || (on.job() == p && on.kind() == DependencyKind::kDone);
    }
    for_each_other(p, c, [&](Dependency on) {
      may = may && on.job() < head && on.kind() != DependencyKind::kIssued && !is_dma(s_.jobs[on.job()].unit);
    });
    return waits && may;
  }

  // A target waits for its source's first row alone, and a chain's first job for what its others waited for.
  void rewrite_dependencies() {
    std::vector<Dependency> all;
    all.reserve(s_.dependencies.size() + s_.jobs.size());
    for (JobId i{0}; i < s_.jobs.next(); ++i.value) {
      Job& job = s_.jobs[i];
      std::vector<Dependency> own(s_.dependencies.begin() + job.first_dependency,
                                  s_.dependencies.begin() + job.first_dependency + job.dependency_count);
      if ((job.flags & kRowsIn) != 0) own.assign(1, {source_[i], DependencyKind::kFirstRow});
      own.insert(own.end(), more_[i].begin(), more_[i].end());
      const auto key = [](Dependency d) { return std::make_pair(d.job().value, static_cast<int>(d.kind())); };
      std::sort(own.begin(), own.end(), [&](Dependency a, Dependency b) { return key(a) < key(b); });
      own.erase(std::unique(own.begin(), own.end(), [](Dependency a, Dependency b) { return a.job() == b.job(); }),
                own.end());
      job.first_dependency = static_cast<std::int32_t>(all.size());
      job.dependency_count = static_cast<std::int32_t>(own.size());
      all.insert(all.end(), own.begin(), own.end());
    }
    s_.dependencies = std::move(all);
  }

  Schedule& s_;
  const HardwareConfig& config_;
  IdVector<JobId, JobId> source_;
  IdVector<JobId, std::int32_t> readers_;
  IdVector<JobId, JobId> head_;                    // of a chain, for its members
  IdVector<JobId, std::vector<Dependency>> more_;  // of a chain's head
};

}  // namespace

void stream_rows(Schedule& schedule, const HardwareConfig& config) {
  RowStreams(schedule, config).find();
}

}  // namespace vitality
