#!/usr/bin/env bash
# Checks of wording that the compiler does not make: comments are no wider than the code, and neither requirement numbers
# nor phrases that are hard to read are used. Prints each finding as FILE:LINE:TEXT and exits with 1 if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

MAX_COMMENT_COLUMNS=120
# One extended regular expression a line; case does not matter.
PHRASES='
\bwhoever\b
[^:]\bsomebody\b
\bin hand\b
\bput aside\b
\bis told (of|about|that)\b
\bwants to be left\b
\blets? go of\b
\bin good order\b
\bfor people\b
\bas you like\b
\bgoes on with\b
\bwas said of\b
'

sources() { git ls-files -z -- '*.rs'; }
texts() { git ls-files -z -- '*.rs' '*.md' config.example.toml ':!docs/glossary.md'; }

wide_comments() {
  sources | LC_ALL=C.UTF-8 xargs -0 grep -nP "^(?=\\s*//)(?!.*https?://).{$((MAX_COMMENT_COLUMNS + 1)),}$"
}

requirement_numbers() { texts | xargs -0 grep -nE '\b(R[0-9]{2}|W[1-3])\b'; }

banned_phrases() { texts | xargs -0 grep -niE "$(printf '%s' "$PHRASES" | grep -v '^$' | paste -sd '|')"; }

found=0
for check in wide_comments requirement_numbers banned_phrases; do
  # grep ends with 1 where it finds nothing.
  if places=$("$check") && [ -n "$places" ]; then
    printf '%s:\n%s\n' "${check/_/ }" "$places"
    found=1
  fi
done
exit "$found"
