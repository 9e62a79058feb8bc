//! The embedded broker, the producer, the tiers and the demo's datasets, over a real socket.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

mod broker;
mod demo;
mod inspect;
mod producer;
mod support;
mod tiers;
