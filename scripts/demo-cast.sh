#!/usr/bin/env bash
# Makes the recording that the README plays: scripts/demo-cast.sh KREPLAY [FILE], where KREPLAY is a binary and FILE is
# docs/demo.cast unless it is given. A run of the demo is recorded, whose workers are changed and which is paused for a
# moment, and the recording is exported for asciinema. Takes about ten seconds.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
kreplay=$1 file=${2:-docs/demo.cast}
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

commands() {
  sleep 2 && echo "workers 4"
  sleep 2.5 && echo "workers 8"
  sleep 2 && echo pause
  sleep 1.2 && echo resume
}
commands | "$kreplay" demo --plain --events 30000 --skew zipf:0.6 --handler simulate:lognormal:1ms:0.4 \
  --record "$folder/demo.krec"
rm -f "$file"
"$kreplay" open "$folder/demo.krec" --export asciicast --size 120x36 --output "$file"
