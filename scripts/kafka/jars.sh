# shellcheck shell=bash
# Kafka's jars from Maven Central, kept in a cache. Sourced by the scripts one folder up; not a command.
#
# Sets KAFKA_FILES (this folder), KAFKA_VERSION and KAFKA_CACHE. resolve_jars sets KAFKA_JARS.
# KREPLAY_CACHE names another cache folder.

KAFKA_FILES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KAFKA_VERSION=$(sed -n 's:.*<kafka\.version>\(.*\)</kafka\.version>.*:\1:p' "$KAFKA_FILES/pom.xml")
KAFKA_CACHE=${KREPLAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kreplay}

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
  note "$*"
  exit 1
}

# The folder with the jars, filled at most once for each list of jars. Two callers at the same time each fetch into a folder of
# their own; the first to finish gives its folder the final name, so a half-filled folder is never used.
resolve_jars() {
  KAFKA_JARS=$KAFKA_CACHE/kafka-$KAFKA_VERSION-$(cksum <"$KAFKA_FILES/pom.xml" | cut -d' ' -f1)
  if [ -d "$KAFKA_JARS" ]; then return; fi
  local program fresh attempt log=$KAFKA_CACHE/maven.log
  for program in java mvn; do
    command -v "$program" >/dev/null ||
      fail "$program is missing; install a JDK (17 or newer) and Maven, on Debian: apt-get install default-jdk-headless maven"
  done
  mkdir -p "$KAFKA_CACHE"
  fresh=$(mktemp -d "$KAFKA_CACHE/fetch.XXXXXX")
  for attempt in 1 2 3; do
    note "fetching the jars of Kafka $KAFKA_VERSION with Maven (attempt $attempt)"
    # -U: otherwise Maven remembers a look-up that failed and does not try again.
    if mvn -B -q -U -f "$KAFKA_FILES/pom.xml" \
      org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$fresh" >"$log" 2>&1 </dev/null; then
      if [ ! -d "$KAFKA_JARS" ]; then mv "$fresh" "$KAFKA_JARS"; fi
      rm -rf "$fresh" "${KAFKA_JARS:?}/${fresh##*/}"
      return
    fi
    note "Maven failed: $(grep -m1 ERROR "$log" | cut -c1-300)"
  done
  rm -rf "$fresh"
  fail "the jars of Kafka $KAFKA_VERSION cannot be had from Maven; its output is in $log"
}
