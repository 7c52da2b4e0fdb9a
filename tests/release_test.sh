#!/usr/bin/env bash
# usage: release_test.sh SOURCE_DIR. scripts/release in a clone of the repository: the tarball, the entry of the changelog, the tag, and
# what it refuses. The package is left out: scripts/test-package makes and tests one. Exit 77 = skipped: no git repository.
set -euo pipefail
source_dir=$(cd "$1" && pwd)
git -C "$source_dir" rev-parse --git-dir >/dev/null 2>&1 || {
  echo "SKIPPED: $source_dir is no git repository"
  exit 77
}
work=$(mktemp -d /tmp/vitality_release_XXXXXX)
trap 'rm -rf "$work"' EXIT
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
bad() { echo "FAILED: $*"; exit 1; }
git clone -q --shared "$source_dir" "$work/clone"
cp "$source_dir/scripts/release" "$work/clone/scripts/release" # as it is now, committed or not
cd "$work/clone"
printf '# Changelog\n\n## Unreleased\n\n### Added\n\n- One thing.\n\n## 0.0.1 - 2020-01-01\n\n- Before.\n' >CHANGELOG.md
git add -A && git commit -q --allow-empty -m "Before the release"

scripts/release 9.8.7 "$work/out" --no-package >"$work/log" || bad "$(cat "$work/log")"
[ "$(git describe)" = v9.8.7 ] || bad "the tag"
[ -z "$(git status --porcelain)" ] || bad "changes are left"
printf '# Changelog\n\n## Unreleased\n\n## 9.8.7 - %s\n\n### Added\n\n- One thing.\n\n## 0.0.1 - 2020-01-01\n\n- Before.\n' "$(date -u +%Y-%m-%d)" | cmp - CHANGELOG.md || bad "CHANGELOG.md"
grep -q '^project(vitality VERSION 9.8.7 ' CMakeLists.txt && grep -q '^version: 9.8.7$' CITATION.cff && grep -q '^date-released: ' CITATION.cff || bad "the version"
grep -q 'One thing' "$work/out/CHANGES.md" && ! grep -q Before "$work/out/CHANGES.md" || bad "CHANGES.md"
mkdir "$work/sources" && tar -xzf "$work/out/vitality-9.8.7.tar.gz" -C "$work/sources"
git ls-files | sort >"$work/tracked"
(cd "$work/sources/vitality-9.8.7" && find . -type f -o -type l | sed 's|^\./||' | sort) | cmp - "$work/tracked" || bad "the tarball's files"

refused() { scripts/release "$@" >"$work/log" 2>&1 && bad "accepted: $*" || true; }
refused 9.8.7 "$work/out" --no-package # is there
refused 9.9 "$work/out"                # no version
refused 9.9.9                          # no folder
refused 9.9.9 "$work/out" --no-package # nothing is unreleased
git checkout -q CHANGELOG.md CMakeLists.txt CITATION.cff && echo >>README.md
refused 9.9.9 "$work/out" --no-package # changes
[ "$(git tag -l 'v9.9*')" = "" ] || bad "a refused release left a tag"
echo "a release in a clone: tarball, entry, tag, five refusals"
