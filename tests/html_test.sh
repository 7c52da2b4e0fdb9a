#!/bin/bash
# usage: html_test.sh SOURCE_DIR VITALITY. Opens pages of `vitality report` in a headless Chromium, where they use themselves as a reader
# would (src/report/page/html/selftest.js): charts drawn, hover, sort, filter, fold, print, nothing cut and nothing over its neighbour at the
# width of a telephone and of a desk and on paper, no error on the console, nothing loaded from elsewhere. One page is of hostile names, one of
# 10,000 points. Exit 77 = skipped: no Chromium, no pdftotext (an error where VITALITY_NO_SKIP is set).
set -euo pipefail
source_dir=$1 program=$2
command -v chromium >/dev/null || {
  echo "SKIPPED: chromium is not installed (Debian: apt-get install chromium fonts-dejavu-core)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
}
command -v pdftotext >/dev/null || {
  echo "SKIPPED: pdftotext is not installed (Debian: apt-get install poppler-utils)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
}
work=$(mktemp -d /tmp/vitality_html_XXXXXX)
trap 'rm -rf "$work"' EXIT
golden=$source_dir/tests/golden/report

# Chromium's windows are at least 500 wide: a page is looked at in a frame, which can be as narrow as a telephone. framed PAGE WIDTH ID: what the
# page says to its frame, in an element of that ID.
framed() {
  printf '<!DOCTYPE html><title>frame</title><iframe src="%s" style="border:0;width:%dpx;height:1000px"></iframe><script>
addEventListener("message", (event) => { const out = document.createElement("pre"); out.id = "%s"; out.textContent = event.data; document.body.append(out); });
</script>' "$1" "$2" "$3" >"$work/frame.html"
  timeout 400 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir="$work/profile" --hide-scrollbars --window-size=1600,1100 \
    --virtual-time-budget=60000 --dump-dom "file://$work/frame.html" 2>"$work/log" | sed -n "/<pre id=\"$3\">/,/<\/pre>/p"
}

# use PAGE CHECKS [WIDTH...]: the page's self-test passes at each width (a telephone's and a desk's), with at least so many checks.
use() {
  local page=$1 checks=$2 width passed
  shift 2
  for width in "${@:-1280}"; do
    framed "$page#selftest" "$width" selftest >"$work/verdict" || {
      tail -20 "$work/log"
      echo "FAILED: $page: chromium ended with an error"
      exit 1
    }
    passed=$(sed -n 's/.*"passed": \([0-9]*\).*/\1/p' "$work/verdict")
    if ! grep -q '"ok": true' "$work/verdict" || ! grep -q "\"width\": $width," "$work/verdict" || [ "${passed:-0}" -lt "$checks" ]; then
      cat "$work/verdict"
      echo "FAILED: $page: at $width: ${passed:-no} checks passed, expected $checks and no failure"
      exit 1
    fi
    echo "$page: at $width: $passed checks passed"
  done
}

# printed PAGE WORD...: the sheets that Chromium prints have these words on them, in ink on white.
printed() {
  local page=$1 word
  shift
  timeout 400 chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/profile" --virtual-time-budget=60000 \
    --no-pdf-header-footer --print-to-pdf="$work/sheets.pdf" "file://$work/$page" 2>"$work/log" || {
    tail -20 "$work/log"
    echo "FAILED: $page: cannot be printed"
    exit 1
  }
  pdftotext -layout "$work/sheets.pdf" "$work/sheets.txt"
  for word in "$@"; do
    grep -qF -- "$word" "$work/sheets.txt" || {
      echo "FAILED: $page: on paper there is no \"$word\""
      exit 1
    }
  done
  ! grep -qE 'PNG|Save as CSV|light / dark' "$work/sheets.txt" || {
    echo "FAILED: $page: on paper there are buttons"
    exit 1
  }
  echo "$page: printed"
}

# accessible PAGE [WIDTH...]: axe-core (npm) finds nothing to complain about on the page, and does on the same page with a picture without a
# text. Only where axe-core is: $VITALITY_AXE, what scripts/test installed, or the global packages of npm.
axe=${VITALITY_AXE:-$source_dir/build/axe/node_modules/axe-core/axe.min.js}
[ -f "$axe" ] || axe=$(npm root -g 2>/dev/null || true)/axe-core/axe.min.js
accessible() {
  local page=$1 kind width
  shift
  [ -f "$axe" ] || {
    echo "$page: not looked at by axe-core, which is not installed"
    return 0
  }
  for kind in right wrong; do
    python3 - "$work/$page" "$axe" "$work/axe_$kind.html" "$kind" <<'PY'
import re, sys
page, axe, out, kind = sys.argv[1:]
html = re.sub(r'<meta http-equiv="?Content-Security-Policy[^>]*>', '', open(page, encoding='utf-8').read(), flags=re.I)  # it forbids the checker
check = """<script>setTimeout(() => axe.run().then((r) => parent.postMessage(
  `passed ${r.passes.length}, violated ${r.violations.length}: ` + r.violations.map((v) => `${v.id} ${v.nodes[0].html.slice(0, 200)}`).join("; "), "*")), 2500);</script>"""
wrong = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">' if kind == 'wrong' else ''
script = '<script>' + open(axe, encoding='utf-8').read().replace('</script', '<\\/script') + '</script>'
head, end = html.rsplit('</body>', 1)
open(out, 'w', encoding='utf-8').write(head + wrong + script + check + '</body>' + end)
PY
  done
  if [ ! -f "$work/axe_wrong" ]; then # once: the checker sees what is wrong
    framed axe_wrong.html 1280 axe >"$work/axe_wrong" || true
    grep -q 'violated [1-9].*image-alt' "$work/axe_wrong" || {
      cat "$work/axe_wrong"
      echo "FAILED: $page: axe-core does not see a picture without a text"
      exit 1
    }
  fi
  for width in "${@:-1280}"; do
    framed axe_right.html "$width" axe >"$work/axe_right" || true
    [ -s "$work/axe_right" ] || framed axe_right.html "$width" axe >"$work/axe_right" || true # no answer: a busy machine; once more
    grep -q 'violated 0:' "$work/axe_right" || {
      cat "$work/axe_right"
      echo "FAILED: $page: accessibility at $width"
      exit 1
    }
    echo "$page: axe-core at $width: $(grep -o 'passed [0-9]*' "$work/axe_right"), violated 0"
  done
}

# The columns of src/explore/export.h, made up: 10,000 points over seven axes.
awk -v points=10000 'BEGIN {
  srand(7); split("16 32 48 64 96 128", size, " "); split("50 100 200 400", kib, " ")
  printf "{\"schema_version\":1,\"spec\":{\"axes\":{\"matrix_engine.rows\":[16,32,48,64,96,128],\"matrix_engine.cols\":[16,32,48,64,96,128],"
  printf "\"scratchpad.capacity_kib\":[50,100,200,400],\"precision\":[\"int8\",\"int16\"]},\"sampler\":{\"kind\":\"random\"},\"constraints\":"
  printf "[\"area_mm2 <= 14\"],\"objectives\":{\"latency_ms\":\"min\",\"area_mm2\":\"min\"},\"numerics\":\"off\"},\"convergence\":[[1,0.25],[40,0.75],[10000,0.9]],\"points\":["
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
use results.html 30 390 1280 1440
printed results.html "Machines side by side" Layers Units "Made by vitality"
"$program" report "$work/results.json" --html "$work/sweep.html"
[ "$(stat -c %s "$work/sweep.html")" -lt 10000000 ] || {
  echo "FAILED: the page of 10,000 points is 10 MB or more"
  exit 1
}
use sweep.html 20 390 1280
printed sweep.html Convergence "99 % of the last value after 10,000 of 10,000 designs" "Not on paper: 9,900 rows"
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
use kinds.html 40 390 1280
# Evaluations: with a machine, with masks that depend on the image, and without labels.
evaluate() {
  local name=$1
  shift
  "$program" evaluate --workload fashion_vit --weights "$source_dir/workloads/fashion_vit" --mean 0.2860 --std 0.3530 --images "$source_dir/examples/trained-model/images.npy" \
    --quiet --result "$work/$name.json" "$@"
}
labels=(--labels "$source_dir/examples/trained-model/labels.npy")
evaluate accuracy "${labels[@]}" --config "$source_dir/configs/vitality.json" --limit 60
evaluate masked "${labels[@]}" --config "$source_dir/configs/sanger.json" --attention softmax --attention taylor --attention sparse --attention unified --limit 30
evaluate unlabelled --attention taylor --limit 10
"$program" report "$work"/{accuracy,masked,unlabelled}.json --html "$work/evaluations.html"
use evaluations.html 80 390 1280
printed evaluations.html "Accuracy: fashion_vit" "Attention layers" "sparse on sanger" "scores below -1"
# Names that would end the script, start another, or break a script's text, were they not escaped.
python3 - "$golden/vitality.json" "$work/hostile.json" "$work/hostile_evaluation.json" <<'PY'
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
layer = {"name": evil, "attention": evil, "scores_below_minus_one": 0.5, "__proto__": 1, evil: evil}
kind = {"attention": evil, "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6, "layers": [layer, {**layer, "name": "__proto__"}], "constructor": 3}
machine = {"name": evil, "attention": evil, "precision": evil, "images": 3, "saturated": 1, "saturated_by_layer": {evil: 1, "__proto__": 2}}
json.dump({"workload": {"name": evil}, "manifest": {"command": evil}, "evaluation": {"images": 3, "classes": 2, "kinds": [kind, {**kind, "attention": "__proto__"}], "machine": machine}},
          open(sys.argv[3], "w"), ensure_ascii=False)
PY
"$program" report "$work/hostile.json" "$work/hostile_evaluation.json" "$golden/vitality.json" --html "$work/hostile.html"
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
use axes.html 10 390 1280
printed axes.html Sweep "Design points" Points
command=$(grep -o '"vitality run --config [^"]*' "$work/verdict" | head -1 | cut -c2-)
accessible axes.html 390 1280
accessible results.html 1280
accessible kinds.html 390
accessible evaluations.html 390 1280
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
