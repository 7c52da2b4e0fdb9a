#!/usr/bin/env bash
# usage: examples_test.sh SOURCE_DIR VITALITY [--update]. Every examples/NAME/run.sh prints its expected.txt, and nothing on stderr;
# --update writes expected.txt anew. Exit 77 = skipped: no python3 (an error where VITALITY_NO_SKIP is set).
set -euo pipefail
source_dir=$(cd "$1" && pwd) update=${3:-}
export VITALITY
VITALITY=$(realpath "$2")
command -v python3 >/dev/null || {
  echo "SKIPPED: python3 is not installed"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
}
work=$(mktemp -d /tmp/vitality_examples_XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp"
export TMPDIR=$work/tmp
cd "$work" # an example must not depend on where it is called
count=0 failed=0
for script in "$source_dir"/examples/*/run.sh; do
  name=$(basename "$(dirname "$script")") expected=$(dirname "$script")/expected.txt
  count=$((count + 1))
  if ! "$script" >"$work/out" 2>"$work/err" || [ -s "$work/err" ]; then
    echo "$name: failed"
    cat "$work/out" "$work/err"
    failed=1
  elif [ "$update" = --update ]; then
    cp "$work/out" "$expected"
  elif ! diff -u "$expected" "$work/out"; then
    echo "$name: prints something else than examples/$name/expected.txt"
    failed=1
  fi
done
[ -z "$(ls "$work/tmp")" ] || { echo "left behind: $(ls "$work/tmp")"; failed=1; }
[ $count -ge 4 ] || { echo "only $count examples found"; failed=1; }
[ $failed = 0 ] && echo "$count examples print what they should"
exit $failed
