#!/usr/bin/env bash
# A model of your own: an encoder block on 16 patches and a class token, with a classifier behind it.
source "$(dirname "$0")/../common.sh"
cd "$project"
cat >"$work/mine.json" <<'JSON'
{
  "name": "mine",
  "image": {"height": 16, "width": 16, "channels": 3},
  "dims": {"patch": 4, "dim": 24, "heads": 3, "hidden": "2*dim", "classes": 5},
  "blocks": {
    "encoder": [
      {"name": "{block}.norm1", "kind": "layer_norm"},
      {"name": "{block}.qkv", "kind": "linear", "out_features": "3*dim"},
      {"name": "{block}.attn", "kind": "attention", "heads": "heads", "d_qk": "dim/heads", "layout": "qkv"},
      {"name": "{block}.proj", "kind": "linear", "out_features": "dim"},
      {"name": "{block}.residual1", "kind": "add", "inputs": ["previous", "block_input"]},
      {"name": "{block}.fc1", "kind": "linear", "out_features": "hidden"},
      {"name": "{block}.gelu", "kind": "activation", "function": "gelu"},
      {"name": "{block}.fc2", "kind": "linear", "out_features": "dim"},
      {"name": "{block}.residual2", "kind": "add", "inputs": ["previous", "{block}.residual1"]}
    ]
  },
  "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": "dim", "kernel": "patch", "stride": "patch"},
    {"name": "cls_token", "kind": "concat_token"},
    {"name": "pos_embed", "kind": "position_embedding"},
    {"block": "encoder", "name": "blocks.{i}", "repeat": 1},
    {"name": "head", "kind": "linear", "rows": 1, "out_features": "classes"}
  ]
}
JSON
"$vitality" validate "$work/mine.json" >/dev/null && echo "valid"
# Parameters: 1176 patches + 24 token + 408 positions + 48 norm + 1800 + 600 + 1200 + 1176 linear + 125 head = 6557.
# MACs: 16 x 48 x 24 + 17 x 24 x (72 + 24 + 48 + 48) + 3 heads x 17 x 17 x (8 + 8) + 24 x 5 = 110760.
"$vitality" run --config configs/vitality.json --workload "$work/mine.json" --quiet --result "$work/result.json"
python3 - "$work/result.json" <<'PYTHON'
import json, sys
result = json.load(open(sys.argv[1]))
print(result["workload"]["parameters"], "parameters;", result["workload"]["macs"], "MACs with softmax attention")
print("values within tolerance:", result["numerics"]["passed"])
print(" ".join(layer["name"] for layer in result["layers"]))
PYTHON
echo "an error names the file and the place in it:"
sed 's/"dim\/heads"/"dim\/hads"/' "$work/mine.json" >"$work/wrong.json"
"$vitality" validate "$work/wrong.json" 2>&1 | grep -o '/blocks/encoder/2/d_qk' | head -1 || true
