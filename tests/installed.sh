#!/bin/bash
# usage: installed.sh BUILD_FOLDER CMAKE. What `cmake --install` installs works without the source tree beside it.
set -euo pipefail
build=$(realpath "$1") cmake=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
"$cmake" --install "$build" --prefix "$prefix/usr" >/dev/null
bash "$(dirname "$0")/installed_program.sh" "$prefix/usr"
