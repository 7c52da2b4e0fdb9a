#!/bin/bash
# usage: injected_failures.sh VITALITY LIBRARY [DEEP]. The n-th malloc, write, fsync, rename and fork of commands fails, for n = 1, 2, ...: the
# command ends with a code that it may have, says why, and either all of its files are as they were or all of them are new. Without DEEP the
# mallocs are sampled, with it nearly all are tried.
set -euo pipefail
program=$(realpath "$1") library=$(realpath "$2") deep=${3:-}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 tried=0

same() { diff -r "$1" "$2" >/dev/null 2>&1; }
# The one value that may differ between two runs.
without_host_seconds() { find "$1" -name '*.json' -exec sed -i 's/"host_seconds": [^,}]*/"host_seconds": 0/' {} +; }
complain() {
  echo "FAILED: $1"
  sed 's/^/  /' "$work/err" | head -5
  failures=$((failures + 1))
}

# attempt NAME CALL N: returns 1 where the program makes fewer calls than N.
attempt() {
  local name=$1 call=$2 n=$3 code=0
  shift 3
  rm -rf "$work/new" "$work/mark"
  cp -a "$work/old" "$work/new"
  timeout 60 env LD_PRELOAD=$library INJECT_CALL=$call INJECT_AT=$n INJECT_MARK=$work/mark "$program" "$@" >"$work/out" 2>"$work/err" || code=$?
  [ -e "$work/mark" ] || return 1
  tried=$((tried + 1))
  case $code in
    0)
      without_host_seconds "$work/new"
      same "$work/new" "$work/good" || complain "$name: $call $n: exit 0, but the files are not those of an undisturbed run"
      ;;
    1)
      same "$work/new" "$work/old" || complain "$name: $call $n: exit 1, but files changed: $(diff -rq "$work/old" "$work/new" | head -3 | tr '\n' ';')"
      grep -q '^error: ' "$work/err" || complain "$name: $call $n: exit 1 without a reason"
      ;;
    *) complain "$name: $call $n: exit $code" ;;
  esac
}

# scenario NAME CALLS WORDS...: OUT in the words stands for the folder that is written.
scenario() {
  local name=$1 calls=$2 words=() word n step
  shift 2
  for word in "$@"; do words+=("${word//OUT/$work/new}"); done
  rm -rf "$work/old" "$work/new" "$work/good"
  mkdir "$work/old"
  for word in "$@"; do [[ $word != OUT/*.* ]] || echo old >"$work/old/${word#OUT/}"; done
  cp -a "$work/old" "$work/new"
  "$program" "${words[@]}" >"$work/out" 2>"$work/err" || { complain "$name: fails undisturbed"; return; }
  without_host_seconds "$work/new"
  mv "$work/new" "$work/good"
  for call in $calls; do
    n=1
    while attempt "$name" "$call" "$n" "${words[@]}"; do
      step=1
      if [ "$call" = malloc ]; then
        step=$((n + 1))
        [ -z "$deep" ] || step=$((n / 50 + 1))
      fi
      n=$((n + step))
    done
    [ "$n" -gt 1 ] || [ "$call" = fork ] || complain "$name: no $call was counted"
  done
}

run=(run --config configs/vitality.json --workload workloads/tiny_vit.json --quiet)
"$program" "${run[@]}" --numerics off --result "$work/input.json"
printf '0 R 0x0\n4 W 0x40\n' >"$work/trace.txt"
/usr/bin/python3 - "$work" <<'PYTHON'
import struct, sys
for name in 'qkv':
    values = [((i * 7 + ord(name)) % 11 - 5) / 8 for i in range(12)]
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }"
    head += ' ' * (63 - (10 + len(head)) % 64) + '\n'
    with open('%s/%s.npy' % (sys.argv[1], name), 'wb') as file:
        file.write(b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head.encode() + struct.pack('<12d', *values))
PYTHON
attention=(attention --q "$work/q.npy" --k "$work/k.npy" --v "$work/v.npy" --kind sparse)

scenario run 'write fsync rename malloc' "${run[@]}" --numerics off --result OUT/r.json --trace OUT/t.trace --vcd OUT/v.vcd --csv OUT/tables
scenario checked malloc "${run[@]}" --result OUT/r.json
scenario training malloc run --config configs/vitality_training.json --workload workloads/tiny_vit.json --quiet --mode training --numerics off --result OUT/r.json
scenario what-if fork "${run[@]}" --numerics off --what-if --result OUT/r.json
scenario attention 'write fsync rename malloc' "${attention[@]}" --out OUT/z.npy --mask-out OUT/m.npy
scenario dram 'write fsync rename malloc' dram --config configs/vitality.json --set dram.model=banked --trace "$work/trace.txt" --commands OUT/c.csv --result OUT/r.json
scenario gemm 'write fsync rename malloc' gemm --m 4 --k 4 --n 4 --result OUT/r.json
scenario report 'write fsync rename malloc' report "$work/input.json" --html OUT/p.html
scenario figures 'fork' report "$work/input.json" --html OUT/p.html --svg OUT/figures
scenario train 'write fsync rename malloc' train --steps 1 --test-images 1 --batch 1 --attention taylor --losses OUT/l.csv
echo "$tried calls failed, $failures of them wrongly answered"
[ "$failures" -eq 0 ]
