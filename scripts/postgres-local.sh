#!/usr/bin/env bash
# A real PostgreSQL on 127.0.0.1, run from the programs of Debian's package `postgresql` (or any others) with data of its
# own. As root it runs as another user, because PostgreSQL refuses to be root.
#
#   postgres-local.sh start [--dir DIR] [--port PORT]   starts it; does nothing where it runs already
#   postgres-local.sh hold  [--dir DIR] [--port PORT]   starts it; when standard input ends, stops it and removes its data
#   postgres-local.sh stop  [--dir DIR] [--kill]        stops it (--kill: at once, as a crash would)
#   postgres-local.sh status [--dir DIR]                exit code 0 where it runs
#   postgres-local.sh wipe  [--dir DIR]                 stops it and removes its data
#   postgres-local.sh find                              prints the folder of PostgreSQL's programs
#
# start, hold and status print the URL as the last line of standard output; all else goes to standard error. Without
# --port a free port is chosen once and kept with the data. Without --dir, start uses one fixed folder for each user and
# hold makes a new one. Data are not synced to the disk: they survive a crash of PostgreSQL, and not one of the machine.
set -euo pipefail

READY_SECONDS=60
MARK=made-by-postgres-local # a folder without this file is not ours: never written to, never removed
NAME=kreplay                # the user, its password and its database

note() { echo "postgres-local: $*" >&2; }
fail() {
  note "$*"
  exit 1
}
usage() {
  sed -n '2,/^set -/{s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}

# The folder that has initdb and postgres: what is on the path, then Debian's, the newest first.
programs() {
  local folder
  for folder in "$(dirname "$(command -v initdb || echo /-/-)")" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) \
    /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      echo "$folder"
      return
    fi
  done
  fail "PostgreSQL's programs are missing; install them (on Debian: apt-get install postgresql)"
}

command=${1:-}
[ -n "$command" ] || usage
shift
if [ "$command" = find ]; then
  programs
  exit
fi

dir='' port='' how=fast
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
    --port) port=${2:?--port needs a number}; shift 2 ;;
    --kill) how=immediate; shift ;;
    *) note "unknown argument: $1"; usage ;;
  esac
done
case $port in *[!0-9]*) fail "--port takes a number, not $port" ;; esac
if [ "$port" = 0 ]; then port=; fi
if [ -z "$dir" ]; then
  if [ "$command" = hold ]; then
    dir=$(mktemp -d "${TMPDIR:-/tmp}/kreplay-postgres.XXXXXX")
  else
    dir=${TMPDIR:-/tmp}/kreplay-postgres-$(id -un)
  fi
fi

# The server's user: this user or, for root, the package's user, else `nobody`.
owner=$(id -un)
if [ "$(id -u)" = 0 ]; then owner=$(id -un postgres 2>/dev/null || echo nobody); fi

as_owner() {
  if [ "$owner" = "$(id -un)" ]; then
    "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups "$@"
  else
    runuser -u "$owner" -- "$@"
  fi
}

# Its pid, if it is alive and really ours: a pid may have been given to another process since.
server_pid() {
  local pid
  pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 1
  case $(ps -ww -o args= -p "$pid" 2>/dev/null) in
    *postgres*"$dir/data"*) echo "$pid" ;;
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

url() { echo "postgres://$NAME:$NAME@127.0.0.1:$(cat "$dir/port")/$NAME"; }

lay_out() {
  local bin=$1
  mkdir -p "$dir"
  if [ ! -e "$dir/$MARK" ]; then
    [ -z "$(ls -A "$dir")" ] || fail "$dir is not empty and not ours"
    touch "$dir/$MARK"
  fi
  if [ -e "$dir/ready" ]; then return; fi
  rm -rf "$dir/data"
  mkdir "$dir/data"
  echo "${port:-$(free_port)}" >"$dir/port"
  echo "$NAME" >"$dir/password"
  # A self-signed certificate, for connections with TLS.
  if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=kreplay test" -keyout "$dir/server.key" \
      -out "$dir/server.crt" -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" \
      -addext "basicConstraints=critical,CA:FALSE" >"$dir/openssl.log" 2>&1 || fail "openssl: $(tail -n 1 "$dir/openssl.log")"
    chmod 600 "$dir/server.key"
  fi
  chmod 711 "$dir"
  if [ "$(id -u)" = 0 ]; then chown -R "$owner" "$dir"; fi
  as_owner "$bin/initdb" --pgdata="$dir/data" --username="$NAME" --pwfile="$dir/password" --auth=scram-sha-256 \
    --encoding=UTF8 --no-locale --no-sync >"$dir/initdb.log" 2>&1 || fail "initdb: $(tail -n 1 "$dir/initdb.log")"
  echo "CREATE DATABASE $NAME" | as_owner "$bin/postgres" --single -D "$dir/data" -F postgres >"$dir/single.log" 2>&1 ||
    fail "postgres --single: $(tail -n 1 "$dir/single.log")"
  touch "$dir/ready"
}

start() {
  local bin begin=$SECONDS tls=off
  if server_pid >/dev/null; then return; fi
  bin=$(programs)
  lay_out "$bin"
  if [ -e "$dir/server.key" ]; then tls=on; fi
  # Asked of itself, as the old server may still be giving its port and memory back.
  until as_owner "$bin/pg_ctl" start --silent --wait --timeout=$READY_SECONDS --pgdata="$dir/data" --log="$dir/log" --options="\
    -c listen_addresses=127.0.0.1 -c port=$(cat "$dir/port") -c unix_socket_directories= -c fsync=off \
    -c max_connections=200 -c ssl=$tls -c ssl_cert_file=$dir/server.crt -c ssl_key_file=$dir/server.key" </dev/null >&2; do
    if [ $((SECONDS - begin)) -ge "$READY_SECONDS" ]; then fail "it does not start: $(tail -n 1 "$dir/log")"; fi
    sleep 0.5
  done
}

stop() {
  if ! server_pid >/dev/null; then return; fi
  as_owner "$(programs)/pg_ctl" stop --silent --wait --timeout=$READY_SECONDS --mode="$how" --pgdata="$dir/data" >&2
}

wipe() {
  how=immediate
  stop
  if [ -e "$dir/$MARK" ]; then rm -rf "$dir"; fi
}

cd / # another user may not be allowed where this one is
case $command in
  start)
    start
    url
    ;;
  hold)
    trap wipe EXIT
    trap 'exit 129' HUP
    trap 'exit 143' TERM
    start
    url
    exec 1>&- # who waits for the end of the output need not wait for the server
    cat >/dev/null
    ;;
  stop) stop ;;
  status)
    server_pid >/dev/null || exit 1
    url
    ;;
  wipe) wipe ;;
  *) usage ;;
esac
