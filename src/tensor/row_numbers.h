// The numbers that the backward pass of unified attention needs for each row of scores, side by side in one buffer: the
// maximum of the row's scores, the sum of their exponentials, the sum of dA P on the mask, and t_D.
#pragma once

namespace vitality {

enum RowNumber { kRowMaximum, kRowSum, kRowProbabilityTerm, kRowDenominator, kRowNumbers };

}  // namespace vitality
