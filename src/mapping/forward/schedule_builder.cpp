#include "mapping/forward/schedule_builder.h"

#include <algorithm>
#include <stdexcept>

#include "base/error.h"

namespace vitality {

namespace {

std::uint32_t key_of(Dependency dependency) {
  return 4 * static_cast<std::uint32_t>(dependency.job().value) + static_cast<std::uint32_t>(dependency.kind());
}

// Keeps one dependency per job, the strongest. Without this, the leftover pieces of an evicted buffer would copy the
// same users into every new buffer placed there.
void keep_strongest(std::vector<Dependency>& dependencies) {
  std::sort(dependencies.begin(), dependencies.end(), [](Dependency a, Dependency b) { return key_of(a) < key_of(b); });
  dependencies.erase(std::unique(dependencies.begin(), dependencies.end(),
                                 [](Dependency a, Dependency b) { return a.job() == b.job(); }),
                     dependencies.end());
}

}  // namespace

Bytes aligned_sum(const std::vector<Bytes>& sizes) {
  Bytes total = 0;
  for (const Bytes size : sizes) total += aligned(size);
  return total;
}

// More than 6 parameters: a row of Schedule::tensors.
TensorId ScheduleBuilder::add_tensor(std::string name, TensorRole role, int layer, int rows, int cols, Bytes bytes,
                                     Bytes shared_address) {
  constexpr Bytes kAlignment = 4096;
  const Bytes address = shared_address == kNone ? schedule_.dram_footprint : shared_address;
  if (shared_address == kNone) schedule_.dram_footprint += ceil_div(bytes, kAlignment) * kAlignment;
  const TensorId id = schedule_.tensors.next();
  schedule_.tensors.push_back({std::move(name), role, layer, rows, cols, address, bytes});
  writers_.emplace_back();
  return id;
}

OperatorId ScheduleBuilder::add_operator(OperatorRole role, int layer, int instance, int head) {
  const OperatorId id = schedule_.operators.next();
  schedule_.operators.push_back({role, layer, instance, head});
  return id;
}

std::vector<BufferId> ScheduleBuilder::allocate(const std::vector<Bytes>& sizes, const std::string& what) {
  const Bytes total = aligned_sum(sizes);
  if (total > capacity()) {
    throw InfeasibleError(what + " needs " + std::to_string(total) + " bytes of buffers, the scratchpad has " +
                          std::to_string(capacity()) + " (scratchpad.capacity_kib)");
  }
  if (ring_ < base_ || ring_ > limit_) ring_ = base_;
  // The first ones lie behind the last operator's buffers, as far as they fit; the others from the beginning on, if
  // they end in front of these.
  auto rest = sizes.begin();
  Bytes front = 0;
  while (rest != sizes.end() && ring_ + front + aligned(*rest) <= limit_) front += aligned(*rest++);
  if (rest != sizes.end() && base_ + total - front > ring_) rest = sizes.begin(), front = 0;
  std::vector<BufferId> buffers;
  if (rest != sizes.begin()) buffers = place(ring_, {sizes.begin(), rest});
  if (rest != sizes.end()) {
    const std::vector<BufferId> others = place(base_, {rest, sizes.end()});
    buffers.insert(buffers.end(), others.begin(), others.end());
    ring_ = base_ - front;
  }
  ring_ += total;
  return buffers;
}

std::vector<BufferId> ScheduleBuilder::allocate_resident(const std::vector<Bytes>& sizes,
                                                         const std::vector<ResidentMatrix>& matrices,
                                                         ScratchpadEnd end) {
  const Bytes total = aligned_sum(sizes);
  if (total > capacity()) throw std::logic_error("no room for what is to stay in the scratchpad");
  const bool high = end == ScratchpadEnd::kHigh;
  if (high) limit_ -= total;
  std::vector<BufferId> buffers = place(high ? limit_ : base_, sizes);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    schedule_.buffers[buffers[i]].stays = matrices[i];
    resident_.insert_or_assign(buffers[i].value,
                               ResidentAccess{matrices[i], Pieces<Access>(std::move(access_[buffers[i]]))});
  }
  if (!high) base_ += total;
  (high ? high_ : low_).push_back({buffers.front(), total});
  return buffers;
}

void ScheduleBuilder::release(BufferId first_resident) {
  for (std::vector<Resident>* const list : {&low_, &high_}) {
    for (Resident& resident : *list) resident.released = resident.released || resident.first == first_resident;
    for (; !list->empty() && list->back().released; list->pop_back()) {
      if (list == &high_)
        limit_ += list->back().bytes;
      else
        base_ -= list->back().bytes;
    }
  }
}

std::vector<BufferId> ScheduleBuilder::place(Bytes begin, const std::vector<Bytes>& sizes) {
  const Bytes end = begin + aligned_sum(sizes);
  // Old buffers in [begin, end) lose their place; the jobs that still use them must end before the new buffers' first
  // write.
  std::vector<std::pair<Buffer, std::vector<Dependency>>> evicted;
  live_.erase(std::remove_if(live_.begin(), live_.end(),
                             [&](BufferId index) {
                               const Buffer& buffer = schedule_.buffers[index];
                               if (buffer.address >= end || buffer.address + buffer.bytes <= begin) return false;
                               std::vector<Dependency> users;
                               each_access(index, {}, [&users](const Access& access) {
                                 users.insert(users.end(), access.readers.begin(), access.readers.end());
                                 if (access.writer != kNone) users.emplace_back(access.writer, DependencyKind::kDone);
                               });
                               resident_.erase(index.value);
                               evicted.emplace_back(buffer, std::move(users));
                               return true;
                             }),
              live_.end());
  std::vector<BufferId> result;
  Bytes address = begin;
  for (const Bytes size : sizes) {
    const Buffer buffer{static_cast<std::int32_t>(address), static_cast<std::int32_t>(size)};
    Access access;
    for (const auto& [old, users] : evicted) {
      if (old.address < buffer.address + buffer.bytes && buffer.address < old.address + old.bytes)
        access.readers.insert(access.readers.end(), users.begin(), users.end());
    }
    keep_strongest(access.readers);
    const BufferId index = schedule_.buffers.next();
    schedule_.buffers.push_back(buffer);
    access_.push_back(std::move(access));
    live_.push_back(index);
    result.push_back(index);
    address += aligned(size);
  }
  // A large old buffer may extend beyond the new ones: the leftover pieces stay live, with the same users, as buffers
  // of their own.
  for (const auto& [old, users] : evicted) {
    const auto keep = [&, &readers = users](Bytes from, Bytes to) {
      if (from >= to) return;
      live_.push_back(schedule_.buffers.next());
      schedule_.buffers.push_back({static_cast<std::int32_t>(from), static_cast<std::int32_t>(to - from)});
      Access access;
      access.readers = readers;
      access_.push_back(std::move(access));
    };
    keep(old.address, std::min<Bytes>(begin, old.address + old.bytes));
    keep(std::max<Bytes>(end, old.address), old.address + old.bytes);
  }
  schedule_.scratchpad_high_water = std::max(schedule_.scratchpad_high_water, end);
  return result;
}

void ScheduleBuilder::reserve(std::size_t jobs) {
  const auto grow = [jobs](auto& list, std::size_t each) {
    const std::size_t wanted = list.size() + jobs * each;
    if (list.capacity() < wanted) list.reserve(std::max(wanted, 2 * list.capacity()));
  };
  grow(schedule_.jobs, 1);
  grow(schedule_.dependencies, 3);
  grow(schedule_.transfers, 1);
}

Job& ScheduleBuilder::begin(UnitKind unit, JobKind kind, int layer, OperatorId op) {
  job_ = Job{};
  job_.unit = unit;
  job_.kind = kind;
  job_.layer = layer;
  job_.op = op;
  pending_.clear();
  return job_;
}

// More than 6 parameters: a job's kind, shape and operands.
Job& ScheduleBuilder::begin(UnitKind unit, JobKind kind, int layer, OperatorId op, Shape shape, TilePlace streamed,
                            BufferId second, TilePlace result, int flags) {
  Job& job = begin(unit, kind, layer, op);
  const int width = kind == JobKind::kDotProduct ? shape.k : shape.n;
  job.m = shape.m, job.k = shape.k, job.n = shape.n;
  job.flags = static_cast<std::uint16_t>(flags);
  job.streamed = streamed.buffer, job.stationary = second, job.result = result.buffer;
  job.streamed_offset = streamed.offset, job.result_offset = result.offset;
  job.streamed_stride = streamed.stride != 0 ? streamed.stride : width;
  job.stationary_stride = shape.n;
  job.result_stride = result.stride != 0 ? result.stride : shape.n;
  if (streamed.buffer != kNone) read(streamed.buffer, streamed.elements(shape.m, width));
  if (second != kNone) read(second);
  return job;
}

void ScheduleBuilder::depend_on(JobId job, DependencyKind kind) {
  if (job == kNone || job == next_job()) return;
  pending_.push_back(key_of({job, kind}));
}

template <class Visit>
void ScheduleBuilder::each_access(BufferId buffer, Elements elements, const Visit& visit) {
  const auto stays = resident_.find(buffer.value);
  if (stays == resident_.end()) return visit(access_[buffer]);
  stays->second.matrix.each_part(elements, [&](int first, int end) { stays->second.pieces.each(first, end, visit); });
}

void ScheduleBuilder::read(BufferId buffer, Elements elements) {
  each_access(buffer, elements, [this](Access& access) {
    depend_on(access.writer);
    access.readers.emplace_back(next_job(), DependencyKind::kReleased);
  });
}

JobId ScheduleBuilder::last_on_array(BufferId buffer, Elements elements) {
  JobId last = kNone;
  each_access(buffer, elements, [&last](const Access& access) { last = std::max(last, access.pass); });
  return last;
}

void ScheduleBuilder::write(BufferId buffer, Elements elements) {
  const JobId pass = job_.unit == UnitKind::kMatrixEngine ? next_job() : last_on_array_;
  each_access(buffer, elements, [this, pass](Access& access) {
    depend_on(access.writer);
    for (const Dependency reader : access.readers) depend_on(reader.job(), reader.kind());
    access.readers.clear();
    access.writer = next_job();
    access.accumulating = false;
    access.pass = pass;
  });
  const auto stays = resident_.find(buffer.value);
  if (stays == resident_.end()) return;
  // One piece from now on, so that pieces do not become more and more.
  stays->second.matrix.each_part(elements, [&](int first, int end) {
    stays->second.pieces.assign(first, end, {next_job(), false, {}, pass});
  });
}

void ScheduleBuilder::accumulate(BufferId buffer, bool first) {
  if (stays(buffer)) throw std::logic_error("partial sums in a buffer that stays");
  Access& access = access_[buffer];
  const bool same_array = access.accumulating && !(first && several_[job_.unit]);
  depend_on(access.writer, same_array ? DependencyKind::kIssued : DependencyKind::kDone);
  if (same_array && access.writer != next_job()) job_.follows = access.writer;
  for (const Dependency reader : access.readers) depend_on(reader.job(), reader.kind());
  access.readers.clear();
  access.writer = next_job();
  access.accumulating = true;
}

void ScheduleBuilder::keep_passes_in_order() {
  const bool continues = continues_in_registers(job_);
  if (continues) job_.follows = last_pass_;
  depend_on(continues ? last_pass_ : last_in_order_, DependencyKind::kIssued);
  // Jobs on a mask, encoding and decoding leave nothing in the PEs: they only must not come between two passes of a
  // chain.
  if (job_.kind == JobKind::kSddmm || job_.kind == JobKind::kSpmm || job_.kind == JobKind::kSparseSoftmax ||
      job_.kind == JobKind::kCode) {
    between_passes_.push_back(next_job());
    return;
  }
  for (const JobId job : between_passes_) depend_on(job, DependencyKind::kIssued);
  between_passes_.clear();
  last_pass_ = next_job();
  if (!continues || !several_[job_.unit]) last_in_order_ = next_job();
}

void ScheduleBuilder::keep_layer_serial() {
  if (!last_computed_.empty()) {
    const Job& before = schedule_.jobs[last_computed_.back()];
    if (before.layer != job_.layer) {
      last_computed_.clear();
    } else if (before.unit == job_.unit) {  // passes follow each other as the unit allows
      depend_on(last_computed_.back(), DependencyKind::kIssued);
      if (!several_[job_.unit]) last_computed_.clear();
    } else {
      for (const JobId job : last_computed_) depend_on(job);
      last_computed_.clear();
    }
  }
  last_computed_.push_back(next_job());
}

JobId ScheduleBuilder::finish() {
  constexpr std::size_t kMaxJobs = std::size_t{1} << 26;  // about 250 bytes each, over a whole run
  if (schedule_.jobs.size() >= kMaxJobs)
    throw InfeasibleError("more than 2^26 tile jobs: the model is too large for this program on arrays of this size");
  if (passes_in_order_ && job_.unit == UnitKind::kMatrixEngine) keep_passes_in_order();
  if (serial_ && !is_dma(job_.unit) && job_.unit != UnitKind::kUncharged) keep_layer_serial();
  // Keeps one dependency per job: the strongest kind, which has the smallest key (done, then released, then issued).
  std::sort(pending_.begin(), pending_.end());
  job_.first_dependency = static_cast<std::int32_t>(schedule_.dependencies.size());
  JobId last;
  for (const std::uint32_t key : pending_) {
    const JobId job{static_cast<std::int32_t>(key / 4)};
    if (job == last) continue;
    schedule_.dependencies.emplace_back(job, static_cast<DependencyKind>(key % 4));
    last = job;
  }
  job_.dependency_count = static_cast<std::int32_t>(schedule_.dependencies.size()) - job_.first_dependency;
  const JobId id = next_job();
  schedule_.jobs.push_back(job_);
  if (job_.unit == UnitKind::kMatrixEngine) last_on_array_ = id;
  return id;
}

// More than 6 parameters: a region of a tensor and its place in a buffer.
Transfer ScheduleBuilder::make_transfer(TensorId tensor, int row, int col, int rows, int cols, BufferId buffer,
                                        int buffer_offset, int buffer_stride) const {
  const ScheduledTensor& t = schedule_.tensors[tensor];
  const Bytes element = t.bytes / (static_cast<Bytes>(t.rows) * t.cols);
  Transfer transfer{};
  transfer.tensor = tensor;
  transfer.row = row, transfer.col = col, transfer.rows = rows, transfer.cols = cols;
  transfer.buffer = buffer, transfer.buffer_offset = buffer_offset,
  transfer.buffer_stride = buffer_stride == 0 ? cols : buffer_stride;
  transfer.row_map = transfer.geometry = kNone;
  transfer.bytes = element * rows * cols;
  // Tensors lie in DRAM as column blocks, so that a tile of full height is one run of addresses.
  transfer.dram_address =
      t.dram_address + element * (static_cast<Bytes>(col) * t.rows + static_cast<Bytes>(row) * cols);
  return transfer;
}

void ScheduleBuilder::read_tensor(TensorId tensor, int row, int col, int rows, int cols) {
  for (const Region& region : writers_[tensor]) {
    if (region.row < row + rows && row < region.row + region.rows && region.col < col + cols &&
        col < region.col + region.cols)
      depend_on(region.job);
  }
}

void ScheduleBuilder::write_tensor(TensorId tensor, int row, int col, int rows, int cols) {
  writers_[tensor].push_back({row, col, rows, cols, next_job()});
}

JobId ScheduleBuilder::transfer(UnitKind unit, int layer, OperatorId op, const std::vector<Transfer>& transfers,
                                Dependency after) {
  return add_transfers(unit, unit == UnitKind::kDmaLoad ? JobKind::kLoad : JobKind::kStore, layer, op, transfers,
                       after);
}

JobId ScheduleBuilder::show(JobKind kind, int layer, OperatorId op, Transfer transfer) {
  transfer.bytes = 0;
  return add_transfers(UnitKind::kUncharged, kind, layer, op, {transfer}, {kNone, DependencyKind::kDone});
}

JobId ScheduleBuilder::add_transfers(UnitKind unit, JobKind kind, int layer, OperatorId op,
                                     const std::vector<Transfer>& transfers, Dependency after) {
  const bool load = kind == JobKind::kLoad;
  Job& job = begin(unit, kind, layer, op);
  job.detail =
      TransferRange{static_cast<std::int32_t>(schedule_.transfers.size()), static_cast<std::int32_t>(transfers.size())};
  depend_on(after.job(), after.kind());
  for (const Transfer& t : transfers) {
    schedule_.transfers.push_back(t);
    const Elements elements = Elements::of(t.buffer_offset, t.rows, t.cols, t.buffer_stride);
    if (load) {
      // A gathered transfer may touch any row of the tensor.
      const bool whole = t.row_map != kNone || t.geometry != kNone;
      const ScheduledTensor& tensor = schedule_.tensors[t.tensor];
      read_tensor(t.tensor, whole ? 0 : t.row, whole ? 0 : t.col, whole ? tensor.rows : t.rows,
                  whole ? tensor.cols : t.cols);
      write(t.buffer, elements);
    } else {
      write_tensor(t.tensor, t.row, t.col, t.rows, t.cols);
      read(t.buffer, elements);
    }
  }
  return finish();
}

}  // namespace vitality
