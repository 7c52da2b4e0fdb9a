#include "explore/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/functions.h"

namespace vitality {
namespace {

constexpr double kRoot5 = 2.23606797749978969641;
constexpr double kShortest = 1.0 / 4096, kLongest = 4096;  // of the squared inverse lengths, for coordinates in [0, 1]
constexpr double kLeastNoise = 1e-8, kMostNoise = 0.25;
constexpr int kPasses = 2;

double dot(const std::vector<double>& a, const std::vector<double>& b, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

GaussianProcess::GaussianProcess(std::vector<bool> ordered)
    : ordered_(std::move(ordered)), inverse_lengths_(ordered_.size(), 1.0) {}

double GaussianProcess::kernel(const Features& a, const Features& b) const {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double distance = ordered_[i] ? a[i] - b[i] : double(a[i] != b[i]);
    square += inverse_lengths_[i] * distance * distance;
  }
  const double r = kRoot5 * std::sqrt(square);
  return (1 + r + r * r / 3) * exponential(-r);
}

double GaussianProcess::factor() {
  const std::size_t count = points_.size();
  low_.assign(count, {});
  double log_determinant = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double>& row = low_[i];
    row.resize(i + 1);
    for (std::size_t j = 0; j <= i; ++j) {
      const double covariance = kernel(points_[i], points_[j]) + (i == j ? noise_ : 0);
      const double rest = covariance - dot(row, low_[j], j);
      if (i == j && rest <= 0) return -std::numeric_limits<double>::infinity();
      row[j] = i == j ? std::sqrt(rest) : rest / low_[j][j];
    }
    log_determinant += 2 * logarithm(row[i]);
  }
  weights_ = forward(scaled_);
  return -(dot(weights_, weights_, count) + log_determinant) / 2;
}

std::vector<double> GaussianProcess::forward(std::vector<double> right) const {
  for (std::size_t i = 0; i < low_.size(); ++i) right[i] = (right[i] - dot(low_[i], right, i)) / low_[i][i];
  return right;
}

void GaussianProcess::fit(const std::vector<Features>& points, const std::vector<double>& values) {
  points_ = points;
  const auto count = static_cast<double>(values.size());
  mean_ = 0;
  for (const double value : values) mean_ += value / count;
  double variance = 0;
  for (const double value : values) variance += (value - mean_) * (value - mean_) / count;
  scale_ = variance > 0 ? std::sqrt(variance) : 1;
  scaled_.clear();
  for (const double value : values) scaled_.push_back((value - mean_) / scale_);

  double best = factor();
  const auto try_value = [&](double& parameter, double value, double low, double high) {
    const double before = parameter;
    parameter = std::min(std::max(value, low), high);
    const double likelihood = parameter == before ? best : factor();
    if (likelihood > best)
      best = likelihood;
    else
      parameter = before;
    return parameter != before;
  };
  for (int pass = 0; pass < kPasses; ++pass) {
    for (double& length : inverse_lengths_)
      for (const double step : {4.0, 0.25, 2.0, 0.5}) try_value(length, length * step, kShortest, kLongest);
    for (const double step : {10.0, 0.1}) try_value(noise_, noise_ * step, kLeastNoise, kMostNoise);
  }
  while (factor() == -std::numeric_limits<double>::infinity() && noise_ < 1) noise_ *= 10;
}

GaussianProcess::Prediction::Prediction(const GaussianProcess& process, const std::vector<Features>& points)
    : process_(process), points_(points) {
  const std::size_t known = process.points_.size();
  for (const Features& point : points) {
    std::vector<double> covariance(known);
    for (std::size_t i = 0; i < known; ++i) covariance[i] = process.kernel(process.points_[i], point);
    whitened_.push_back(process.forward(std::move(covariance)));
    mean_.push_back(process.mean_ + process.scale_ * dot(whitened_.back(), process.weights_, known));
    variance_.push_back(1 - dot(whitened_.back(), whitened_.back(), known));
  }
}

double GaussianProcess::Prediction::deviation(std::size_t point) const {
  return variance_[point] > 0 ? process_.scale_ * std::sqrt(variance_[point]) : 0;
}

void GaussianProcess::Prediction::believe(std::size_t point) {
  const std::vector<double> chosen = whitened_[point];
  const double deviation = std::sqrt(std::max(variance_[point], 0.0) + process_.noise_);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const double covariance = process_.kernel(points_[i], points_[point]) - dot(whitened_[i], chosen, chosen.size());
    whitened_[i].push_back(covariance / deviation);
    variance_[i] -= whitened_[i].back() * whitened_[i].back();
  }
}

}  // namespace vitality
