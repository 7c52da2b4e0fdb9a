// Gaussian process regression (Rasmussen and Williams, 2006, chapters 2 and 5) of a number over points of a grid.
//
// Kernel: Matern 5/2 with a length of its own for each coordinate. The lengths and the noise are those of the largest
// marginal likelihood that a search by coordinates finds from the last fit on; mean and scale are the samples' own.
// Multiplications, additions, divisions, square roots and the functions of tensor/functions.h only: the same bits on
// every machine.
#pragma once

#include <cstddef>
#include <vector>

namespace vitality {

// Coordinates of a point. Of an unordered axis only equality counts.
using Features = std::vector<double>;

class GaussianProcess {
 public:
  explicit GaussianProcess(std::vector<bool> ordered);

  // At least two points, as many values.
  void fit(const std::vector<Features>& points, const std::vector<double>& values);

  // What the process says of other points; believe() then makes it as sure of them as if the mean at one of them had
  // been measured, which changes no mean (the Kriging believer of Ginsbourger et al. 2010).
  class Prediction {
   public:
    Prediction(const GaussianProcess& process, const std::vector<Features>& points);
    double mean(std::size_t point) const { return mean_[point]; }
    double deviation(std::size_t point) const;
    void believe(std::size_t point);

   private:
    const GaussianProcess& process_;
    const std::vector<Features>& points_;
    std::vector<std::vector<double>> whitened_;  // by point: L^-1 k
    std::vector<double> mean_, variance_;        // variance: of the scaled value
  };

 private:
  double kernel(const Features& a, const Features& b) const;
  // Factors the covariance; returns the log of the marginal likelihood but for a constant, -infinity if it has none.
  double factor();
  std::vector<double> forward(std::vector<double> right) const;  // L^-1 right

  std::vector<bool> ordered_;
  std::vector<double> inverse_lengths_;  // squared, by coordinate
  double noise_ = 1e-4;                  // of the scaled values, as a variance
  double mean_ = 0, scale_ = 1;
  std::vector<Features> points_;
  std::vector<double> scaled_;            // the values less their mean, over their scale
  std::vector<std::vector<double>> low_;  // L of the covariance L L^T, row by row
  std::vector<double> weights_;           // L^-1 scaled
};

}  // namespace vitality
