#!/bin/bash
# usage: installed_program.sh PREFIX. What is installed there works from any folder. Needs no source tree: scripts/test-package runs
# it in a bare Debian too.
set -euo pipefail
installed=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
check() { # check TEXT COMMAND...
  local text=$1
  shift
  "$@" >"$work/out" 2>&1 || { echo "FAILED: $text"; head -5 "$work/out"; failures=$((failures + 1)); }
}
says() { grep -q -- "$1" "$work/out" || { echo "FAILED: expected $1, found"; head -5 "$work/out"; failures=$((failures + 1)); }; }
program=$installed/bin/vitality
mkdir -p "$work/elsewhere" "$work/own/configs"
cd "$work/elsewhere"
unset VITALITY_PATH
small=(--workload tiny_vit --numerics off --quiet)

check 'list from elsewhere' "$program" list workloads
says '^deit_tiny '
check 'a shipped name' "$program" run --config vitality "${small[@]}" --result r.json
check 'a run is repeated' "$program" rerun r.json
check 'a shipped path' "$program" run --config configs/sanger.json --workload workloads/tiny_vit.json --numerics off --quiet
check 'a shipped sweep' "$program" validate configs/sweeps/precision.json
printf '{"name": "mine", "energy": "28nm", "dram": {"device": "hbm2"}}' >"$work/own/configs/mine.json"
check 'an own machine with a shipped device and energy table' "$program" run --config "$work/own/configs/mine.json" "${small[@]}"
check 'VITALITY_PATH' env VITALITY_PATH="/nonexistent:$work/own" "$program" run --config mine "${small[@]}"
printf '{"base": "vitality", "workloads": ["tiny_vit"], "axes": {"dram.channels": [1, 2]}, "numerics": "off"}' >spec.json
check 'a sweep of shipped names' "$program" sweep --spec spec.json --out points
share=$installed/share
check 'the trained model and its images' "$program" evaluate --workload fashion_vit --weights workloads/fashion_vit \
  --images examples/trained-model/images.npy --labels examples/trained-model/labels.npy --limit 1
says '^fashion_vit: 1 images, 10 classes'
if [ -x /usr/bin/python3 ]; then
  check 'the Python package' env -u VITALITY PYTHONPATH="$(echo "$installed"/lib/python3*/dist-packages)" PATH=/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 -c '
import vitality
print(vitality.find_program(), vitality.run_result("vitality", "tiny_vit", numerics="off")["totals"]["macs"] > 0)'
  says "^$program True"
  for example in "$share"/doc/vitality/examples/*/run.sh; do
    check "$example" env -u VITALITY PATH="$installed/bin:/usr/bin:/bin" bash "$example"
    cmp -s "$work/out" "$(dirname "$example")/expected.txt" || { echo "FAILED: $example prints something else than its expected.txt"; failures=$((failures + 1)); }
  done
fi
mkdir vitality # a folder of that name is no config
check 'a folder of the same name' "$program" run --config vitality "${small[@]}"
! "$program" run --config vitalty "${small[@]}" 2>"$work/out" || { echo 'FAILED: a name that is not there'; failures=$((failures + 1)); }
says "did you mean \"configs/vitality.json\"?); looked in \"$installed/share/vitality\" too"
for command in $("$program" --list-options | cut -f1); do
  [ -s "$installed/share/man/man1/vitality-$command.1" ] || { echo "FAILED: no man page of $command"; failures=$((failures + 1)); }
done
check 'completion in bash' bash -c "PATH=$installed/bin:\$PATH; . $installed/share/bash-completion/completions/vitality
  COMP_WORDS=(vitality run --conf) COMP_CWORD=2; _vitality; echo \"\${COMPREPLY[@]}\"
  COMP_WORDS=(vitality swe) COMP_CWORD=1; _vitality; echo \"\${COMPREPLY[@]}\"
  COMP_WORDS=(vitality run --config vitality_tr) COMP_CWORD=3; _vitality; echo \"\${COMPREPLY[@]}\""
[ "$(cat "$work/out")" = $'--config\nsweep\nvitality_training' ] || { echo 'FAILED: completion:'; cat "$work/out"; failures=$((failures + 1)); }
[ "$failures" -eq 0 ]
