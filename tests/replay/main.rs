//! The engine end to end, against the embedded broker: no Kafka needed.

mod launch;
mod limits;
mod plans;
mod runs;
mod support;
