# Sourced by the scripts beside it: where the project is, its Debian packages, configure and build.
# VITALITY_JOBS sets the number of parallel jobs (default: the cores).
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"
jobs=${VITALITY_JOBS:-$(nproc)}

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_packages GROUP...: installs what is missing of these groups of scripts/packages.txt.
install_packages() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "this is not Debian: install the packages of scripts/packages.txt by hand, then cmake --preset release && cmake --build --preset release"
  local missing=() group package why
  while read -r group package why; do
    [[ $group == '#'* || -z $group ]] && continue
    [[ " $* " == *" $group "* ]] || continue
    installed "$package" || missing+=("$package")
  done <scripts/packages.txt
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing: ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages, no root and no sudo; as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  local options=(-y -qq --no-install-recommends)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}" >/dev/null 2>&1 && return 0
  # The package lists may be missing or old.
  "${root[@]}" apt-get update -qq || fail "apt-get update failed: is there a network, and is this Debian 12 or 13?"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]}"
}

# The checker of accessibility that tests/html_test.sh opens pages with, from npm into build/axe. Without npm or a network the pages are not
# looked at by it, and the test says so.
axe_version=4.10.3
install_axe() {
  [ ! -f build/axe/node_modules/axe-core/axe.min.js ] || return 0
  command -v npm >/dev/null || { (install_packages web) || true; }
  npm install --prefix build/axe --no-save --no-audit --no-fund --ignore-scripts "axe-core@$axe_version" >build/axe.log 2>&1 ||
    say "axe-core could not be installed (build/axe.log): the pages are tested without it"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  say "configuring (preset $preset)"
  cmake --preset "$preset" >"$project/build/$preset.configure.log" 2>&1 || { cat "$project/build/$preset.configure.log"; fail "CMake could not configure"; }
  say "building ${*:-everything} with $jobs jobs"
  cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}
mkdir -p build
