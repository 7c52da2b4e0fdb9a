// How far values are from what they should be.
#pragma once

#include "tensor/matrix.h"

namespace vitality {

class Difference {
 public:
  // Adds the errors of `got` * scale against `want`, of the same size; may be called for one part after the other.
  void add(const MatrixD& got, double scale, const MatrixD& want);
  void add(const Difference& other);  // adds the errors of other parts

  double absolute() const { return worst_; }  // the largest error; NaN if one of the values is NaN
  double relative() const {
    return peak_ > 0 ? worst_ / peak_ : worst_;
  }                              // the same over the largest magnitude of
                                 // `want`
  double relative_rms() const;   // root of the mean squared error, over the same
  double relative_mean() const;  // magnitude of the mean error, over the same
  double cosine() const;         // of the angle between the two, at most 1

 private:
  double worst_ = 0, peak_ = 0, dot_ = 0, norm_got_ = 0, norm_want_ = 0, squares_ = 0, sum_ = 0;
  std::size_t count_ = 0;
};

}  // namespace vitality
