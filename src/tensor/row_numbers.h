// The numbers of a row of scores that the backward pass of unified attention needs, side by side in one buffer: maximum
// and sum of the exponentials of its scores, the sum of dA P on the mask, t_D.
#pragma once

namespace vitality {

enum RowNumber { kRowMaximum, kRowSum, kRowProbabilityTerm, kRowDenominator, kRowNumbers };

}  // namespace vitality
