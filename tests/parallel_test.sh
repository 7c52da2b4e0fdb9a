#!/bin/bash
# usage: parallel_test.sh SOURCE_DIR VITALITY. The commands of docs/sweeps.md for GNU parallel give the bytes of one process. Exit 77 =
# skipped: no GNU parallel (an error where VITALITY_NO_SKIP is set).
set -euo pipefail
source_dir=$1 program=$2
parallel --version 2>/dev/null | grep -q GNU || {
  echo "SKIPPED: GNU parallel is not installed (Debian: apt-get install parallel)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
}
work=$(mktemp -d /tmp/vitality_parallel_XXXXXX)
trap 'rm -rf "$work"' EXIT
cat >"$work/spec.json" <<SPEC
{"base": "$source_dir/configs/vitality.json", "workloads": ["$source_dir/workloads/tiny_vit.json"],
 "axes": {"matrix_engine.rows": [8, 16, 32, 64], "matrix_engine.cols": [16, 64], "scratchpad.capacity_kib": [100, 200, 400]},
 "constraints": ["matrix_engine.rows * matrix_engine.cols >= 256"]}
SPEC
"$program" sweep --spec "$work/spec.json" --out "$work/single" --jobs 1 --quiet
export HOME=$work  # parallel keeps files there
seq 0 4 | parallel --will-cite --jobs 2 "$program" sweep --spec "$work/spec.json" --out "$work/shards/{}" --shard {}/5 --jobs 1 --quiet
"$program" merge --out "$work/all" "$work"/shards/{0,1,2,3,4} --quiet
for table in results.csv pareto.csv results.json; do cmp "$work/single/$table" "$work/all/$table"; done
echo "5 shards through GNU parallel: the same bytes as one process"
