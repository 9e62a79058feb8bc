#!/usr/bin/env bash
# Compares the throughput of a run without a console to that of a run with a console and a recording:
# scripts/compare-console.sh KREPLAY [SECONDS] [COMMAND ARGUMENT...], where KREPLAY is a binary, and the command is `demo`
# or `run`. The two alternate until each has run for SECONDS (default: 600), so that both meet the same load of the
# machine. Prints records per second and processor time of each, the medians of their ratios, and the peak memory of the
# first and the last run of each. Needs jq, and `script` for a terminal.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
kreplay=$1 seconds=${2:-600}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- demo --events 1000000 --work 0ns --concurrency 4
# The longest time that one run may take.
PATIENCE_S=${PATIENCE_S:-600}
results=$(mktemp -d)
trap 'rm -r "$results"' EXIT
export TERM=xterm-256color
# What `time` prints: user and system time in seconds.
export TIMEFORMAT='%U %S'

# Both kinds of run have a terminal, and are looked at once a second, so that neither costs only one of them time.
in_terminal() { # RESULT COMMAND ARGUMENT...
  local result=$1 written=$results/written keys=$results/keys command until
  shift
  rm -f "$written" "$keys"
  mkfifo "$keys"
  printf -v command '%q ' "$kreplay" "$@" --report json --output "$result.json"
  # The console keeps its own standard error; what `time` prints goes to the file.
  printf -v command 'stty rows 50 columns 160; { time %s 2>&9; } 9>&2 2>%q' "$command" "$result.time"
  SHELL=$BASH script --quiet --flush --return --command "$command" "$written" <"$keys" >/dev/null &
  local terminal=$!
  exec 7>"$keys"
  until=$((SECONDS + PATIENCE_S))
  while kill -0 "$terminal" 2>/dev/null; do
    if [ "$SECONDS" -ge "$until" ]; then
      echo "the run did not end in time" >&2
      kill "$terminal" 2>/dev/null || true
      break
    fi
    # A console stays open after the end of its run. The title of its window says that it has ended, and `q` quits. Only
    # the last part is read: looking takes processor time from the run.
    if tail --bytes 65536 "$written" 2>/dev/null | grep --text --fixed-strings 'done · kreplay' >/dev/null; then
      (printf q >&7) 2>/dev/null || true
    fi
    read -r -t 1 <> <(:) || true
  done
  exec 7>&-
  wait "$terminal" || { tail --bytes 4096 "$written" >&2 && return 1; }
}

headless() { # RESULT COMMAND ARGUMENT...
  in_terminal "$1" "$2" --headless "${@:3}"
}

console() { # RESULT COMMAND ARGUMENT...
  rm -f "$results/run.krec"
  in_terminal "$1" "$2" --record "$results/run.krec" "${@:3}"
}

ran() { # KIND: the seconds that its runs have taken
  find "$results" -name "$1-*.json" -exec cat {} + | jq --slurp 'map(.elapsed_s) | add // 0 | floor'
}

round=0
while [ "$(ran headless)" -lt "$seconds" ] || [ "$(ran console)" -lt "$seconds" ]; do
  round=$((round + 1))
  # Each is the first one in every other round.
  if [ $((round % 2)) = 1 ]; then order="headless console"; else order="console headless"; fi
  for kind in $order; do
    "$kind" "$results/$kind-$(printf %05d "$round")" "$@"
  done
  printf '\r%d s of %d s' "$(ran headless)" "$seconds" >&2
done
echo >&2

# Prints a number for each run of a kind, in order.
speeds() { jq '.totals.handled / .handling_s' "$results/$1"-*.json; }
processor_times() { awk '{ print $1 + $2 }' "$results/$1"-*.time; }
numbers_of_records() { jq '.totals.handled' "$results/$1"-*.json; }

for kind in headless console; do
  jq --slurp --raw-output --arg kind "$kind" '
    (map(.totals.handled) | add) as $handled | (map(.handling_s) | add) as $s |
    "\($kind)\t\($handled / $s | floor) records/s\t\(length) runs in \($s | floor) s\tpeak memory " +
    "\(.[0].memory.peak_rss_bytes / 1048576 | floor) MiB in the first run, " +
    "\(.[-1].memory.peak_rss_bytes / 1048576 | floor) MiB in the last"' "$results/$kind"-*.json
  paste -d ' ' <(processor_times "$kind") <(numbers_of_records "$kind") | awk -v kind="$kind" '
    { seconds += $1; records += $2 }
    END { printf "%s\t%.3f s of processor time for a million records\n", kind, seconds / records * 1e6 }'
done
# Each round is one ratio, so that a machine that becomes slower or faster meanwhile affects neither side.
for figure in speeds processor_times; do
  paste -d ' ' <("$figure" headless) <("$figure" console) | awk '{ print $2 / $1 }' | sort --general-numeric-sort |
    awk -v figure="${figure//_/ }" '{ ratios[NR] = $1 }
      function quantile(share) { return ratios[int(1 + share * (NR - 1) + 0.5)] }
      END { printf "console ÷ headless, %s\tmedian %.3f, half of the rounds between %.3f and %.3f\n",
        figure, quantile(0.5), quantile(0.25), quantile(0.75) }'
done
