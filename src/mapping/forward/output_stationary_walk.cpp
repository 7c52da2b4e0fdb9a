#include "mapping/forward/output_stationary_walk.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>

#include "cost/array_cost.h"
#include "cost/job_cost.h"

namespace vitality {
namespace {

// Loads one after the other, and stores one after the other; while both move, each has half of the memory.
class MemoryLines {
 public:
  MemoryLines(double bytes_per_cycle, double latency) : rate_(bytes_per_cycle), latency_(latency) {}

  // The cycle in which a load is there that is issued at `ready`.
  double load(double ready, Bytes bytes) {
    double now = std::max(ready + latency_, loads_until_), left = static_cast<double>(bytes) / rate_;
    serve_stores(now);
    while (left > 0) {
      const bool waiting = front_ < stores_.size();
      const double begin = waiting ? std::max(stores_[front_].begin, stores_until_) : 0;
      if (waiting && begin <= now) {
        const double both = std::min(left, stores_[front_].left);
        left -= both, stores_[front_].left -= both;
        now += 2 * both, stores_until_ = now;
        if (stores_[front_].left <= 0) stores_[front_++].end = now;
      } else {
        const double alone = waiting ? std::min(left, begin - now) : left;
        left -= alone, now += alone;
      }
    }
    return loads_until_ = now;
  }

  // The number of a store that is issued at `ready`, and the cycle in which it is done.
  std::size_t store(double ready, Bytes bytes) {
    stores_.push_back({ready + latency_, static_cast<double>(bytes) / rate_, 0});
    return stores_.size() - 1;
  }
  double stored(std::size_t store) {
    while (front_ <= store) end_store(std::max(stores_[front_].begin, stores_until_) + stores_[front_].left);
    return stores_[store].end;
  }

  void shift(double cycles) {
    for (Store& store : stores_) store.begin += cycles, store.end += cycles;
    loads_until_ += cycles, stores_until_ += cycles;
  }

 private:
  struct Store {
    double begin, left, end;  // left: cycles of the whole memory
  };
  void end_store(double now) { stores_[front_++].end = stores_until_ = now; }
  // Of stores alone.
  void serve_stores(double until) {
    for (; front_ < stores_.size();) {
      Store& store = stores_[front_];
      const double begin = std::max(store.begin, stores_until_);
      if (begin >= until) return;
      if (begin + store.left > until) {
        store.left -= until - begin, stores_until_ = until;
        return;
      }
      end_store(begin + store.left);
    }
  }

  double rate_, latency_;
  std::vector<Store> stores_;
  std::size_t front_ = 0;
  double loads_until_ = 0, stores_until_ = 0;
};

// Of a loop over tiles, and of the segments of a tile: those before the ones that repeat them.
constexpr int kWalked = 3, kWalkedSegments = 32;

class Walk {
 public:
  Walk(const OutputStationaryRun& run, const HardwareConfig& config, OutputStationaryPasses& passes)
      : run_(run),
        config_(config),
        plan_(run.plan),
        p_(run.problem),
        memory_(run.bytes_per_cycle, run.latency),
        segments_(std::min<std::size_t>(run.depths.size(), kWalkedSegments + 1)),
        outer_there_(segments_),
        array_free_(static_cast<std::size_t>(config.matrix_engine.count)),
        places_(static_cast<std::size_t>(plan_.out_sets)) {
    price(passes);
    list_steps();
  }

  double cycles() {
    load_first();
    for (at_ = 0; at_ < steps_.size(); ++at_) {
      pass();
      load_behind();
      skip_repeated();
    }
    for (const Place& place : places_) end_ = std::max(end_, free_from(place));
    return end_;
  }

 private:
  struct Step {
    int rows, width;
    std::size_t segment;
    int outer, inner;  // numbers of the tiles, of those that are walked
  };
  struct Pass {
    double stream = 0, drain = 0;
  };
  struct Addition {
    double stream = 0, latency = 0;
  };
  // For a tile of results, with its second operands.
  struct Place {
    double free = 0;
    std::size_t store = 0;
    bool stored = false;
    double second_there = 0;
  };
  struct Second {
    double ready;
    std::size_t place;
    Bytes bytes;
  };

  bool is_last(const Step& step) const { return step.segment + 1 == segments_; }
  bool is_last_rows(const Step& step) const { return step.rows != plan_.tile_rows; }

  void price(OutputStationaryPasses& passes) {
    const MatrixEngineConfig& engine = config_.matrix_engine;
    for (const bool rest : {false, true}) {
      const int rows = rest ? p_.m % plan_.tile_rows : plan_.tile_rows;
      if (rows == 0) continue;
      for (const bool last : {false, true})
        passes_[rest][last] = {
            passes.stream(rows, plan_.tile_cols, last ? run_.depths.back() : run_.depths.front()),
            last ? static_cast<double>(output_stationary_fold(engine.rows, engine.cols, 1).drain) : 0};
      Job job{};
      job.unit = UnitKind::kAdders, job.kind = JobKind::kAddMatrix;
      job.m = rows, job.n = plan_.tile_cols;
      const JobCost cost = job_cost(job, {}, config_);
      additions_[rest] = {static_cast<double>(cost.stream), static_cast<double>(cost.latency)};
    }
  }

  static std::vector<int> walked(int count) {
    std::vector<int> tiles;
    for (int i = 0; i < count; ++i)
      if (i < kWalked || i + 1 == count) tiles.push_back(i);
    return tiles;
  }
  // Columns of a result tile.
  int width(int tile) const {
    if (p_.results_on_chip) return p_.columns[static_cast<std::size_t>(tile)];
    const int group = p_.n / p_.groups, in_group = tile % static_cast<int>(ceil_div(group, plan_.tile_cols));
    return std::min(plan_.tile_cols, group - in_group * plan_.tile_cols);
  }
  int depth(const Step& step) const { return is_last(step) ? run_.depths.back() : run_.depths[step.segment]; }
  void list_steps() {
    const int row_tiles = static_cast<int>(ceil_div(p_.m, plan_.tile_rows)),
              column_tiles = static_cast<int>(run_.column_tiles);
    outer_tiles_ = plan_.columns_outer ? column_tiles : row_tiles;
    inner_tiles_ = plan_.columns_outer ? row_tiles : column_tiles;
    const std::vector<int> outer = walked(outer_tiles_), inner = walked(inner_tiles_);
    inner_walked_ = static_cast<int>(inner.size());
    for (int o = 0; o < static_cast<int>(outer.size()); ++o) {
      for (int i = 0; i < inner_walked_; ++i) {
        const int row = plan_.columns_outer ? inner[static_cast<std::size_t>(i)] : outer[static_cast<std::size_t>(o)],
                  column =
                      plan_.columns_outer ? outer[static_cast<std::size_t>(o)] : inner[static_cast<std::size_t>(i)];
        for (std::size_t s = 0; s < segments_; ++s)
          steps_.push_back({std::min(plan_.tile_rows, p_.m - row * plan_.tile_rows), width(column), s, o, i});
      }
    }
    if (p_.strip)
      for (int o : outer)
        strips_.push_back(p_.element * strip_elements(*p_.strip, o * plan_.tile_rows, steps_[0].rows));
  }

  // --- Loads.

  Bytes columns_bytes(const Step& step) const {
    return p_.element * step.width * depth(step) + (p_.bias && is_last(step) ? p_.partial * step.width : 0);
  }
  Bytes rows_bytes(const Step& step) const { return p_.element * step.rows * depth(step); }
  void load_step(std::size_t index, double ready) {
    if (index >= steps_.size()) return;
    const Step& step = steps_[index];
    const Bytes bytes = (run_.rows_in_step ? rows_bytes(step) : 0) + (run_.columns_in_step ? columns_bytes(step) : 0);
    if (bytes > 0) step_there_[index % 2] = load(ready, bytes);
  }
  // Of the outer tile to which the step belongs: its strip, or the step's segment of what is kept.
  void load_strip(std::size_t index, double ready) {
    if (p_.strip && index < steps_.size())
      strip_there_ = load(ready, strips_[static_cast<std::size_t>(steps_[index].outer)]);
  }
  void load_kept(std::size_t index, double ready) {
    if (!run_.keeps_outer || index >= steps_.size()) return;
    const Step& step = steps_[index];
    outer_there_[step.segment] = load(ready, plan_.columns_outer ? columns_bytes(step) : rows_bytes(step));
  }
  double load(double ready, Bytes bytes) {
    load_seconds(ready);
    return memory_.load(ready, bytes);
  }
  // Second operands that are issued before `until`.
  void load_seconds(double until) {
    for (; !seconds_.empty() && seconds_.front().ready < until; seconds_.pop_front())
      places_[seconds_.front().place].second_there = memory_.load(seconds_.front().ready, seconds_.front().bytes);
  }

  void load_first() {
    load_strip(0, 0);
    for (std::size_t s = 0; s < std::max<std::size_t>(2, segments_); ++s) {
      if (s < segments_) load_kept(s, 0);
      if (s < 2) load_step(s, 0);
    }
    for (std::size_t tile = 0; tile < places_.size(); ++tile) fetch_second(tile, 0);
  }
  void fetch_second(std::size_t tile, double ready) {
    const std::size_t first = tile * segments_;
    if (p_.fetched_adds() == 0 || first >= steps_.size()) return;
    const Bytes bytes = p_.result * steps_[first].rows * steps_[first].width * p_.fetched_adds();
    seconds_.push_back({ready, tile % places_.size(), bytes});
  }
  // What can be loaded when the pass has released its operands.
  void load_behind() {
    const Step& step = steps_[at_];
    const bool leaves_outer = step.inner + 1 == inner_walked_;
    if (leaves_outer && is_last(step)) load_strip(at_ + 1, released_);
    if (leaves_outer && segments_ <= 2) load_kept(at_ + segments_, released_);
    load_step(at_ + 2, released_);
    if (leaves_outer && segments_ > 2) load_kept(at_ + segments_, released_);
  }

  // --- Passes.

  double free_from(const Place& place) { return place.stored ? memory_.stored(place.store) : place.free; }

  void pass() {
    const Step& step = steps_[at_];
    const std::size_t tile = at_ / segments_;
    double& array_free = array_free_[tile % array_free_.size()];
    double start = std::max({array_free, step_there_[at_ % 2], outer_there_[step.segment], strip_there_});
    // Tiles begin in order.
    if (step.segment == 0) start = begun_ = std::max(start, begun_);
    Place& place = places_[tile % places_.size()];
    if (is_last(step)) {
      load_seconds(start);
      start = std::max(start, free_from(place));
    }
    const Pass& cost = passes_[is_last_rows(step)][is_last(step)];
    released_ = start + cost.stream;
    array_free = released_ + cost.drain;
    if (is_last(step))
      leave(step, place, tile, array_free + static_cast<double>(output_stationary_drain(config_.matrix_engine.rows)));
  }

  // The results leave the array, are added to, and go to memory.
  void leave(const Step& step, Place& place, std::size_t tile, double done) {
    for (int i = 0; i < p_.adds; ++i) {
      if (i == 0 && p_.fetched_adds() > 0) {
        load_seconds(std::numeric_limits<double>::infinity());
        done = std::max(done, place.second_there);
      }
      const Addition& addition = additions_[is_last_rows(step)];
      const double begin = std::max(done, adders_free_);
      adders_free_ = begin + addition.stream;
      done = adders_free_ + addition.latency;
    }
    end_ = std::max(end_, done);
    if (p_.adds > 0) fetch_second(tile + places_.size(), done);
    place.stored = p_.results_in_memory && p_.has_result_tiles() && !p_.added_in_place;
    place.free = p_.has_result_tiles() ? done : 0;
    if (p_.results_in_memory) place.store = memory_.store(done, p_.result * step.rows * step.width);
  }

  // --- Tiles that repeat others.

  void skip_repeated() {
    const Step& step = steps_[at_];
    if (!is_last(step)) {
      if (step.segment + 1 == kWalkedSegments)
        shift((released_ - segment_mark_) * static_cast<double>(run_.depths.size() - segments_));
      segment_mark_ = released_;
      return;
    }
    const auto skip = [this](int tile, int tiles, double& mark) {
      const double now = *std::max_element(array_free_.begin(), array_free_.end());
      if (tile + 1 == kWalked && tiles > kWalked + 1) shift((now - mark) * (tiles - kWalked - 1));
      mark = now;
    };
    skip(step.inner, inner_tiles_, inner_mark_);
    if (step.inner + 1 == inner_walked_) skip(step.outer, outer_tiles_, outer_mark_);
  }
  void shift(double cycles) {
    for (double* time : {&step_there_[0], &step_there_[1], &strip_there_, &adders_free_, &begun_, &released_, &end_})
      *time += cycles;
    for (std::vector<double>* times : {&outer_there_, &array_free_})
      for (double& time : *times) time += cycles;
    for (Place& place : places_) place.free += cycles, place.second_there += cycles;
    for (Second& second : seconds_) second.ready += cycles;
    memory_.shift(cycles);
  }

  const OutputStationaryRun& run_;
  const HardwareConfig& config_;
  const OutputStationaryMapping& plan_;
  const GemmProblem& p_;
  MemoryLines memory_;
  const std::size_t segments_;
  std::array<std::array<Pass, 2>, 2> passes_{};  // by whether it is of the last row tile, and of the last segment
  std::array<Addition, 2> additions_{};
  std::vector<Step> steps_;
  std::vector<Bytes> strips_;
  int outer_tiles_ = 0, inner_tiles_ = 0, inner_walked_ = 0;

  std::size_t at_ = 0;  // the step that is walked
  std::array<double, 2> step_there_{};
  double strip_there_ = 0;
  std::vector<double> outer_there_, array_free_;
  std::vector<Place> places_;
  std::deque<Second> seconds_;  // that are not loaded yet
  double adders_free_ = 0, begun_ = 0, released_ = 0, end_ = 0;
  double segment_mark_ = 0, inner_mark_ = 0, outer_mark_ = 0;  // the ends of the segment and the tiles before
};

}  // namespace

Bytes strip_elements(const Conv2d& conv, int first, int count) {
  const InputRows rows = input_rows(conv, first, count);
  return Bytes{rows.end - rows.begin} * conv.in_width * conv.in_channels;
}

double OutputStationaryPasses::stream(int rows, int width, int depth) {
  const auto [known, is_new] = known_.try_emplace({rows, width, depth});
  if (is_new) known->second = price(rows, width, depth);
  return known->second;
}

double OutputStationaryPasses::price(int rows, int width, int depth) const {
  constexpr int kBeginning = 64;
  Schedule schedule;
  Job job{};
  job.unit = UnitKind::kMatrixEngine, job.kind = JobKind::kFold;
  job.m = rows, job.k = std::min(depth, kBeginning), job.n = width;
  job.flags = kOutputStationary;
  job.streamed_stride = problem_.streamed_on_chip ? problem_.contraction.front() : depth;
  job.stationary_stride = width;
  if (problem_.strip) {
    job.flags |= kIm2col;
    schedule.geometries.push_back(*problem_.strip);
    job.detail = schedule.im2col_tiles.next();
    schedule.im2col_tiles.push_back({0, 0, 0, 0, 0, 1});
  }
  return static_cast<double>(job_cost(job, schedule, config_).stream) * depth / job.k;
}

double output_stationary_cycles(const OutputStationaryRun& run, const HardwareConfig& config,
                                OutputStationaryPasses& passes) {
  return Walk(run, config, passes).cycles();
}

}  // namespace vitality
