#!/usr/bin/env bash
# Two machines on one model; the first is 1.0. The whole table is in compare.md; here only what stays when the machines get better models.
source "$(dirname "$0")/../common.sh"
cd "$project"
"$vitality" compare --config configs/vitality.json --config configs/dense_softmax.json --workload workloads/tiny_vit.json \
  --quiet --markdown "$work/compare.md" --json "$work/compare.json"
grep '^###' "$work/compare.md"
# First column, and the tag that says where a machine's numbers come from.
grep '^| [a-z]' "$work/compare.md" | awk -F'|' '{print $2 "|" $(NF - 1)}'
python3 - "$work/compare.json" <<'PYTHON'
import json, sys
comparison = json.load(open(sys.argv[1]))
for machine in comparison["machines"]:  # 2 operations a MAC, at 500 MHz: 64 x 64 + 64 PEs, and 64 x 64
    print(f'{machine["name"]}: {machine["peak_gops"]["value"]:.0f} GOP/s at most')
print("every pair ran:", all(pair["status"] == "ok" for pair in comparison["pairs"]))
PYTHON
