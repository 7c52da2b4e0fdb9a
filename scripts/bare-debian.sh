# Sourced by scripts that try things in a bare Debian: makes one with debootstrap, runs commands in it. Needs root and a network.
# VITALITY_MIRROR: where Debian comes from.
mirror=${VITALITY_MIRROR:-http://deb.debian.org/debian}

# bare_debian SUITE: a new one in the folder $root, which goes with this process.
bare_debian() {
  [ "$(id -u)" -eq 0 ] || fail "a chroot needs root"
  install_packages bare
  root=$(mktemp -d /var/tmp/vitality_debian_XXXXXX)
  trap 'rm -rf --one-file-system "$root"' EXIT
  say "making a bare Debian ($1)"
  debootstrap --variant=minbase "$1" "$root" "$mirror" >build/debootstrap.log 2>&1 || { tail -20 build/debootstrap.log; fail "debootstrap failed"; }
  chmod 755 "$root"
}

# In a mount and process namespace of its own: what is mounted there is gone with the command.
inside() {
  unshare --mount --pid --fork --kill-child bash -c 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$@"' "$root" "$@"
}
as_root() { inside "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
as_user() { inside --userspec=nobody:nogroup "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin TMPDIR=/tmp LC_ALL=C.UTF-8 "$@"; }
