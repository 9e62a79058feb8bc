//! The engine end to end, against the embedded broker: no Kafka needed.

mod runs;
mod support;
