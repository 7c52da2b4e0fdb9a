#!/usr/bin/env bash
# Compute cycles of one matrix product on a systolic array: the streamed operand is M x K, the stationary one K x N. No memory.
source "$(dirname "$0")/../common.sh"
gemm() {
  printf '%-46s ' "$*"
  "$vitality" gemm "$@" | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["cycles"], "cycles,", r["folds"], "folds")'
}
# Input stationary, one fold: 2 x 64 + 64 + 197 - 2 = 387 cycles.
gemm --m 197 --k 64 --n 64 --rows 64 --cols 64
# ceil(384 / 64) x ceil(1536 / 64) = 144 such folds.
gemm --m 197 --k 384 --n 1536 --rows 64 --cols 64
# Output stationary: ceil(197 / 64) = 4 folds of 64 + 64 + 64 - 2 = 190 cycles.
gemm --m 197 --k 64 --n 64 --rows 64 --cols 64 --dataflow output_stationary
# A tile that does not fill the array costs the same.
gemm --m 5 --k 3 --n 7 --rows 16 --cols 8
