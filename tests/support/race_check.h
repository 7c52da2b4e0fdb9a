// Is a run free of races? From the record of when jobs ran: no two jobs may touch the same bytes of the scratchpad at
// the same time when one of them writes, and nobody may read a tensor's region before its store is done. Together with
// equal values this proves a schedule's dependencies: values are computed at one instant of a job, so they alone would
// not see an operand overwritten halfway.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace vitality::test {

namespace race {

// Of a resident buffer, elements [first, last) that a tile of rows touches; of all others, or of other jobs,
// everything.
struct Touched {
  BufferId buffer;
  std::int64_t first = 0, last = std::int64_t{1} << 40;
};
inline Touched touched(const Schedule& schedule, BufferId buffer, std::int64_t offset, std::int64_t rows,
                       std::int64_t cols, std::int64_t stride) {
  if (buffer == kNone || schedule.buffers[buffer].resident_elements == 0) return {buffer};
  return {buffer, offset, offset + (rows - 1) * (stride == 0 ? cols : stride) + cols};
}

// Of a resident buffer, the rows of the image that a convolution's pass touches.
inline Touched gathered(const Schedule& schedule, const Job& job) {
  if (job.streamed == kNone || schedule.buffers[job.streamed].resident_elements == 0) return {job.streamed};
  const Im2colTile& tile = schedule.im2col_tiles[job.im2col_tile()];
  const Conv2d& conv = schedule.geometries[static_cast<std::size_t>(tile.geometry)];
  int top = conv.in_height, bottom = -1;
  for (int output = tile.first_output; output < tile.first_output + job.m; ++output)
    for (int ky = 0; ky < conv.kernel; ++ky) {
      const int y = output / conv.out_width * conv.stride + ky - conv.pad;
      if (y >= 0 && y < conv.in_height) top = std::min(top, y), bottom = std::max(bottom, y);
    }
  const std::int64_t row = std::int64_t{conv.in_width} * conv.in_channels;
  return {job.streamed, (top - tile.first_input_row) * row, (bottom + 1 - tile.first_input_row) * row};
}

struct Access {
  std::int64_t begin, end;  // bytes
  Cycles from, to;          // cycles [from, to)
  JobId job;
  bool write, chain;  // chain: partial sums of a pass, which the array itself keeps in order
  UnitId unit;
  Touched touched;
  bool meets(const Access& other) const {
    if (begin >= other.end || other.begin >= end) return false;
    return !(touched.buffer == other.touched.buffer) ||
           (touched.first < other.touched.last && other.touched.first < touched.last);
  }
};

inline std::vector<Access> scratchpad_accesses(const Schedule& schedule, const IdVector<JobId, JobTimes>& times) {
  std::vector<Access> list;
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) {
    const Job& job = schedule.jobs[i];
    const JobTimes& t = times[i];
    // What is shown to the check of values is read, though it takes no time.
    if (job.unit == UnitKind::kUncharged && job.streamed == kNone && job.kind != JobKind::kStore) continue;
    const auto touch = [&](Touched what, Cycles to, bool write, bool chain) {
      if (what.buffer == kNone) return;
      const Buffer& b = schedule.buffers[what.buffer];
      list.push_back(
          {b.address, b.address + b.bytes, t.start, to, {static_cast<std::int32_t>(i)}, write, chain, t.unit, what});
    };
    if (job.kind == JobKind::kLoad || job.kind == JobKind::kStore) {
      for (const Transfer& x : schedule.transfers_of(job))
        touch(touched(schedule, x.buffer, x.buffer_offset, x.rows, x.cols, x.buffer_stride), t.done,
              job.kind == JobKind::kLoad, false);
      continue;
    }
    if (job.kind == JobKind::kUpdate) {
      const ScheduledUpdate& update = schedule.updates[std::get<UpdateId>(job.detail)];
      touch({update.gradient}, t.released, false, false);
      for (const BufferId buffer : {update.master, update.first, update.second, job.result})
        touch({buffer}, t.done, true, false);
      continue;
    }
    const bool pass = job.kind == JobKind::kFold;
    const bool image = pass && (job.flags & kIm2col) != 0, rows = pass && !image && (job.flags & kTransposed) == 0;
    const bool tile =
        job.kind == JobKind::kAddMatrix || job.kind == JobKind::kElementwise || job.kind == JobKind::kScaleColumns;
    if (writes_partial(job.kind)) {
      touch({job.partial}, t.done, true, pass);
    } else {  // a third operand
      touch({job.partial}, t.released, false, false);
    }
    touch(image ? gathered(schedule, job)
          : rows || tile
              ? touched(schedule, job.streamed, job.streamed_offset, job.m, rows ? job.k : job.n, job.streamed_stride)
              : Touched{job.streamed},
          t.released, false, false);
    touch(job.kind == JobKind::kAddMatrix
              ? touched(schedule, job.stationary, job.stationary_offset, job.m, job.n, job.stationary_stride)
              : Touched{job.stationary},
          t.released, false, false);
    touch(pass || tile ? touched(schedule, job.result, job.result_offset, job.m, job.n, job.result_stride)
                       : Touched{job.result},
          t.done, true, pass);
  }
  return list;
}

inline std::string describe(const Schedule& schedule, JobId a, JobId b) {
  const auto name = [&](JobId i) {
    const Job& job = schedule.jobs[i];
    return std::string(to_string(job.kind)) + " " + std::to_string(i.value) + " of layer " + std::to_string(job.layer);
  };
  return name(a) + " and " + name(b);
}

// Do the rows of a's result come to b through FIFOs? Then b works on each behind a.
inline bool in_one_chain(const Schedule& schedule, JobId a, JobId b) {
  if (schedule.rows_to.empty()) return false;
  if (b < a) std::swap(a, b);
  for (JobId next = schedule.rows_to[a]; next != kNone; next = schedule.rows_to[next])
    if (next == b) return true;
  return false;
}

}  // namespace race

// A pass against a tile that stays in its array (G-stationary): the pass before it there must have left that tile.
inline std::string find_lost_tiles(const Schedule& schedule, const IdVector<JobId, JobTimes>& times) {
  std::vector<JobId> order;
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i)
    if (schedule.jobs[i].unit == UnitKind::kMatrixEngine) order.push_back({static_cast<std::int32_t>(i)});
  std::sort(order.begin(), order.end(), [&](JobId a, JobId b) {
    const Cycles x = times[a].stream, y = times[b].stream;
    return x != y ? x < y : a < b;
  });
  struct Registers {
    BufferId held;    // whose content is in the array
    OperatorId open;  // whose sums stay in the PEs from pass to pass (output stationary)
  };
  std::map<UnitId, Registers> registers;
  for (const JobId index : order) {
    const Job& job = schedule.jobs[index];
    auto& [held, open] = registers[times[index].unit];
    const bool uses = (job.flags & kStationaryHeld) != 0;
    if (uses && held != job.stationary)
      return "the tile in the array is lost before job " + std::to_string(index.value) + "\n";
    if (!uses) held = (job.flags & kResultHeld) != 0 ? job.result : kNone;
    const bool in_array =
        (job.flags & kOutputStationary) != 0 && (job.partial == kNone || (job.flags & kResultHeld) != 0);
    const bool continues = in_array && (job.flags & kFirst) == 0;
    if (continues ? open != job.op : open != kNone)
      return "the sums in the array are lost at job " + std::to_string(index.value) + "\n";
    open = in_array && (job.flags & kLast) == 0 ? job.op : kNone;
  }
  return "";
}

// Does the schedule itself order all that conflicts, whatever the time things take? For jobs a < b that touch the same
// bytes, one of them writing, or that store and load the same region of a tensor, b must depend on a, directly or
// through others: on a's being done where b needs its result or overwrites it, on its operands' release where b
// overwrites those, on its issue within a chain of passes.
class OrderCheck {
 public:
  // arrays: matrix engines of the machine. Of several only passes that follow each other (Job::follows) surely run on
  // one.
  explicit OrderCheck(const Schedule& schedule, int arrays = 1)
      : schedule_(schedule), words_((schedule.jobs.size() + 63) / 64) {
    for (auto& set : ancestors_) set.resize(words_ * schedule.jobs.size());
    std::map<std::int32_t, std::vector<std::uint64_t>> passes;  // of one array, by the first of them
    for (std::size_t j = 0; j < schedule.jobs.size(); ++j) {
      const Job& job = schedule.jobs[j];
      const auto own = static_cast<std::int32_t>(j);
      chain_.push_back(job.unit != UnitKind::kMatrixEngine ? kNone
                       : arrays == 1                       ? 0
                       : job.follows == kNone              ? own
                                                           : chain_[static_cast<std::size_t>(job.follows.value)]);
      if (chain_.back() == kNone) continue;
      std::vector<std::uint64_t>& members = passes[chain_.back()];
      members.resize(words_);
      members[j / 64] |= std::uint64_t{1} << (j % 64);
    }
    IdVector<JobId, JobId> rows_from(schedule.rows_to.size());
    for (JobId j{0}; j < schedule.rows_to.next(); ++j.value)
      if (schedule.rows_to[j] != kNone) rows_from[schedule.rows_to[j]] = j;
    for (std::size_t j = 0; j < schedule.jobs.size(); ++j) {
      const Job& job = schedule.jobs[j];
      for (int d = 0; d < job.dependency_count; ++d) {
        const Dependency dependency = schedule.dependencies[static_cast<std::size_t>(job.first_dependency + d)];
        const auto from = static_cast<std::size_t>(dependency.job().value);
        // The array keeps its passes in order: with one, all that were issued before it have released their operands
        // and are done.
        const std::uint64_t* const before = chain_[from] == kNone ? nullptr : passes[chain_[from]].data();
        for (std::size_t kind = 0; kind < 3; ++kind) {  // done implies released implies issued
          std::uint64_t* const own = &ancestors_[kind][j * words_];
          const std::uint64_t* const its = &ancestors_[kind][from * words_];
          const std::uint64_t* const issued = &ancestors_[2][from * words_];
          const bool reached = static_cast<std::size_t>(dependency.kind()) <= kind;
          // A pass's first row leaves the array behind the last row of the pass before.
          const bool behind_passes = reached || dependency.kind() == DependencyKind::kFirstRow;
          for (std::size_t w = 0; w < words_; ++w)
            own[w] |= its[w] | (behind_passes && before != nullptr ? issued[w] & before[w] : 0);
          if (reached) own[from / 64] |= std::uint64_t{1} << (from % 64);
          // A job that waits for one that took rows from FIFOs waits for the jobs that they came from.
          if (dependency.kind() <= DependencyKind::kReleased && !rows_from.empty())
            for (JobId source = rows_from[from]; source != kNone; source = rows_from[source])
              own[static_cast<std::size_t>(source.value) / 64] |= std::uint64_t{1} << (source.value % 64);
        }
      }
    }
  }

  // One line a pair, at most `limit`.
  std::string run(int limit = 5) {
    limit_ = limit;
    scratchpad();
    tensors();
    return text_;
  }

 private:
  bool precedes(JobId a, JobId b, DependencyKind kind) const {
    const auto from = static_cast<std::size_t>(a.value);
    return (ancestors_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(b.value) * words_ + from / 64] >>
                (from % 64) &
            1) != 0;
  }
  void expect(JobId a, JobId b, DependencyKind kind, const char* what) {
    if (!precedes(a, b, kind) && limit_-- > 0)
      text_ += std::string(what) + " not ordered: " + race::describe(schedule_, a, b) + "\n";
  }

  void scratchpad() {
    const std::vector<race::Access> accesses =
        race::scratchpad_accesses(schedule_, IdVector<JobId, JobTimes>(schedule_.jobs.size()));
    for (std::size_t i = 0; i < accesses.size(); ++i) {
      const race::Access& b = accesses[i];
      for (std::size_t k = 0; k < i; ++k) {
        const race::Access& a = accesses[k];
        if (a.job == b.job || !(a.write || b.write) || !a.meets(b)) continue;
        if (race::in_one_chain(schedule_, a.job, b.job)) continue;
        const bool chain =
            a.chain && b.chain &&
            chain_[static_cast<std::size_t>(a.job.value)] == chain_[static_cast<std::size_t>(b.job.value)];
        expect(a.job, b.job,
               chain     ? DependencyKind::kIssued
               : a.write ? DependencyKind::kDone
                         : DependencyKind::kReleased,
               "scratchpad");
      }
    }
  }

  void tensors() {
    struct Region {
      int row, col, rows, cols;
      JobId job;
    };
    IdVector<TensorId, std::vector<Region>> stored(schedule_.tensors.size());
    const auto store = [&](TensorId tensor, Region region) { stored[tensor].push_back(region); };
    const auto load = [&](TensorId tensor, Region r) {
      for (const Region& w : stored[tensor])
        if (w.row < r.row + r.rows && r.row < w.row + w.rows && w.col < r.col + r.cols && r.col < w.col + w.cols)
          expect(w.job, r.job, DependencyKind::kDone, "tensor");
    };
    const auto all_of = [&](TensorId tensor, JobId job) {
      const ScheduledTensor& t = schedule_.tensors[tensor];
      return Region{0, 0, t.rows, t.cols, job};
    };
    for (JobId i{0}; i < schedule_.jobs.next(); ++i.value) {
      const Job& job = schedule_.jobs[i];
      if (const auto* between = std::get_if<TensorPair>(&job.detail)) {
        load(between->source, all_of(between->source, i));
        store(between->target, all_of(between->target, i));
      }
      if (job.kind != JobKind::kLoad && job.kind != JobKind::kStore) continue;
      for (const Transfer& t : schedule_.transfers_of(job)) {
        const bool whole = t.row_map != kNone || t.geometry != kNone;
        const Region region = whole ? all_of(t.tensor, i) : Region{t.row, t.col, t.rows, t.cols, i};
        job.kind == JobKind::kStore ? store(t.tensor, region) : load(t.tensor, region);
      }
    }
  }

  const Schedule& schedule_;
  std::size_t words_;
  std::vector<std::int32_t> chain_;          // per job: jobs with the same number run on one array; kNone: on no array
  std::vector<std::uint64_t> ancestors_[3];  // per DependencyKind: done, released, issued
  std::string text_;
  int limit_ = 0;
};

// One line a race, at most `limit`.
inline std::string find_races(const Schedule& schedule, const IdVector<JobId, JobTimes>& times, int limit = 5) {
  std::string text = find_lost_tiles(schedule, times);
  std::vector<race::Access> accesses = race::scratchpad_accesses(schedule, times);
  std::sort(accesses.begin(), accesses.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  std::vector<race::Access> active;
  for (const race::Access& next : accesses) {
    active.erase(std::remove_if(active.begin(), active.end(), [&](const auto& a) { return a.to <= next.from; }),
                 active.end());
    for (const race::Access& other : active) {
      if (other.job == next.job || !(other.write || next.write) || !other.meets(next)) continue;
      if (other.chain && next.chain && other.unit == next.unit) continue;
      if (race::in_one_chain(schedule, other.job, next.job)) continue;
      if (next.from == next.to) continue;
      if (limit-- > 0) text += "scratchpad race: " + race::describe(schedule, other.job, next.job) + "\n";
    }
    if (next.from < next.to) active.push_back(next);
  }
  // Tensors in DRAM.
  struct Stored {
    const Transfer* transfer;
    JobId job;
  };
  IdVector<TensorId, std::vector<Stored>> stored(schedule.tensors.size());
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) {
    const Job& job = schedule.jobs[i];
    if (job.kind != JobKind::kStore) continue;
    for (const Transfer& t : schedule.transfers_of(job))
      stored[t.tensor].push_back({&t, {static_cast<std::int32_t>(i)}});
  }
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) {
    const Job& job = schedule.jobs[i];
    if (job.kind != JobKind::kLoad) continue;
    for (const Transfer& t : schedule.transfers_of(job)) {
      const bool whole = t.row_map != kNone || t.geometry != kNone;
      for (const Stored& s : stored[t.tensor]) {
        const Transfer& w = *s.transfer;
        const bool overlap = whole || (w.row < t.row + t.rows && t.row < w.row + w.rows && w.col < t.col + t.cols &&
                                       t.col < w.col + w.cols);
        if (overlap && times[s.job].done > times[i].start && limit-- > 0)
          text += "tensor race: " + race::describe(schedule, s.job, {static_cast<std::int32_t>(i)}) + "\n";
      }
    }
  }
  return text;
}

}  // namespace vitality::test
