//! Tests of republishing without a broker.
