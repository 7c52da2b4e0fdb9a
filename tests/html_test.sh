#!/bin/bash
# usage: html_test.sh SOURCE_DIR VITALITY. Opens pages of `vitality report` in a headless Chromium, where they use themselves as a reader
# would (src/report/page/html/selftest.js): charts drawn, hover, sort, filter, no error on the console, nothing loaded from elsewhere. One
# page is of hostile names, one of 10,000 points. Exit 77 = skipped: no Chromium (an error where VITALITY_NO_SKIP is set).
set -euo pipefail
source_dir=$1 program=$2
command -v chromium >/dev/null || {
  echo "SKIPPED: chromium is not installed (Debian: apt-get install chromium fonts-dejavu-core)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
}
work=$(mktemp -d /tmp/vitality_html_XXXXXX)
trap 'rm -rf "$work"' EXIT
golden=$source_dir/tests/golden/report

# use PAGE CHECKS [WIDTH]: the page's self-test passes in a window of that width, with at least so many checks.
use() {
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir="$work/profile" --window-size="${3:-1440}",1000 \
    --virtual-time-budget=60000 --dump-dom "file://$work/$1#selftest" >"$work/dom" 2>"$work/log" || {
    tail -20 "$work/log"
    echo "FAILED: $1: chromium ended with an error"
    exit 1
  }
  sed -n '/^<pre id="selftest">/,/<\/pre>/p' "$work/dom" >"$work/verdict"
  local passed
  passed=$(sed -n 's/.*"passed": \([0-9]*\).*/\1/p' "$work/verdict")
  if ! grep -q '"ok": true' "$work/verdict" || [ "${passed:-0}" -lt "$2" ]; then
    cat "$work/verdict"
    echo "FAILED: $1: ${passed:-no} checks passed, expected $2 and no failure"
    exit 1
  fi
  echo "$1: $passed checks passed"
}

# accessible PAGE [WIDTH]: axe-core (npm) finds nothing to complain about on the page, and does on the same page with a picture without a text.
# Only where axe-core is: $VITALITY_AXE, or the global packages of npm (npm install -g axe-core).
axe=${VITALITY_AXE:-$(npm root -g 2>/dev/null || true)/axe-core/axe.min.js}
accessible() {
  [ -f "$axe" ] || {
    echo "$1: not looked at by axe-core, which is not installed"
    return 0
  }
  local kind
  for kind in right wrong; do
    python3 - "$work/$1" "$axe" "$work/axe_$kind.html" "$kind" <<'PY'
import re, sys
page, axe, out, kind = sys.argv[1:]
html = re.sub(r'<meta http-equiv="?Content-Security-Policy[^>]*>', '', open(page, encoding='utf-8').read(), flags=re.I)  # it forbids the checker
check = """<script>setTimeout(() => axe.run().then((r) => {
  const out = document.createElement("pre");
  out.id = "axe";
  out.textContent = `passed ${r.passes.length}, violated ${r.violations.length}: ` + r.violations.map((v) => `${v.id} ${v.nodes[0].html.slice(0, 200)}`).join("; ");
  document.body.append(out);
}), 2500);</script>"""
wrong = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">' if kind == 'wrong' else ''
script = '<script>' + open(axe, encoding='utf-8').read().replace('</script', '<\\/script') + '</script>'
head, end = html.rsplit('</body>', 1)
open(out, 'w', encoding='utf-8').write(head + wrong + script + check + '</body>' + end)
PY
    timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/profile" --window-size="${2:-1440}",1000 \
      --virtual-time-budget=60000 --dump-dom "file://$work/axe_$kind.html" 2>/dev/null | sed -n '/^<pre id="axe">/,/<\/pre>/p' >"$work/axe_$kind"
  done
  if ! grep -q 'violated 0:' "$work/axe_right" || ! grep -q 'violated [1-9].*image-alt' "$work/axe_wrong"; then
    cat "$work/axe_right" "$work/axe_wrong"
    echo "FAILED: $1: accessibility"
    exit 1
  fi
  echo "$1: axe-core: $(grep -o 'passed [0-9]*' "$work/axe_right"), violated 0"
}

# The columns of src/explore/export.h, made up: 10,000 points over seven axes.
awk -v points=10000 'BEGIN {
  srand(7); split("16 32 48 64 96 128", size, " "); split("50 100 200 400", kib, " ")
  printf "{\"schema_version\":1,\"spec\":{\"axes\":{\"matrix_engine.rows\":[16,32,48,64,96,128],\"matrix_engine.cols\":[16,32,48,64,96,128],"
  printf "\"scratchpad.capacity_kib\":[50,100,200,400],\"precision\":[\"int8\",\"int16\"]},\"sampler\":{\"kind\":\"random\"},\"constraints\":"
  printf "[\"area_mm2 <= 14\"],\"objectives\":{\"latency_ms\":\"min\",\"area_mm2\":\"min\"},\"numerics\":\"off\"},\"points\":["
  for (i = 0; i < points; ++i) {
    r = size[int(rand() * 6) + 1]; c = size[int(rand() * 6) + 1]; k = kib[int(rand() * 4) + 1]; wide = rand() < 0.5
    ok = i % 11 != 0; ms = 4000 / (r * c) + 20 / k + rand(); area = r * c / 700 * (1 + wide) + k / 100
    printf "%s\n{\"axes\":{\"matrix_engine.rows\":%d,\"matrix_engine.cols\":%d,\"scratchpad.capacity_kib\":%d,\"precision\":\"%s\"}", i ? "," : "", r, c, k, wide ? "int16" : "int8"
    printf ",\"workload\":\"deit_tiny\",\"status\":\"%s\",\"reason\":\"%s\",\"totals\":{", ok ? "ok" : "infeasible", ok ? "" : "too large"
    if (ok) {
      printf "\"cycles\":%d,\"latency_ms\":%.12f,\"energy_mj\":%.12f,\"area_mm2\":%.12f", ms * 5e5, ms, area * ms + rand(), area
      for (m = 0; m < 20; ++m) printf ",\"measure_%d\":%.12f", m, rand() * 1e6
    }
    printf "},\"pareto\":false}"
  }
  print "\n]}"
}' >"$work/results.json"

"$program" report "$golden/vitality.json" "$golden/dense_softmax.json" "$golden/comparison.json" --html "$work/results.html"
use results.html 30
"$program" report "$work/results.json" --html "$work/sweep.html"
[ "$(stat -c %s "$work/sweep.html")" -lt 10000000 ] || {
  echo "FAILED: the page of 10,000 points is 10 MB or more"
  exit 1
}
use sweep.html 20
"$program" run --config "$source_dir/configs/vitality.json" --workload "$source_dir/workloads/tiny_vit.json" --numerics off --quiet --result "$work/tiny.json"
"$program" report "$work/tiny.json" --html "$work/tiny.html"
use tiny.html 28 # the unit timeline too
# What only some runs have: a training step, masks, what-if, a roofline, a batch. Every value is on the page; on a telephone too, nothing is cut.
run() {
  local name=$1 config=$2
  shift 2
  "$program" run --config "$source_dir/configs/$config.json" --workload "$source_dir/workloads/tiny_vit.json" --quiet --result "$work/$name.json" "$@"
}
run training vitality_training --mode training
run masks sanger --batch 2 --numerics off
run doubled vitality --what-if --numerics off
run device gpu_h100
"$program" report "$work"/{training,masks,doubled,device}.json --html "$work/kinds.html"
use kinds.html 40 1280
use kinds.html 40 390
use sweep.html 20 390
# Names that would end the script, start another, or break a script's text, were they not escaped.
python3 - "$golden/vitality.json" "$work/hostile.json" <<'PY'
import json, sys
evil = "</script><script>throw 1//<!--<img src=x onerror='throw 2'>\"'`${x}\u2028\\ __proto__"
result = json.load(open(sys.argv[1]))
result["config"]["name"] = evil
result["workload"]["name"] = evil
for k, layer in enumerate(result["layers"]):
    layer["name"], layer["kind"], layer["bottleneck"] = evil + str(k), ["__proto__", evil][k % 2], "constructor"
    layer["time_split"] = {evil: 5, "__proto__": 7}
for k, unit in enumerate(result["units"]):
    unit["name"] = evil + str(k)
json.dump(result, open(sys.argv[2], "w"), ensure_ascii=False)
PY
"$program" report "$work/hostile.json" "$golden/vitality.json" --html "$work/hostile.html"
use hostile.html 20
# The command that the page shows for a point gives the point's numbers.
python3 - "$work/axes.json" "$source_dir" <<'PY'
import json, sys
root = sys.argv[2]
json.dump({"base": root + "/configs/vitality.json", "workloads": [root + "/workloads/tiny_vit.json"],
           "axes": {"batch": [2], "workload.dim": [48], "matrix_engine.rows": [16], "matrix_engine.cols": "2 * matrix_engine.rows",
                    "memory": {"choices": {"wide": {"dram.channels": 2, "scratchpad.banks": 8}}}}}, open(sys.argv[1], "w"))
PY
"$program" sweep --spec "$work/axes.json" --out "$work/axes" --set clock_mhz=400 --quiet
"$program" report "$work/axes" --html "$work/axes.html"
use axes.html 10
command=$(grep -o 'vitality run --config [^<]*' "$work/dom" | head -1)
accessible axes.html
accessible axes.html 390
accessible results.html
accessible kinds.html 390
for part in batch\ 2 workload.dim=48 matrix_engine.cols=32 dram.channels=2 scratchpad.banks=8 clock_mhz=400; do
  [[ $command == *$part* ]] || {
    echo "FAILED: the page's command lacks $part: $command"
    exit 1
  }
done
eval "\"$program\" ${command#vitality } --quiet --result \"$work/again.json\""
python3 - "$work" <<'PY'
import csv, json, sys
row = next(csv.DictReader(open(sys.argv[1] + "/axes/results.csv")))
totals = json.load(open(sys.argv[1] + "/again.json"))["totals"]
same = all(float(row[name]) == totals[name] for name in ("cycles", "latency_ms", "energy_mj", "area_mm2"))
sys.exit(0 if same else "FAILED: the page's command gives %s, the sweep %s" % (totals, row))
PY
