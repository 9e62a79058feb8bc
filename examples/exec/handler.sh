#!/bin/sh
# A handler for `kreplay run --handler 'exec:./handler.sh OUT'`: docs/exec.md says what is read and written.
#
# It appends each record's line to a file. Acknowledgements are plain words, in the order of the lines.

out=${1:-records.ndjson}

while IFS= read -r line; do
    case $line in
    *'"key":null'*)
        echo 'give_up a record without a key'
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
