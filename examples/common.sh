# Sourced by the examples: the program, the project's folder, and a folder for what an example writes.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
vitality=${VITALITY:-$project/build/release/vitality}
work=$(mktemp -d "${TMPDIR:-/tmp}/vitality_example_XXXXXX")
trap 'rm -rf "$work"' EXIT
