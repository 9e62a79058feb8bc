//! The engine end to end on the embedded broker. No Kafka is needed.

mod charges;
mod launch;
mod limits;
mod plans;
mod runs;
mod support;
