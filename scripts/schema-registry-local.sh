#!/usr/bin/env bash
# A real schema registry on 127.0.0.1: Apicurio Registry from Maven Central, which speaks Confluent's protocol, run as a
# plain process with its data in a file. Needs bash, curl, a JDK (17 or newer) and Maven.
#
#   schema-registry-local.sh hold --dir DIR [--port PORT]   starts it; when standard input ends, kills it and keeps its data
#   schema-registry-local.sh jars                           fetches it and prints where it is
#
# hold prints the address as the only line of standard output, once the registry answers; all else goes to standard error.
# Started again with the same folder and port it knows the same schemas by the same ids.
set -euo pipefail
# shellcheck source=scripts/kafka/jars.sh
. "$(dirname "$0")/kafka/jars.sh"

REGISTRY_VERSION=3.0.9
REGISTRY=$KAFKA_CACHE/apicurio-registry-$REGISTRY_VERSION
READY_SECONDS=180
API=/apis/ccompat/v7

usage() {
  sed -n '2,/^set -/{s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}

# Filled at most once; two callers at the same time each fetch into a folder of their own, as for Kafka's jars.
resolve_registry() {
  if [ -d "$REGISTRY" ]; then return; fi
  local fresh attempt log=$KAFKA_CACHE/maven-registry.log
  mkdir -p "$KAFKA_CACHE"
  fresh=$(mktemp -d "$KAFKA_CACHE/fetch.XXXXXX")
  for attempt in 1 2 3; do
    note "fetching Apicurio Registry $REGISTRY_VERSION with Maven (attempt $attempt)"
    # A separate repository, so that the archive's path is known. This old version of the plugin does not fetch the
    # dependencies of the POM, which are not needed and partly unavailable.
    if mvn -B -q -U -C -Dmaven.repo.local="$fresh/m2" org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
      "-Dartifact=io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all" -Dtransitive=false >"$log" 2>&1 </dev/null &&
      tar -xzf "$fresh/m2/io/apicurio/apicurio-registry-app/$REGISTRY_VERSION/apicurio-registry-app-$REGISTRY_VERSION-all.tar.gz" \
        -C "$fresh" 2>>"$log"; then
      rm -rf "$fresh/m2"
      if [ ! -d "$REGISTRY" ]; then mv "$fresh" "$REGISTRY"; fi
      rm -rf "$fresh" "${REGISTRY:?}/${fresh##*/}"
      return
    fi
    note "Maven failed: $(grep -m1 ERROR "$log" | cut -c1-300)"
  done
  rm -rf "$fresh"
  fail "Apicurio Registry $REGISTRY_VERSION cannot be had from Maven; its output is in $log"
}

for program in java mvn curl; do
  command -v "$program" >/dev/null ||
    fail "$program is missing; install a JDK (17 or newer), Maven and curl, on Debian: apt-get install default-jdk-headless maven curl"
done

command=${1:-}
[ -n "$command" ] || usage
shift
dir='' port=''
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
    --port) port=${2:?--port needs a number}; shift 2 ;;
    *) note "unknown argument: $1"; usage ;;
  esac
done

case $command in
  jars)
    resolve_registry
    echo "$REGISTRY"
    ;;
  hold)
    [ -n "$dir" ] || usage
    resolve_registry
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    # Below the range that systems hand out to outgoing connections.
    while [ -z "$port" ]; do
      port=$((10000 + RANDOM % 20000))
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then port=; fi
    done
    # Written at once: it is killed in tests, and must know afterwards what it has promised.
    APICURIO_STORAGE_KIND=sql APICURIO_STORAGE_SQL_KIND=h2 APICURIO_DATASOURCE_URL="jdbc:h2:file:$dir/registry;WRITE_DELAY=0" \
      QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=$port QUARKUS_HTTP_ACCESS_LOG_ENABLED=false \
      java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
      -jar "$REGISTRY/apicurio-registry-app-$REGISTRY_VERSION-runner.jar" >"$dir/registry.log" 2>&1 </dev/null &
    pid=$!
    trap 'kill -KILL "$pid" 2>/dev/null || true' EXIT
    trap 'exit 0' INT TERM HUP
    begin=$SECONDS
    until curl -fsS --noproxy '*' -m 5 -o "$dir/types.json" "http://127.0.0.1:$port$API/schemas/types" 2>"$dir/curl.log"; do
      kill -0 "$pid" 2>/dev/null || fail "the registry ended at once; its log is $dir/registry.log: $(grep -m1 ERROR "$dir/registry.log" | cut -c1-300)"
      if [ $((SECONDS - begin)) -ge "$READY_SECONDS" ]; then
        fail "the registry was not ready within $READY_SECONDS s; its log is $dir/registry.log"
      fi
      sleep 0.2
    done
    note "Apicurio Registry $REGISTRY_VERSION runs in $dir (pid $pid, ready after $((SECONDS - begin)) s)"
    echo "http://127.0.0.1:$port$API"
    exec >/dev/null
    # A background child so that a signal is served at once; it ends with our standard input.
    cat <&0 >/dev/null &
    wait $! || true
    ;;
  *) usage ;;
esac
