#!/bin/bash
# usage: killed_sweep.sh VITALITY [DEEP]. A small sweep is killed at its n-th system call, for n = 1, 2, ...; the same command again gives the
# bytes of an undisturbed sweep and leaves nothing else in the folder. Without DEEP every ninth call, with it every call.
set -euo pipefail
exec 2> >(grep -v ' Killed ' >&2 || true)  # the shell reports every kill
if ! strace -qq -o /dev/null true 2>/dev/null; then
  echo "SKIPPED: strace is not installed (Debian: apt-get install strace), or may not trace here"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
fi
program=$(realpath "$1") step=9
[ -z "${2:-}" ] || step=1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/spec.json" <<SPEC
{"base": "$PWD/configs/vitality.json", "workloads": ["$PWD/workloads/tiny_vit.json"], "numerics": "off",
 "axes": {"matrix_engine.rows": [16, 32], "dram.channels": [1, 2]}, "sampler": {"kind": "grid"}, "objectives": {"latency_ms": "min"}}
SPEC
sweep=("$program" sweep --spec "$work/spec.json" --jobs 1 --quiet --out)
"${sweep[@]}" "$work/good"
killed=0
for ((n = 1; ; n += step)); do
  rm -rf "$work/new"
  # The calls of the sweep itself: its workers die with it.
  code=0
  strace -qq -o /dev/null -e trace=all -e inject=all:signal=KILL:when=$n "${sweep[@]}" "$work/new" >/dev/null 2>&1 || code=$?  # 137: strace ends as the program did
  [ "$code" -ne 0 ] || break
  [ "$code" -eq 137 ] || { echo "FAILED: call $n: exit $code, expected a kill"; exit 1; }
  killed=$((killed + 1))
  "${sweep[@]}" "$work/new" || { echo "FAILED: killed at call $n: the same command again fails"; exit 1; }
  diff -r -x 'results.sqlite*' "$work/good" "$work/new" || { echo "FAILED: killed at call $n: another result"; exit 1; }
done
[ "$killed" -gt 5 ] || { echo "FAILED: only $killed kills"; exit 1; }
echo "killed at $killed of $n system calls: the same tables every time"
