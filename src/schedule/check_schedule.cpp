#include "schedule/check_schedule.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/pieces.h"

namespace vitality {
namespace {

constexpr std::size_t kMostFindings = 8;

bool uncharged_between_tensors(const Job& job) {
  return job.unit == UnitKind::kUncharged && job.streamed == kNone;
}
bool moves_data(const Job& job) {
  return job.kind == JobKind::kLoad || job.kind == JobKind::kStore;
}
bool gathers(const Transfer& transfer) {
  return transfer.row_map != kNone || transfer.geometry != kNone;
}

class Findings {
 public:
  explicit Findings(const Schedule& schedule) : schedule_(schedule) {}
  bool full() const { return list_.size() >= kMostFindings; }
  void add(const std::string& sentence) {
    if (!full()) list_.push_back(sentence);
  }
  std::string name(JobId index) const {
    const Job& job = schedule_.jobs[index];
    const char* const kind = to_string(job.kind);
    return "job " + std::to_string(index.value) + " (" + (kind != nullptr ? kind : "of no kind") + " of layer " +
           std::to_string(job.layer) + ")";
  }
  std::vector<std::string> take() { return std::exchange(list_, {}); }

 private:
  const Schedule& schedule_;
  std::vector<std::string> list_;
};

// Checks indices, places and extents: everything that can be checked on one job alone.
class IndexCheck {
 public:
  IndexCheck(const Schedule& schedule, const ScheduleLimits& limits, Findings& findings)
      : s_(schedule), limits_(limits), findings_(findings) {}

  void run() {
    for (std::size_t b = 0; b < s_.buffers.size(); ++b) {
      const Buffer& buffer = s_.buffers[b];
      if (buffer.address < 0 || buffer.bytes < 0 || Bytes{buffer.address} + buffer.bytes > limits_.scratchpad)
        findings_.add("buffer " + std::to_string(b) + ": " + std::to_string(buffer.bytes) + " bytes at address " +
                      std::to_string(buffer.address) + " do not lie in the scratchpad of " +
                      std::to_string(limits_.scratchpad) + " bytes");
    }
    for (std::size_t j = 0; j < s_.jobs.size() && !findings_.full(); ++j) check({static_cast<std::int32_t>(j)});
  }

 private:
  bool in(std::int32_t index, std::size_t count, JobId job, const char* what) {
    if (index >= 0 && static_cast<std::size_t>(index) < count) return true;
    findings_.add(findings_.name(job) + ": " + what + " " + std::to_string(index) + " of " + std::to_string(count) +
                  " does not exist");
    return false;
  }
  template <class Key, class T>
  bool in(Key id, const IdVector<Key, T>& list, JobId job, const char* what) {
    return in(id.value, list.size(), job, what);
  }
  bool optional(BufferId buffer, JobId job, const char* what) {
    return buffer == kNone || in(buffer, s_.buffers, job, what);
  }
  // The detail that a job of this kind must have.
  template <class Detail>
  const Detail* detail(const Job& job, JobId index, const char* what) {
    const Detail* const found = std::get_if<Detail>(&job.detail);
    if (found == nullptr) findings_.add(findings_.name(index) + " has no " + what);
    return found;
  }
  template <class Key, class T>
  bool detail_in(const Job& job, const IdVector<Key, T>& list, JobId index, const char* what) {
    const Key* const id = detail<Key>(job, index, what);
    return id != nullptr && in(*id, list, index, what);
  }

  void check(JobId index) {
    const Job& job = s_.jobs[index];
    in(job.op, s_.operators, index, "operator");
    if (!s_.layer_mapping.empty()) in(job.layer, s_.layer_mapping.size(), index, "layer");
    check_dependencies(index, job);
    if (moves_data(job)) return check_transfers(index, job);
    if (uncharged_between_tensors(job)) {
      const auto* between = detail<TensorPair>(job, index, "pair of tensors");
      if (between == nullptr) return;
      in(between->source, s_.tensors, index, "source tensor");
      if (between->second != kNone) in(between->second, s_.tensors, index, "second source tensor");
      in(between->target, s_.tensors, index, "result tensor");
      return;
    }
    bool buffers = optional(job.streamed, index, "streamed buffer");
    buffers = optional(job.stationary, index, "stationary buffer") && buffers;
    buffers = optional(job.partial, index, "buffer of partial sums") && buffers;
    buffers = optional(job.result, index, "result buffer") && buffers;
    if (traits(job.kind).reads_mask_tile) detail_in(job, s_.mask_tiles, index, "mask tile");
    if (job.kind == JobKind::kUpdate && detail_in(job, s_.updates, index, "update")) {
      const ScheduledUpdate& update = s_.updates[std::get<UpdateId>(job.detail)];
      for (const BufferId buffer : {update.master, update.gradient, update.first, update.second})
        optional(buffer, index, "buffer of the update");
    }
    if (job.kind == JobKind::kFold && buffers) check_pass(index, job);
  }

  void check_dependencies(JobId index, const Job& job) {
    if (job.first_dependency < 0 || job.dependency_count < 0 ||
        static_cast<std::size_t>(job.first_dependency) + static_cast<std::size_t>(job.dependency_count) >
            s_.dependencies.size())
      return findings_.add(findings_.name(index) + ": its dependencies do not exist");
    bool follows = job.follows == kNone;
    for (std::int32_t d = 0; d < job.dependency_count; ++d) {
      const JobId on = s_.dependencies[static_cast<std::size_t>(job.first_dependency + d)].job();
      if (!in(on, s_.jobs, index, "dependency on job")) continue;
      if (!(on < index))
        findings_.add(findings_.name(index) + " waits for " + findings_.name(on) + ", which is no job before it");
      follows = follows || on == job.follows;
    }
    if (!follows)
      findings_.add(findings_.name(index) + " runs where job " + std::to_string(job.follows.value) +
                    " ran, and does not wait for it");
    else if (job.follows != kNone && s_.jobs[job.follows].unit != job.unit)
      findings_.add(findings_.name(index) + " follows " + findings_.name(job.follows) + " of another kind of unit");
  }

  void check_transfers(JobId index, const Job& job) {
    const auto* range = detail<TransferRange>(job, index, "transfers");
    if (range == nullptr) return;
    for (std::int32_t i = range->first; i < range->first + range->count; ++i) {
      if (!in(i, s_.transfers.size(), index, "transfer")) return;
      const Transfer& t = s_.transfers[static_cast<std::size_t>(i)];
      if (!in(t.tensor, s_.tensors, index, "tensor") || !in(t.buffer, s_.buffers, index, "buffer")) continue;
      if (t.row_map != kNone) in(t.row_map, s_.row_maps.size(), index, "row map");
      if (t.geometry != kNone) in(t.geometry, s_.geometries.size(), index, "geometry");
      const ScheduledTensor& tensor = s_.tensors[t.tensor];
      if (t.row < 0 || t.col < 0 || t.rows < 0 || t.cols < 0 ||
          (!gathers(t) && (t.row + t.rows > tensor.rows || t.col + t.cols > tensor.cols)))
        findings_.add(findings_.name(index) + ": rows " + std::to_string(t.row) + " to " +
                      std::to_string(t.row + t.rows) + ", columns " + std::to_string(t.col) + " to " +
                      std::to_string(t.col + t.cols) + " do not lie in tensor " + tensor.name + " of " +
                      std::to_string(tensor.rows) + " x " + std::to_string(tensor.cols));
      // Masks have a byte an entry.
      const Bytes element = tensor.bytes / std::max<Bytes>(1, Bytes{tensor.rows} * tensor.cols);
      fits(index, {t.buffer, t.buffer_offset, t.rows, t.cols, t.buffer_stride}, std::min(element, limits_.element),
           "transfer");
    }
  }

  void check_pass(JobId index, const Job& job) {
    const bool transposed = (job.flags & kTransposed) != 0, turned = (job.flags & kStationaryTransposed) != 0;
    if ((job.flags & kIm2col) != 0) {
      if (detail_in(job, s_.im2col_tiles, index, "im2col tile")) check_gathering(index, job);
    } else {
      fits(index,
           {job.streamed, job.streamed_offset, transposed ? job.k : job.m, transposed ? job.m : job.k,
            job.streamed_stride},
           limits_.element, "streamed tile");
      fits(index,
           {job.stationary, job.stationary_offset, turned ? job.n : job.k, turned ? job.k : job.n,
            job.stationary_stride},
           limits_.element, "stationary tile");
    }
    fits(index, {job.result, job.result_offset, job.m, job.n, job.result_stride}, limits_.element, "result tile");
  }

  void check_gathering(JobId index, const Job& job) {
    const Im2colTile& tile = s_.im2col_tiles[job.im2col_tile()];
    if (!in(tile.geometry, s_.geometries.size(), index, "geometry") || job.streamed == kNone) return;
    const Conv2d& geometry = s_.geometries[static_cast<std::size_t>(tile.geometry)];
    const Elements image = gathered_elements(geometry, tile, job.m);
    const int row = geometry.in_width * geometry.in_channels;
    fits(index, {job.streamed, image.first, (image.end - image.first) / std::max(1, row), row, 0}, limits_.element,
         "part of the image");
  }

  struct Tile {
    BufferId buffer;
    std::int32_t offset, rows, cols, stride;  // elements
  };
  void fits(JobId index, const Tile& tile, Bytes element, const char* what) {
    if (tile.buffer == kNone) return;
    const Count stride = tile.stride != 0 ? tile.stride : tile.cols;
    const Count last = tile.rows == 0 ? 0 : tile.offset + (tile.rows - 1) * stride + tile.cols;
    const Bytes bytes = s_.buffers[tile.buffer].bytes;
    if (tile.offset >= 0 && tile.rows >= 0 && tile.cols >= 0 && last * element <= bytes) return;
    findings_.add(findings_.name(index) + ": its " + what + " of " + std::to_string(tile.rows) + " x " +
                  std::to_string(tile.cols) + " elements does not fit buffer " + std::to_string(tile.buffer.value) +
                  " of " + std::to_string(bytes) + " bytes");
  }

  const Schedule& s_;
  const ScheduleLimits& limits_;
  Findings& findings_;
};

// Checks, job after job, that each job waits for the jobs whose data or places it uses.
class AccessCheck {
 public:
  AccessCheck(const Schedule& schedule, Findings& findings)
      : s_(schedule),
        findings_(findings),
        content_(schedule.buffers.size()),
        stores_(schedule.tensors.size()),
        seen_(schedule.jobs.size(), kNone) {}

  void run() {
    for (std::size_t j = 0; j < s_.jobs.size() && !findings_.full(); ++j) {
      const Job& job = s_.jobs[j];
      const JobId index{static_cast<std::int32_t>(j)};
      if (const auto* between = std::get_if<TensorPair>(&job.detail)) {
        load(index, between->source, whole(between->source));
        if (between->second != kNone) load(index, between->second, whole(between->second));
        stores_[between->target].push_back({whole(between->target), index});
      } else if (moves_data(job)) {
        for (const Transfer& t : s_.transfers_of(job)) transfer(index, job.kind, t);
      } else {
        compute(index, job);
      }
    }
  }

 private:
  struct Content {  // of a buffer
    JobId writer = kNone, overwritten_by = kNone;
    std::vector<JobId> readers = {};  // jobs that read it since it was written
  };
  struct Region {
    std::int32_t row, col, rows, cols;
    bool meets(const Region& other) const {
      return row < other.row + other.rows && other.row < row + rows && col < other.col + other.cols &&
             other.col < col + cols;
    }
  };
  struct Store {
    Region region;
    JobId job;
  };

  template <class T>
  static const T& at(const std::vector<T>& list, std::int32_t index) {
    return list[static_cast<std::size_t>(index)];
  }
  Region whole(TensorId tensor) const { return {0, 0, s_.tensors[tensor].rows, s_.tensors[tensor].cols}; }

  void transfer(JobId index, JobKind kind, const Transfer& t) {
    const Region region = gathers(t) ? whole(t.tensor) : Region{t.row, t.col, t.rows, t.cols};
    const Elements elements = Elements::of(t.buffer_offset, t.rows, t.cols, t.buffer_stride);
    if (kind == JobKind::kLoad) {
      load(index, t.tensor, region);
      write(index, t.buffer, elements);
    } else {
      read(index, t.buffer, elements);
      stores_[t.tensor].push_back({region, index});
    }
  }

  void load(JobId index, TensorId tensor, const Region& region) {
    const ScheduledTensor& t = s_.tensors[tensor];
    bool stored = t.role != TensorRole::kActivation && t.role != TensorRole::kGradient;
    for (const Store& store : stores_[tensor]) {
      if (!store.region.meets(region)) continue;
      stored = true;
      if (!waits(index, store.job, DependencyKind::kDone))
        findings_.add(findings_.name(index) + " reads tensor " + t.name + " and does not wait for " +
                      findings_.name(store.job) + ", which stores it");
    }
    if (!stored) findings_.add(findings_.name(index) + " reads a part of tensor " + t.name + " that nobody has stored");
  }

  void compute(JobId index, const Job& job) {
    if (job.kind == JobKind::kUpdate) {
      const ScheduledUpdate& u = s_.updates[std::get<UpdateId>(job.detail)];
      for (const BufferId buffer : {u.gradient, u.master, u.first, u.second}) read(index, buffer);
      for (const BufferId buffer : {u.master, u.first, u.second, job.result}) write(index, buffer);
      return;
    }
    // A block of a mask without entries has nothing to load and nothing to read.
    const bool empty = traits(job.kind).reads_mask_tile && s_.mask_tiles[job.mask_tile()].kept == 0;
    if (!empty) read(index, job.streamed, streamed_elements(job));
    read(index, job.stationary, stationary_elements(job));
    // `partial` is partial sums that are read, or a third operand; for the derivative of a norm it is the second
    // result, for online softmax the row numbers, which the tiles behind the first go on with.
    const bool sums = job.kind == JobKind::kFold,
               goes_on = job.kind == JobKind::kOnlineSoftmax && (job.flags & kFirst) == 0;
    if (goes_on || !writes_partial(job.kind)) read(index, job.partial);
    if (sums && (job.flags & kFirst) == 0 && job.partial != kNone &&
        content_[job.partial].all()[0].value.writer == kNone)
      findings_.add(findings_.name(index) + " adds to buffer " + std::to_string(job.partial.value) +
                    ", where nothing has been summed");
    if (writes_partial(job.kind)) write(index, job.partial);
    if (job.result != job.partial || !sums) write(index, job.result, result_elements(job));
  }
  // What a pass, or a function of one tile or two, reads and writes; of other jobs the whole buffer.
  static bool works_on_a_tile(const Job& job) {
    return job.kind == JobKind::kAddMatrix || job.kind == JobKind::kElementwise || job.kind == JobKind::kScaleColumns ||
           job.kind == JobKind::kSubtractRow || job.kind == JobKind::kRectify;
  }
  Elements streamed_elements(const Job& job) const {
    if (job.kind == JobKind::kFold && (job.flags & kIm2col) != 0) {
      const Im2colTile& tile = s_.im2col_tiles[job.im2col_tile()];
      return gathered_elements(at(s_.geometries, tile.geometry), tile, job.m);
    }
    const bool pass = job.kind == JobKind::kFold;
    if (pass && (job.flags & kTransposed) != 0)
      return Elements::of(job.streamed_offset, job.k, job.m, job.streamed_stride);
    if (pass || job.kind == JobKind::kDotProduct)
      return Elements::of(job.streamed_offset, job.m, job.k, job.streamed_stride);
    if (!works_on_a_tile(job) && job.kind != JobKind::kColumnSum) return {};
    return Elements::of(job.streamed_offset, job.m, job.n, job.streamed_stride);
  }
  static Elements stationary_elements(const Job& job) {
    if (job.kind == JobKind::kFold) {
      const bool transposed = (job.flags & kStationaryTransposed) != 0;
      return Elements::of(job.stationary_offset, transposed ? job.n : job.k, transposed ? job.k : job.n,
                          job.stationary_stride);
    }
    if (job.kind != JobKind::kAddMatrix) return {};
    return Elements::of(job.stationary_offset, job.m, job.n, job.stationary_stride);
  }
  static Elements result_elements(const Job& job) {
    const bool rows = job.kind == JobKind::kFold || job.kind == JobKind::kRowDivide || job.kind == JobKind::kAddRow ||
                      job.kind == JobKind::kRescaleRows;
    if (!rows && !works_on_a_tile(job)) return {};
    return Elements::of(job.result_offset, job.m, job.n, job.result_stride);
  }

  // visit(first, end) of the places of content_ that these elements have: of a buffer that does not stay always all.
  template <class Visit>
  void each_part(BufferId buffer, Elements elements, const Visit& visit) const {
    const ResidentMatrix& matrix = s_.buffers[buffer].stays;
    if (matrix.elements == 0) return visit(0, Pieces<Content>::kEnd);
    matrix.each_part(elements, visit);
  }
  template <class Visit>
  void each_content(BufferId buffer, Elements elements, const Visit& visit) {
    each_part(buffer, elements, [&](int first, int end) { content_[buffer].each(first, end, visit); });
  }

  void read(JobId index, BufferId buffer, Elements elements = {}) {
    if (buffer == kNone) return;
    const std::string reads = " reads buffer " + std::to_string(buffer.value);
    bool unwritten = false;
    each_content(buffer, elements, [&](Content& content) {
      if (content.overwritten_by != kNone) {
        findings_.add(findings_.name(index) + reads + ", whose place " + findings_.name(content.overwritten_by) +
                      " has overwritten");
      } else if (content.writer == kNone) {
        unwritten = true;
      } else if (!waits(index, content.writer, DependencyKind::kDone) && !takes_rows(index, content.writer)) {
        findings_.add(findings_.name(index) + reads + " and does not wait for " + findings_.name(content.writer) +
                      ", which writes it");
      }
      content.readers.push_back(index);
    });
    if (unwritten) findings_.add(findings_.name(index) + reads + ", which nothing has written");
  }

  void write(JobId index, BufferId buffer, Elements elements = {}) {
    if (buffer == kNone) return;
    const Buffer place = s_.buffers[buffer];
    if (place.bytes > 0) take_place(index, buffer, place);
    retire(index, buffer, elements);
    each_part(buffer, elements, [&](int first, int end) { content_[buffer].assign(first, end, {index}); });
  }

  // The buffers whose places overlap the place that is written now lose their content.
  void take_place(JobId index, BufferId buffer, const Buffer& place) {
    auto next = live_.upper_bound(place.address);
    if (next != live_.begin()) {
      const Buffer& before = s_.buffers[std::prev(next)->second];
      if (before.address + before.bytes > place.address) --next;
    }
    while (next != live_.end() && next->first < place.address + place.bytes) {
      const BufferId old = next->second;
      next = live_.erase(next);
      if (old == buffer) continue;
      retire(index, old);
      content_[old] = Pieces<Content>({kNone, index});
    }
    live_[place.address] = buffer;
  }

  // `index` overwrites this content, so it must wait for every job that read or wrote it.
  void retire(JobId index, BufferId buffer, Elements elements = {}) {
    each_content(buffer, elements, [&](const Content& content) { retire(index, buffer, content); });
  }
  void retire(JobId index, BufferId buffer, const Content& content) {
    const std::string overwrites = " overwrites buffer " + std::to_string(buffer.value) + " and does not wait for ";
    if (content.writer != kNone && !waits(index, content.writer, DependencyKind::kDone) &&
        !one_sum(index, content.writer) && !takes_rows(index, content.writer))
      findings_.add(findings_.name(index) + overwrites + findings_.name(content.writer) + ", which writes it");
    for (const JobId reader : content.readers)
      if (reader != index && !waits(index, reader, DependencyKind::kReleased))
        findings_.add(findings_.name(index) + overwrites + findings_.name(reader) + ", which reads it");
  }

  // Whether both are passes of one sum: the array keeps their order, so the later one only waits for the earlier one's
  // issue.
  bool one_sum(JobId index, JobId before) {
    const Job &a = s_.jobs[before], &b = s_.jobs[index];
    return a.kind == JobKind::kFold && b.kind == JobKind::kFold && a.unit == b.unit &&
           waits(index, before, DependencyKind::kIssued);
  }

  // Takes the rows of the other job's result from a FIFO: reads, and overwrites, each when it is there.
  bool takes_rows(JobId index, JobId before) const {
    const Job &a = s_.jobs[before], &b = s_.jobs[index];
    return !s_.rows_to.empty() && s_.rows_to[before] == index && a.result == b.streamed &&
           a.result_offset == b.streamed_offset && a.m == b.m && a.n == b.n && (b.flags & kRowsIn) != 0;
  }

  // When `index` begins, is it certain that `before` has been issued, has released its operands, or is done (`kind`)?
  // It is enough that `index` waits, in any way and through any jobs, for a job that waits for this.
  bool waits(JobId index, JobId before, DependencyKind kind) {
    if (index == before) return true;
    ++question_;
    open_.assign(1, index);
    while (!open_.empty()) {
      const JobId waiting = open_.back();
      const Job& job = s_.jobs[waiting];
      open_.pop_back();
      for (std::int32_t d = job.dependency_count; d-- > 0;) {
        const Dependency on = at(s_.dependencies, job.first_dependency + d);
        if (on.job() == before && on.kind() <= kind) return true;
        // A job that waits for one that took all rows of `before` waits for `before`; only passes wait for an issue.
        if (on.job() == before && on.kind() == DependencyKind::kFirstRow && waiting != index) return true;
        if (!(on.job() > before) || seen_[on.job()] == question_) continue;
        seen_[on.job()] = question_;
        open_.push_back(on.job());
      }
    }
    return false;
  }

  const Schedule& s_;
  Findings& findings_;
  IdVector<BufferId, Pieces<Content>> content_;
  std::map<std::int32_t, BufferId> live_;  // address -> buffer that has content there
  IdVector<TensorId, std::vector<Store>> stores_;
  IdVector<JobId, std::int32_t> seen_;  // the last question that reached the job
  std::int32_t question_ = kNone;
  std::vector<JobId> open_;
};

}  // namespace

std::vector<std::string> check_schedule(const Schedule& schedule, const ScheduleLimits& limits) {
  Findings findings(schedule);
  IndexCheck(schedule, limits, findings).run();
  std::vector<std::string> found = findings.take();
  if (!found.empty()) return found;  // the other checks rely on correct indices
  AccessCheck(schedule, findings).run();
  return findings.take();
}

}  // namespace vitality
