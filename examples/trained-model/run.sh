#!/usr/bin/env bash
# A trained model on real images: its accuracy in double and on the machine, what an image costs there, and what part of its
# attention a sparse machine executes.
source "$(dirname "$0")/../common.sh"
cd "$project"
"$vitality" evaluate --config vitality --workload fashion_vit --weights workloads/fashion_vit --mean 0.2860 --std 0.3530 \
  --images examples/trained-model/images.npy --labels examples/trained-model/labels.npy --quiet --result "$work/accuracy.json"
# input.npy, the first of the test images, lies beside the weights.
"$vitality" run --config sanger --workload fashion_vit --inputs workloads/fashion_vit --quiet --result "$work/sanger.json"
python3 - "$work/accuracy.json" "$work/sanger.json" <<'PYTHON'
import json, sys
evaluation = json.load(open(sys.argv[1]))["evaluation"]
sanger = json.load(open(sys.argv[2]))
for kind in evaluation["kinds"]:
    print(f'{kind["attention"]} attention: {100 * kind["top1"]:.0f} of 100 images')
machine = evaluation["machine"]
print(f'as the reference says, on the machine: {100 * machine["agreement_with_reference"]:.0f} % of {machine["images"]} images')
print("seeded tensors in the sparse run:", sanger["numerics"]["seeded_tensors"])
PYTHON
