#include "tensor/difference.h"

#include <algorithm>
#include <cmath>

#include "base/vectorised.h"

namespace vitality {
namespace {

constexpr std::size_t kLanes = 16;  // sums and maxima side by side: one alone is a chain of dependent operations
struct Lanes {
  double worst[kLanes] = {}, peak[kLanes] = {}, dot[kLanes] = {}, norm_got[kLanes] = {}, norm_want[kLanes] = {},
         squares[kLanes] = {}, sums[kLanes] = {};
};

VITALITY_INLINE void take(double got, double want, std::size_t lane, Lanes& lanes) {
  const double error = std::fabs(got - want), magnitude = std::fabs(want);
  lanes.worst[lane] = lanes.worst[lane] < error ? error : lanes.worst[lane];
  lanes.peak[lane] = lanes.peak[lane] < magnitude ? magnitude : lanes.peak[lane];
  lanes.dot[lane] += got * want;
  lanes.norm_got[lane] += got * got;
  lanes.norm_want[lane] += want * want;
  lanes.squares[lane] += error * error;
  lanes.sums[lane] += got - want;
}

Lanes compare(const double* got, double scale, const double* want, std::size_t count) {
  return vectorised([=]() VITALITY_LOOP {
    Lanes lanes;
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) take(got[i + lane] * scale, want[i + lane], lane, lanes);
    for (; i < count; ++i) take(got[i] * scale, want[i], 0, lanes);
    return lanes;
  });
}

}  // namespace

void Difference::add(const MatrixD& got, double scale, const MatrixD& want) {
  const Lanes lanes = compare(got.data(), scale, want.data(), want.size());
  for (std::size_t i = 0; i < kLanes; ++i) {
    worst_ = worst_ < lanes.worst[i] ? lanes.worst[i] : worst_;
    peak_ = std::max(peak_, lanes.peak[i]);
    dot_ += lanes.dot[i], norm_got_ += lanes.norm_got[i], norm_want_ += lanes.norm_want[i];
    squares_ += lanes.squares[i], sum_ += lanes.sums[i];
  }
  count_ += want.size();
  if (std::isnan(norm_got_) || std::isnan(norm_want_)) worst_ = norm_got_ + norm_want_;  // comparisons skip it
}

double Difference::relative_rms() const {
  if (count_ == 0) return 0;
  const double rms = std::sqrt(squares_ / static_cast<double>(count_));
  return peak_ > 0 ? rms / peak_ : rms;
}

double Difference::relative_mean() const {
  if (count_ == 0) return 0;
  const double mean = std::fabs(sum_) / static_cast<double>(count_);
  return peak_ > 0 ? mean / peak_ : mean;
}

void Difference::add(const Difference& other) {
  if (worst_ < other.worst_ || std::isnan(other.worst_)) worst_ = other.worst_;
  peak_ = std::max(peak_, other.peak_);
  dot_ += other.dot_, norm_got_ += other.norm_got_, norm_want_ += other.norm_want_;
  squares_ += other.squares_, sum_ += other.sum_, count_ += other.count_;
}

double Difference::cosine() const {
  if (norm_got_ > 0 && norm_want_ > 0) return std::min(1.0, dot_ / (std::sqrt(norm_got_) * std::sqrt(norm_want_)));
  return norm_got_ == norm_want_ ? 1 : 0;
}

}  // namespace vitality
