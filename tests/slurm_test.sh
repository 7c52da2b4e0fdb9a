#!/bin/bash
# usage: slurm_test.sh SOURCE_DIR VITALITY. A sweep on a real Slurm (slurmctld and slurmd of Debian, on this machine alone) gives the bytes
# of one that ran in a single process. As any user. Exit 77 = skipped: no Slurm (an error where VITALITY_NO_SKIP is set, as in .ci/run).
set -euo pipefail
source_dir=$1 program=$2
for needed in slurmctld slurmd munged; do
  command -v $needed >/dev/null && continue
  echo "SKIPPED: $needed is not installed (Debian: apt-get install slurm-wlm munge)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
done

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
socket=$work/munge/socket
as_munge=()
if [ "$(id -u)" -eq 0 ]; then  # munged does not run as root
  chown -R munge:munge "$work/munge"
  as_munge=(setpriv --reuid=munge --regid=munge --clear-groups)
fi
${as_munge[@]+"${as_munge[@]}"} munged --foreground --force --socket="$socket" --key-file="$work/munge/key" \
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
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
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
MaxArraySize=4
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MinJobAge=300
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
# No control groups: slurmd of Debian 12 wants a plugin all the same, and the one for version 1 does not look for what it is not asked for.
printf '%s\n' CgroupPlugin=cgroup/v1 CgroupAutomount=no "CgroupMountpoint=$work/cgroup" >"$work/cgroup.conf"
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
# A name that a shell, an option parser or Slurm could take for more than a name.
odd=$'-on slurm \'p\' "q" $(touch hacked) `touch hacked` %a\\%j\n#;x'
timeout 120 "$source_dir/scripts/slurm-sweep" --spec "$work/spec with space.json" --out "$odd" --tasks 6 --program "$program" --wait ||
  { echo "slurm-sweep failed"; cat "$work/$odd/merge.log" "$work/$odd/shards/"*.log; tail -n 20 "$work"/slurm*.log; squeue; exit 1; }

for table in results.csv pareto.csv results.json; do cmp "$work/single/$table" "$work/$odd/$table"; done
[ ! -e hacked ] && [ ! -e "$odd/hacked" ] && [ ! -e "$odd/shards/hacked" ] || { echo "a folder's name was run"; exit 1; }
# Every task did its part, and only that; six tasks are two arrays where Slurm takes indices below 4.
for i in 0 1 2 3 4 5; do
  rows=$(($(wc -l <"$work/$odd/shards/$i/results.csv") - 1))
  [ "$rows" -eq 4 ] || { echo "shard $i has $rows rows, expected 4"; exit 1; }
done
# A spec that is wrong is refused before anything is queued.
sed 's/"axes"/"axis"/' "$work/spec with space.json" >"$work/wrong.json"
if "$source_dir/scripts/slurm-sweep" --spec "$work/wrong.json" --out "$work/wrong" --tasks 2 --program "$program" 2>"$work/message"; then
  echo "a wrong spec was submitted"
  exit 1
fi
grep -q 'did you mean' "$work/message"
[ ! -e "$work/wrong" ]
echo "6 tasks in two arrays on Slurm $(slurmd -V | cut -d ' ' -f 2): the same bytes as one process"
