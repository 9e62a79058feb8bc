#!/bin/sh
# A handler for `kreplay run --handler 'exec:./handler.sh OUT'`: the protocol is described in docs/exec.md.
#
# It appends the line of each record to a file and acknowledges it in plain words, in the order of the lines.

out=${1:-records.ndjson}

while IFS= read -r line; do
    case $line in
    *'"key":null'*)
        echo 'give_up the record has no key'
        ;;
    *)
        if printf '%s\n' "$line" >>"$out"; then
            echo ok
        else
            echo "retry_after 1s cannot write to $out"
        fi
        ;;
    esac
done
