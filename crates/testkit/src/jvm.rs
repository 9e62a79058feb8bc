//! Options of the JVM in which a test broker runs.

/// The variable for JVM options in Kafka's own scripts.
pub const JVM_OPTIONS_VARIABLE: &str = "KAFKA_JVM_PERFORMANCE_OPTS";

/// A test broker lives for seconds or minutes. The JVM's second compiler (C2) took a third of the processor time of the
/// shared broker and most of that of the others, so it is off.
pub const JVM_OPTIONS: &str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";
