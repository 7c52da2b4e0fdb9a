#!/bin/bash
# usage: slurm_test.sh SOURCE_DIR VITALITY. A sweep on a real Slurm (slurmctld and slurmd of Debian, on this machine alone) gives the bytes
# of one that ran in a single process. Exit 77 = skipped: not root, or the packages can't be had.
set -euo pipefail
source_dir=$1 program=$2

skip() {
  echo "SKIPPED: $1"
  exit 77
}
[ "$(id -u)" -eq 0 ] || skip "slurmctld needs root here"
# slurmd does not start without control groups: containers often have none.
grep -q cgroup /proc/self/mounts || skip "no cgroup file system is mounted"
if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
  command -v apt-get >/dev/null || skip "slurm-wlm and munge are not installed, and there is no apt-get"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge >/dev/null 2>&1 ||
    skip "slurm-wlm and munge are not installed, and apt-get can't install them"
fi

work=$(mktemp -d /tmp/vitality_slurm_XXXXXX)
chmod 755 "$work"
pids=()
stop() {
  for ((i = ${#pids[@]} - 1; i >= 0; --i)); do
    kill "${pids[i]}" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "${pids[i]}" 2>/dev/null || break
      sleep 0.1
    done
  done
  rm -rf "$work"
}
trap stop EXIT

# munge with a socket and a key of its own.
mkdir -p "$work/munge" "$work/state" "$work/spool"
dd if=/dev/urandom of="$work/munge/key" bs=128 count=1 2>/dev/null
chmod 400 "$work/munge/key"
chown -R munge:munge "$work/munge"
socket=$work/munge/socket
setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --force --socket="$socket" --key-file="$work/munge/key" \
  --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" --log-file="$work/munge/log" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 100); do [ -S "$socket" ] && break; sleep 0.1; done
[ -S "$socket" ] || { echo "munged did not start"; cat "$work/munge/log"; exit 1; }

free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
host=$(hostname -s)
cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MinJobAge=300
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
slurmctld -D >/dev/null 2>&1 &
pids+=($!)
slurmd -D >/dev/null 2>&1 &
pids+=($!)
idle=no
for _ in $(seq 300); do
  sinfo -h -o %T 2>/dev/null | grep -q idle && { idle=yes; break; }
  sleep 0.1
done
[ $idle = yes ] || { echo "the node did not become idle"; tail -n 20 "$work"/slurm*.log; exit 1; }

cat >"$work/spec with space.json" <<SPEC
{"base": "$source_dir/configs/vitality.json", "workloads": ["$source_dir/workloads/tiny_vit.json"],
 "axes": {"matrix_engine.rows": [8, 16, 32, 64], "matrix_engine.cols": [16, 64], "scratchpad.capacity_kib": [100, 200, 400]},
 "sampler": {"kind": "grid"}, "constraints": ["matrix_engine.rows * matrix_engine.cols >= 256"]}
SPEC
"$program" sweep --spec "$work/spec with space.json" --out "$work/single" --jobs 1 --quiet
cd "$work"
timeout 120 "$source_dir/scripts/slurm-sweep" --spec "$work/spec with space.json" --out "$work/on slurm" --tasks 4 --program "$program" --wait ||
  { echo "slurm-sweep failed"; cat "$work/on slurm/merge.log" "$work/on slurm/shards/"*.log; tail -n 20 "$work"/slurm*.log; squeue; exit 1; }

for table in results.csv pareto.csv results.json; do cmp "$work/single/$table" "$work/on slurm/$table"; done
# Every task did its part, and only that.
for i in 0 1 2 3; do
  rows=$(($(wc -l <"$work/on slurm/shards/$i/results.csv") - 1))
  [ "$rows" -eq 6 ] || { echo "shard $i has $rows rows, expected 6"; exit 1; }
done
# A spec that is wrong is refused before anything is queued.
sed 's/"axes"/"axis"/' "$work/spec with space.json" >"$work/wrong.json"
if "$source_dir/scripts/slurm-sweep" --spec "$work/wrong.json" --out "$work/wrong" --tasks 2 --program "$program" 2>"$work/message"; then
  echo "a wrong spec was submitted"
  exit 1
fi
grep -q 'did you mean' "$work/message"
[ ! -e "$work/wrong" ]
echo "4 tasks on Slurm $(slurmd -V | cut -d ' ' -f 2): the same bytes as one process"
