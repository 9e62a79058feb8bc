#!/usr/bin/env bash
# Compares the cost of two builds: scripts/compare-cost.sh BEFORE AFTER [ROUNDS] [BENCH ARGUMENT...], where BEFORE and
# AFTER are kreplay binaries. Each round measures the workloads of `kreplay bench` with one and then with the other, so
# that both meet the same load of the machine. Prints for each workload the median of AFTER / BEFORE: processor time for
# each record, and handling time. Needs jq.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
before=$1 after=$2 rounds=${3:-5}
shift $(($# < 3 ? $# : 3))
results=$(mktemp -d)
trap 'rm -r "$results"' EXIT

for round in $(seq "$rounds"); do
  for build in before after; do
    if ! "${!build}" bench --workloads --rounds 1 --report json "$@" >"$results/$build-$round.json" 2>"$results/log"; then
      cat "$results/log" >&2
      exit 1
    fi
  done
  jq --slurp '[.[0].cases, .[1].cases] | transpose[] | {
    case: "\(.[0].section): \(.[0].case)",
    processor: (.[1].cpu_s_per_million.median / .[0].cpu_s_per_million.median),
    time: (.[1].handling_s.median / .[0].handling_s.median)
  }' "$results/before-$round.json" "$results/after-$round.json" >>"$results/ratios"
done

jq --slurp --raw-output 'def median: sort | if length % 2 == 1 then .[length / 2 | floor]
    else (.[length / 2 - 1] + .[length / 2]) / 2 end;
  def shown: . * 1000 | round / 1000;
  group_by(.case)[] | "\(.[0].case)\tprocessor time \(map(.processor) | median | shown)\thandling time \(map(.time) | median | shown)"
' "$results/ratios"
