# Sourced by the examples: the program, the project's folder, and a folder for what an example writes.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
vitality=${VITALITY:-$project/build/release/vitality}
[ -x "$vitality" ] || vitality=$(command -v vitality) || {
  echo "error: no program: build it (scripts/quickstart), install it, or set VITALITY" >&2
  exit 1
}
work=$(mktemp -d "${TMPDIR:-/tmp}/vitality_example_XXXXXX")
trap 'rm -rf "$work"' EXIT
