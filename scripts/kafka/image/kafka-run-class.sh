#!/bin/bash
# Runs a class of Kafka's jars. The variables are those of Kafka's own script of this name.
heap=${KAFKA_HEAP_OPTS:--Xmx256m}
tuning=${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1}
logging=${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/etc/kafka/docker/tools-log4j2.yaml}
# A class archive is valid only for the same order of jars, so the shell lists them, sorted, instead of the JVM.
classpath=$(printf ':%s' /opt/kafka/libs/*.jar)
[ ! -e /opt/kafka/classes.jsa ] || tuning+=" -XX:SharedArchiveFile=/opt/kafka/classes.jsa -Xshare:auto"
# Unquoted on purpose: each may hold several options.
# shellcheck disable=SC2086
exec /opt/java/bin/java $heap $tuning $logging $KAFKA_OPTS -cp "${classpath:1}" "$@"
