#!/usr/bin/env bash
# How a layer runs, as data: written by one run, changed, and run by the next with its values checked.
source "$(dirname "$0")/../common.sh"
cd "$work"
machine=(--config vitality --workload tiny_vit --set matrix_engine.rows=16 --set matrix_engine.cols=16 --quiet)
"$vitality" run "${machine[@]}" --mapping-out mapping.json
# Weights of fc1 are fetched for each of two row tiles, where the search fetches them once.
cat > edit.py <<'END'
import json
mapping = json.load(open("mapping.json"))
mapping["layers"]["blocks.0.mlp.fc1"].update(row_tile=9, column_group=1, contraction_group=1, loop_order=["rows", "columns", "contraction"],
                                             stationary={"kept": 0, "buffers": 1})
json.dump(mapping, open("edited.json", "w"))
mapping["layers"]["blocks.0.mlp.fc1"]["tile_rows"] = 32
json.dump(mapping, open("wrong.json", "w"))
END
python3 edit.py
for file in mapping edited; do
  "$vitality" run "${machine[@]}" --mapping $file.json --result - | python3 -c '
import json, sys
result = json.load(sys.stdin)
layer = next(l for l in result["layers"] if l["name"] == "blocks.0.mlp.fc1")
print(sys.argv[1] + ": fc1 reads", layer["bytes"]["dram_by_operand"]["weights"], "bytes of weights, values", "checked" if result["numerics"]["passed"] else "wrong")' $file
done
# The array has 16 rows.
"$vitality" run "${machine[@]}" --mapping wrong.json 2>&1 || echo "exit code $?"
