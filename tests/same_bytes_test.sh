#!/usr/bin/env bash
# The same bytes on every CPU: runs that reach every kernel, once with the instruction sets that VITALITY_ISA lowers to and once with a libm that finds
# no fused multiply-adds, give the bytes of the run as it is, but for manifest.kernels and manifest.host_seconds.
# usage: same_bytes_test.sh SOURCE_FOLDER PROGRAM
set -euo pipefail
cd "$1"; program=$2
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
case=tests/golden/attention/n196_d32_normal
qkv="--q $case/Q.npy --k $case/K.npy --v $case/V.npy"
runs=(
  "--config configs/vitality.json --set precision=fp64"
  "--config configs/vitality.json --set precision=fp32"
  "--config configs/vitality.json --set precision=fp16"
  "--config configs/vitality.json --set precision=int16"
  "--config configs/vitality.json --set precision=int8"
  "--config configs/sanger.json" "--config configs/vitcod.json" "--config configs/salo.json" "--config configs/elsa.json" "--config configs/spatten.json" "--config configs/dota.json" "--config configs/dense_softmax.json"
  "--config configs/vitality_training.json --mode training"
)
everything() {  # into folder $1
  mkdir -p "$1"
  local i=0 models
  for run in "${runs[@]}"; do
    models="tiny_vit tiny_levit tiny_mobilevit"
    for model in $models; do
      i=$((i + 1))
      # shellcheck disable=SC2086
      "$program" run $run --workload "workloads/$model.json" --quiet --result "$1/run$i.json" >"$1/run$i.txt" 2>&1 || echo "exit $?" >>"$1/run$i.txt"
    done
  done
  for kind in softmax taylor taylor_elided taylor_released sparse unified unified_additive; do
    # shellcheck disable=SC2086
    "$program" attention --kind $kind $qkv --out "$1/$kind.npy" >"$1/$kind.txt" 2>&1 || echo "exit $?" >>"$1/$kind.txt"
  done
  sed -i -E '/"(kernels|host_seconds)": /d' "$1"/*.json
  sed -i "s#$1##" "$1"/*
}
bad=0
everything "$folder/as_it_is"
[ "$(ls "$folder/as_it_is" | wc -l)" -gt 60 ] || { echo "most runs gave nothing"; bad=1; }
for setting in VITALITY_ISA=sse2 VITALITY_ISA=avx2 VITALITY_ISA=avx512 GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2; do
  export "${setting?}"
  everything "$folder/$setting"
  unset "${setting%%=*}"
  diff -qr "$folder/as_it_is" "$folder/$setting" || { echo "other bytes with $setting"; bad=1; }
done
# Results say which kernels ran, and a name that means nothing is refused before anything is written.
for set in sse2 avx2; do
  if [ "$set" = sse2 ] || grep -qw "$set" /proc/cpuinfo; then
    VITALITY_ISA=$set "$program" run --config configs/vitality.json --workload workloads/tiny_vit.json --quiet --result "$folder/kernels.json" >"$folder/out" 2>&1
    grep -q "\"kernels\": \"$set\"" "$folder/kernels.json" || { echo "VITALITY_ISA=$set is not in manifest.kernels"; bad=1; }
  fi
done
code=0; VITALITY_ISA=avx9 "$program" run --config configs/vitality.json --workload workloads/tiny_vit.json --quiet --result "$folder/none.json" >"$folder/out" 2>&1 || code=$?
[ $code = 2 ] && [ ! -e "$folder/none.json" ] && grep -q '^error: .*VITALITY_ISA.*"avx9".*sse2' "$folder/out" || { echo "VITALITY_ISA=avx9: exit $code"; cat "$folder/out"; bad=1; }
exit $bad
