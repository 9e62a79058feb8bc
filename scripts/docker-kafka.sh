#!/usr/bin/env bash
# Makes sure that a Docker engine answers and has the image that the tests use, apache/kafka. On a machine where
# both can be had the usual way this is `docker pull` and no more. Elsewhere it helps out:
#
#   - no engine: as root on Debian, installs docker.io and starts dockerd, which listens to local callers only,
#     publishes ports on 127.0.0.1 and leaves the firewall alone;
#   - the image cannot be pulled: makes a stand-in of that name from this machine's JDK and Kafka's jars on Maven
#     Central. It starts like the official image (KAFKA_* variables, "Kafka Server started" on standard output).
#
#   docker-kafka.sh ensure   all of the above (default)
#   docker-kafka.sh status   exit code 0 where engine and image are there; changes nothing
#   docker-kafka.sh stop     stops the engine, if this script started it
#
# KREPLAY_DOCKER_START=no: never install or start an engine. Progress goes to standard error.
set -euo pipefail
# shellcheck source=scripts/kafka/jars.sh
. "$(dirname "$0")/kafka/jars.sh"

IMAGE=apache/kafka:$KAFKA_VERSION
LABEL=kreplay.stand-in # its value says what the image was made from; the official image has no such label
STATE=$KAFKA_CACHE/docker
PULL_SECONDS=300
START_SECONDS=30

engine_answers() { command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# ---- the engine

install_engine() {
  if command -v dockerd >/dev/null; then return; fi
  command -v apt-get >/dev/null || fail "dockerd is missing and there is no apt-get; install a Docker engine"
  note "installing Debian's docker.io"
  local attempt
  for attempt in 1 2 3; do
    if apt-get update -qq >"$STATE/apt.log" 2>&1 &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io >>"$STATE/apt.log" 2>&1; then
      return
    fi
    note "apt-get failed (attempt $attempt): $(tail -n 1 "$STATE/apt.log")"
  done
  fail "docker.io cannot be installed; see $STATE/apt.log"
}

# The dockerd that this script started, where it is alive.
engine_pid() {
  local pid
  pid=$(cat "$STATE/dockerd.pid" 2>/dev/null) || return 1
  [ "$(ps -o comm= -p "$pid" 2>/dev/null)" = dockerd ] && echo "$pid"
}

stop_engine() {
  local pid begin=$SECONDS
  pid=$(engine_pid) || { note "no engine of ours runs"; return 0; }
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do
    if [ $((SECONDS - begin)) -ge 60 ]; then fail "dockerd (pid $pid) does not stop"; fi
    sleep 0.1
  done
  note "dockerd stopped"
}

launch_engine() { # further flags of dockerd
  note "starting dockerd $*"
  # In a separate session: later steps use the engine too, so it must not end with this terminal or process group.
  setsid nohup dockerd --pidfile "$STATE/dockerd.pid" --ip=127.0.0.1 --iptables=false --ip6tables=false \
    --ip-masq=false --ip-forward=false "$@" >"$STATE/dockerd.log" 2>&1 </dev/null &
  local pid=$! begin=$SECONDS
  disown
  until engine_answers; do
    if ! kill -0 "$pid" 2>/dev/null; then return 1; fi
    if [ $((SECONDS - begin)) -ge "$START_SECONDS" ]; then
      stop_engine # or the next try finds its lock
      return 1
    fi
    sleep 0.2
  done
}

ensure_engine() {
  if engine_answers; then return; fi
  [ "${KREPLAY_DOCKER_START:-yes}" != no ] || fail "no Docker engine answers, and KREPLAY_DOCKER_START=no forbids to start one"
  [ -z "${DOCKER_HOST:-}" ] || fail "the Docker engine at DOCKER_HOST does not answer"
  if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
    fail "no Docker engine answers; install and start one (this script can do so as root on Debian)"
  fi
  mkdir -p "$STATE"
  install_engine
  # The second try is for file systems that overlays cannot be stacked on.
  launch_engine || launch_engine --storage-driver=vfs ||
    fail "dockerd does not start: $(grep -E 'level=(fatal|error)|failed to' "$STATE/dockerd.log" | tail -n 1 | cut -c1-300)"
}

# ---- the image

# What a stand-in made now would be made from.
recipe() {
  { cat "$0" "$KAFKA_FILES"/pom.xml "$KAFKA_FILES"/*log4j2.yaml "$KAFKA_FILES"/image/*; java -version 2>&1; } | sha256sum | cut -c1-16
}

# Present, and either not ours or made from what this version of the project says.
image_is_there() {
  local made_from
  made_from=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$IMAGE" 2>/dev/null) || return 1
  [ -z "$made_from" ] || [ "$made_from" = "$(recipe)" ]
}

# Copies programs with the shared libraries they need.
copy_programs() { # ROOT PROGRAM...
  local root=$1 program library
  shift
  for program in "$@"; do
    if [ ! -e "$root$program" ]; then install -D "$program" "$root$program"; fi
  done
  for program in "$@"; do ldd "$program" 2>/dev/null || true; done | grep -o '/[^ ]*\.so[^ ]*' | sort -u |
    while read -r library; do install -D "$library" "$root$library"; done
}

lay_out() { # ROOT
  local root=$1 name class java=$1/opt/java
  mkdir -p "$root"/{etc/kafka/docker,mnt/shared/config,opt/kafka/{bin,config,libs},usr/bin,usr/lib,usr/lib64}
  mkdir -m 1777 "$root/tmp"
  for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done

  jlink --add-modules java.se,jdk.crypto.ec,jdk.management,jdk.management.agent,jdk.security.auth,jdk.unsupported,jdk.zipfs \
    --strip-java-debug-attributes --no-header-files --no-man-pages --output "$java" >"$STATE/jlink.log" 2>&1 ||
    fail "jlink failed: $(tail -n 1 "$STATE/jlink.log")"
  "$java/bin/java" -Xshare:dump >/dev/null 2>&1 || true # halves the start of every Java program in there
  # Java's libraries are in their place already; only what they need from outside is copied.
  copy_programs "$root" /bin/bash /bin/sh /usr/bin/env /bin/cat /bin/ls /bin/sleep
  while read -r name; do
    case $name in "$root"/*) ;; *) [ -e "$root$name" ] || install -D "$name" "$root$name" ;; esac
  done < <(LD_LIBRARY_PATH=$java/lib:$java/lib/server ldd "$java/bin/java" "$java"/lib/*.so \
    "$java/lib/server/libjvm.so" 2>/dev/null | grep -o '/[^ ]*\.so[^ :]*' | sort -u)

  # The codecs' native libraries come inside jars, where ldd cannot see what they need.
  ldconfig -p | grep -oE '/[^ ]*/lib(stdc\+\+|gcc_s|m|dl|rt|pthread)\.so\.[0-9]+$' | while read -r name; do
    if [ "$(head -c 5 "$name" | od -An -tu1)" = "$(head -c 5 /bin/bash | od -An -tu1)" ] && [ ! -e "$root$name" ]; then
      install -D "$name" "$root$name"
    fi
  done

  printf 'root:x:0:0::/root:/bin/bash\nappuser:x:1000:1000::/tmp:/bin/bash\n' >"$root/etc/passwd"
  printf 'root:x:0:\nappuser:x:1000:\n' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

  cp "$KAFKA_JARS"/*.jar "$root/opt/kafka/libs/"
  cp "$KAFKA_FILES"/*log4j2.yaml "$KAFKA_FILES"/image/{run,archive-classes,server.properties} "$root/etc/kafka/docker/"
  cp "$KAFKA_FILES/image/kafka-run-class.sh" "$root/opt/kafka/bin/"
  while read -r name class; do
    printf '#!/bin/bash\nexec /opt/kafka/bin/kafka-run-class.sh %s "$@"\n' "$class" >"$root/opt/kafka/bin/$name"
  done <"$KAFKA_FILES/image/tools.txt"
  chmod 755 "$root"/opt/kafka/bin/*.sh "$root"/etc/kafka/docker/{run,archive-classes}
}

make_stand_in() {
  command -v jlink >/dev/null || fail "jlink is missing; install a whole JDK, on Debian: apt-get install default-jdk-headless"
  resolve_jars
  mkdir -p "$STATE"
  local root
  root=$(mktemp -d "$STATE/root.XXXXXX")
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$root'" EXIT
  chmod 755 "$root"
  note "making a stand-in for $IMAGE from $(java -version 2>&1 | sed -n 's/^openjdk version/JDK/p') and Kafka's jars"
  lay_out "$root"
  import "$root"
  if archive_classes "$root"; then
    import "$root"
  else
    note "no class archive, so JVMs start more slowly: $(tail -n 1 "$STATE/archive.log" | cut -c1-200)"
  fi
  try_out "$IMAGE-new"
  docker tag "$IMAGE-new" "$IMAGE"
  docker rmi "$IMAGE-new" >/dev/null
  docker image prune --force --filter "label=$LABEL" >/dev/null # stand-ins that lost the name to this one
}

import() { # ROOT
  tar -C "$1" --owner=1000 --group=1000 --numeric-owner -c . |
    docker import --change 'ENV PATH=/opt/java/bin:/opt/kafka/bin:/usr/bin' --change 'ENV JAVA_HOME=/opt/java' \
      --change 'USER appuser' --change 'EXPOSE 9092' --change 'CMD ["/etc/kafka/docker/run"]' \
      --change "LABEL $LABEL=$(recipe)" - "$IMAGE-new" >/dev/null
}

# Only the speed of the tests depends on it.
archive_classes() { # ROOT
  local container made=no
  container=$(docker create "$IMAGE-new" /etc/kafka/docker/archive-classes 2>"$STATE/archive.log") || return 1
  if timeout 300 docker start --attach "$container" >"$STATE/archive.log" 2>&1 &&
    docker cp "$container:/tmp/classes.jsa" "$1/opt/kafka/classes.jsa" >>"$STATE/archive.log" 2>&1; then made=yes; fi
  docker rm --force --volumes "$container" >/dev/null
  [ "$made" = yes ]
}

# A stand-in is worth its name only if a container of it comes up.
try_out() { # IMAGE
  local container begin=$SECONDS log
  container=$(docker run --detach "$1" 2>"$STATE/run.log") || fail "no container can be started: $(tail -n 1 "$STATE/run.log")"
  until log=$(docker logs "$container" 2>&1) && [[ $log == *"Kafka Server started"* ]]; do
    if [ $((SECONDS - begin)) -ge 60 ] || [ "$(docker inspect --format '{{.State.Running}}' "$container")" != true ]; then
      docker rm --force --volumes "$container" >/dev/null
      fail "a container of the stand-in does not come up: $(tail -n 5 <<<"$log")"
    fi
    sleep 0.2
  done
  docker rm --force --volumes "$container" >/dev/null
}

ensure_image() {
  if image_is_there; then return; fi
  mkdir -p "$STATE"
  note "pulling $IMAGE"
  if timeout "$PULL_SECONDS" docker pull --quiet "$IMAGE" >"$STATE/pull.log" 2>&1; then return; fi
  note "it cannot be pulled: $(tail -n 1 "$STATE/pull.log" | cut -c1-200)"
  make_stand_in
}

describe() {
  local origin='not made by this script'
  if [ -n "$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$IMAGE")" ]; then origin='stand-in made here'; fi
  note "ready: engine $(docker version --format '{{.Server.Version}}'), $IMAGE ($origin)"
}

case ${1:-ensure} in
  ensure)
    ensure_engine
    ensure_image
    describe
    ;;
  status)
    engine_answers || fail "no Docker engine answers"
    image_is_there || fail "the engine has no current image $IMAGE"
    describe
    ;;
  stop) stop_engine ;;
  *)
    sed -n '2,/^set -/{s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
    ;;
esac
