#!/usr/bin/env bash
# A real Apache Kafka on 127.0.0.1: one broker that is its own controller, run as a plain process from the jars
# on Maven Central. Needs bash, a JDK (17 or newer) and Maven.
#
#   kafka-local.sh start [--dir DIR] [--port PORT]   starts it; does nothing where it runs already
#   kafka-local.sh hold  [--dir DIR] [--port PORT]   starts it; when standard input ends, stops it and removes its data
#                        [--set NAME=VALUE]...       (start and hold: broker settings, when its folder is new)
#                        [--join DIR --node NUMBER]  (start and hold: another broker of the cluster of the one in DIR)
#   kafka-local.sh stop  [--dir DIR] [--kill]        stops it (--kill: at once, as a crash would)
#   kafka-local.sh status [--dir DIR]                exit code 0 where it runs
#   kafka-local.sh wipe  [--dir DIR]                 stops it and removes its data
#   kafka-local.sh tool CLASS [ARGUMENT...]          one of Kafka's own command line tools
#   kafka-local.sh jars                              fetches the jars and prints where they are
#
# start, hold and status print the bootstrap address as the last line of standard output; all else goes to
# standard error. Without --port a free port is chosen once and kept with the data. Without --dir, start uses
# one fixed folder for each user and hold makes a new one. KAFKA_JVM_PERFORMANCE_OPTS: further options of the broker's JVM.
set -euo pipefail
# shellcheck source=scripts/kafka/jars.sh
. "$(dirname "$0")/kafka/jars.sh"

READY_SECONDS=300
STOP_SECONDS=30
READY_LINE='Kafka Server started'
MARK=made-by-kafka-local # a folder without this file is not ours: never written to, never removed

usage() {
  sed -n '2,/^set -/{s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}

command=${1:-}
[ -n "$command" ] || usage
shift

if [ "$command" = tool ]; then
  [ $# -gt 0 ] || usage
  resolve_jars
  # Tools are short-lived: the quick compiler and the simple collector start them in half the time.
  exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j2.configurationFile="$KAFKA_FILES/tools-log4j2.yaml" -cp "$KAFKA_JARS/*" "$@"
fi

dir='' port='' signal=TERM settings=() join='' node=1
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
    --port) port=${2:?--port needs a number}; shift 2 ;;
    --kill) signal=KILL; shift ;;
    --join) join=${2:?--join needs a folder}; shift 2 ;;
    --node) node=${2:?--node needs a number}; shift 2 ;;
    --set) settings+=("${2:?--set needs NAME=VALUE}"); shift 2 ;;
    *) note "unknown argument: $1"; usage ;;
  esac
done
case $port in *[!0-9]*) fail "--port takes a number, not $port" ;; esac
if [ "$port" = 0 ]; then port=; fi

if [ -z "$dir" ]; then
  if [ "$command" = hold ]; then
    dir=$(mktemp -d "${TMPDIR:-/tmp}/kreplay-kafka.XXXXXX")
  else
    dir=${TMPDIR:-/tmp}/kreplay-kafka-$(id -un)
  fi
fi

# The broker's pid, if it is alive and really ours: a pid may have been given to another process since.
broker_pid() {
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  case $(ps -ww -o args= -p "$pid" 2>/dev/null) in
    *kafka.Kafka*"$dir/server.properties"*) echo "$pid" ;;
    *) return 1 ;;
  esac
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port below the range that systems hand out to outgoing connections, so that none of those can take it.
free_port() {
  local candidate
  while :; do
    candidate=$((10000 + RANDOM % 20000))
    port_answers "$candidate" || break
  done
  echo "$candidate"
}

claim_dir() {
  if [ -n "$(ls -A "$dir" 2>/dev/null)" ] && [ ! -f "$dir/$MARK" ]; then
    fail "$dir holds something else; name an empty folder with --dir"
  fi
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  touch "$dir/$MARK"
}

configure() { # PORT
  local voters listeners=PLAINTEXT://127.0.0.1:$1 roles=broker controller
  if [ -n "$join" ]; then
    voters=$(sed -n 's/^controller.quorum.voters=//p' "$join/server.properties")
  else
    controller=$(free_port)
    while [ "$controller" = "$1" ]; do controller=$(free_port); done
    voters=$node@127.0.0.1:$controller roles=broker,controller
    listeners=$listeners,CONTROLLER://127.0.0.1:$controller
  fi
  {
    cat <<PROPERTIES
process.roles=$roles
node.id=$node
controller.quorum.voters=$voters
listeners=$listeners
advertised.listeners=PLAINTEXT://127.0.0.1:$1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
PROPERTIES
    cat "$KAFKA_FILES/test-broker.properties"
    # The last line of a name wins.
    [ ${#settings[@]} -eq 0 ] || printf '%s\n' "${settings[@]}"
  } >"$dir/server.properties"
  echo "$1" >"$dir/port"
}

format_storage() {
  if [ -f "$dir/data/meta.properties" ]; then return; fi
  local id
  if [ -n "$join" ]; then
    id=$(sed -n 's/^cluster.id=//p' "$join/data/meta.properties")
  else
    id=$(head -c 16 /dev/urandom | base64 | tr '+/=' 'xyz' | cut -c1-22)
  fi
  java -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$KAFKA_FILES/tools-log4j2.yaml" -cp "$KAFKA_JARS/*" \
    kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" >"$dir/format.log" 2>&1 </dev/null ||
    fail "the storage cannot be prepared: $(tail -n 3 "$dir/format.log")"
}

# Starts the process and waits until it serves. Returns 1 where it ended before that.
launch() {
  # It does not inherit the standard streams, so that readers of this script's output see its end.
  # shellcheck disable=SC2086 # the variable may hold several options
  nohup java -Xms256m -Xmx1g ${KAFKA_JVM_PERFORMANCE_OPTS:-} -Djava.awt.headless=true -Dlog4j2.configurationFile="$KAFKA_FILES/log4j2.yaml" \
    -cp "$KAFKA_JARS/*" kafka.Kafka "$dir/server.properties" >"$dir/server.log" 2>&1 </dev/null &
  local pid=$! begin=$SECONDS
  disown # or the shell reports it when it is stopped
  echo "$pid" >"$dir/pid"
  until grep -q "$READY_LINE" "$dir/server.log"; do
    kill -0 "$pid" 2>/dev/null || return 1
    if [ $((SECONDS - begin)) -ge "$READY_SECONDS" ]; then
      kill -KILL "$pid" || true
      fail "the broker was not ready within $READY_SECONDS s; its log is $dir/server.log"
    fi
    sleep 0.1
  done
}

start_broker() {
  resolve_jars
  claim_dir
  local kept chosen attempt
  kept=$(cat "$dir/port" 2>/dev/null || true)
  if broker_pid >/dev/null; then
    if [ -n "$port" ] && [ "$port" != "$kept" ]; then fail "the broker in $dir already runs on port $kept"; fi
    note "already runs in $dir"
    return
  fi
  chosen=${port:-$kept}
  for attempt in 1 2 3; do
    configure "${chosen:-$(free_port)}"
    if port_answers "$(cat "$dir/port")"; then fail "port $(cat "$dir/port") is in use by another program"; fi
    format_storage
    if launch; then
      note "Kafka $KAFKA_VERSION runs in $dir (pid $(cat "$dir/pid"))"
      return
    fi
    # Another program took a port after it was found free: choose again. A requested port is tried again too, because
    # the controller's port may have been the one that was taken.
    grep -q 'Address already in use' "$dir/server.log" || break
    note "a port was taken in the meantime (attempt $attempt)"
  done
  fail "the broker ended at once: $(grep -E 'ERROR|Exception' "$dir/server.log" | head -n 3)"
}

stop_broker() {
  local pid begin=$SECONDS
  if [ ! -d "$dir" ]; then return; fi
  dir=$(cd "$dir" && pwd -P)
  pid=$(broker_pid) || return 0
  kill "-$signal" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ $((SECONDS - begin)) -ge "$STOP_SECONDS" ]; then
      note "the broker did not stop within $STOP_SECONDS s and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      begin=$SECONDS
    fi
    sleep 0.1
  done
  rm -f "$dir/pid"
}

wipe() {
  stop_broker
  if [ -d "$dir" ]; then
    [ -f "$dir/$MARK" ] || fail "$dir was not made by this script and is left alone"
    rm -rf "$dir"
  fi
}

address() { echo "127.0.0.1:$(cat "$dir/port")"; }

release() {
  signal=KILL # the data of a broker held for one test run is discarded
  if [ -f "$dir/$MARK" ]; then wipe; else rmdir "$dir" 2>/dev/null || true; fi
}

case $command in
  start)
    start_broker
    address
    ;;
  hold)
    trap release EXIT
    trap 'exit 0' INT TERM HUP
    start_broker
    address
    exec >/dev/null
    # A background child so that a signal is served at once; it ends with our standard input.
    cat <&0 >/dev/null &
    wait $! || true
    ;;
  stop) stop_broker ;;
  status)
    if [ -d "$dir" ]; then dir=$(cd "$dir" && pwd -P); fi
    broker_pid >/dev/null || fail "no broker runs in $dir"
    address
    ;;
  wipe) wipe ;;
  jars)
    resolve_jars
    echo "$KAFKA_JARS"
    ;;
  *) usage ;;
esac
