#!/usr/bin/env bash
# A first run: tiny_vit on the published machine, every value checked against the reference.
source "$(dirname "$0")/../common.sh"
cd "$project"
# Without --quiet the same command prints a table for people.
"$vitality" run --config configs/vitality.json --workload workloads/tiny_vit.json --quiet --result "$work/result.json"
python3 - "$work/result.json" <<'PYTHON'
import json, sys
result = json.load(open(sys.argv[1]))
workload, totals = result["workload"], result["totals"]
print(f'{workload["name"]}: {workload["parameters"]:,} parameters, {workload["macs"]:,} MACs with softmax attention')
print("values within tolerance:", result["numerics"]["passed"])
# Taylor attention divides d + m e times a head, and calls no exponential: 2 blocks x 2 heads x (16 + 17 x 16).
print("attention:", result["attention_totals"]["operations"]["div"], "divisions,",
      result["attention_totals"]["operations"]["exp"], "exponentials")
# Two laws of every result.
closes = all(unit["busy_cycles"] + sum(unit["stall_cycles"].values()) + unit["idle_cycles"] == totals["cycles"]
             for unit in result["units"])
print("busy + stalls + idle = the run, for every unit:", closes)
parts = sum(result["energy_breakdown_pj"].values()) / 1e9
print("energy is the sum of its parts:", abs(parts - totals["energy_mj"]) < 1e-9 * parts)
PYTHON
