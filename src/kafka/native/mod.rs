//! What librdkafka can do and rdkafka does not wrap, with safe functions around it.
#![allow(unsafe_code, reason = "the one place that calls librdkafka directly")]

pub(super) mod mock;
