#!/usr/bin/env bash
# One attention problem from .npy files: (n, d), or (heads, n, d). The values here come from another implementation (tests/golden).
source "$(dirname "$0")/../common.sh"
cd "$project"
q=tests/golden/attention/n16_d16_normal/Q.npy k=${q/Q.npy/K.npy} v=${q/Q.npy/V.npy}
difference() { # of two float64 .npy files without a library: the header's length is in bytes 8 and 9
  python3 - "$@" <<'PYTHON'
import array, sys
def values(path):
    data = open(path, "rb").read()
    return array.array("d", data[10 + int.from_bytes(data[8:10], "little"):])
ours, theirs = values(sys.argv[1]), values(sys.argv[2])
worst = max(abs(a - b) for a, b in zip(ours, theirs)) / max(map(abs, theirs))
print(f"{len(ours)} values, within {sys.argv[3]} of the largest: {len(ours) == len(theirs) and worst < float(sys.argv[3])}")
PYTHON
}

echo "Taylor attention in double, against the golden array"
"$vitality" attention --kind taylor --q $q --k $k --v $v --out "$work/Z.npy" >/dev/null
difference "$work/Z.npy" ${q/Q.npy/Z_taylor.npy} 1e-12
echo "without what is constant: the same values"
"$vitality" attention --kind taylor_elided --q $q --k $k --v $v --out "$work/elided.npy" >/dev/null
difference "$work/elided.npy" "$work/Z.npy" 1e-12
echo "on the simulated machine, in int16"
"$vitality" attention --simulate --config configs/vitality.json --kind taylor --q $q --k $k --v $v --out "$work/machine.npy" --result "$work/result.json"
difference "$work/machine.npy" "$work/Z.npy" 0.005
# (n + m) d e + m d + e = 32 x 16 x 16 + 16 x 16 + 16
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(r["totals"]["operations"]["mul"], "multiplications")' "$work/result.json"
