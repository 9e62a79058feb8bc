//! The reader threads and what they monitor.

pub mod choice;
pub mod discovery;
pub mod fetch;
pub mod fetch_throttle;
pub mod health;
pub mod identity;
pub mod readers;
pub mod retention;
pub mod shares;
pub mod stall_detector;
