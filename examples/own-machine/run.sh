#!/usr/bin/env bash
# A machine of your own: single values by --set, or a JSON file that says only what differs from the defaults.
source "$(dirname "$0")/../common.sh"
cd "$project"
peak() { python3 -c 'import json, sys; print(int(json.load(open(sys.argv[1]))["roofline"]["peak_macs_per_cycle"]), "MACs a cycle at most")' "$1"; }
run() { "$vitality" run --workload workloads/tiny_vit.json --numerics off --quiet --result "$work/result.json" "$@"; }

echo "as published: 64 x 64 PEs and a column of 64"
run --config configs/vitality.json && peak "$work/result.json"
echo "half as many rows, no SA-Diag"
run --config configs/vitality.json --set matrix_engine.rows=32 --set diagonal_engine.enabled=false && peak "$work/result.json"

echo "a file: 16 x 16 PEs, 8-bit, 16 lanes everywhere"
cat >"$work/small.json" <<'JSON'
{
  "name": "small",
  "precision": "int8",
  "matrix_engine": {"rows": 16, "cols": 16},
  "diagonal_engine": {"rows": 16},
  "accumulators": {"lanes": 16},
  "dividers": {"lanes": 16, "latency_cycles": 10},
  "adders": {"lanes": 16}
}
JSON
"$vitality" validate "$work/small.json" >/dev/null && echo "valid"
run --config "$work/small.json" && peak "$work/result.json"

echo "a misspelt key"
"$vitality" run --config configs/vitality.json --workload workloads/tiny_vit.json --set matrix_engine.row=32 2>&1 >/dev/null | grep -o 'did you mean "matrix_engine.rows"' || true
code=0
run --config configs/vitality.json --set matrix_engine.row=32 2>/dev/null || code=$?
echo "exit code $code: bad input"
echo "a scratchpad that is too small"
code=0
run --config configs/vitality.json --set scratchpad.capacity_kib=2 --set scratchpad.port_bytes=64 2>/dev/null || code=$?
echo "exit code $code: does not fit the machine"
