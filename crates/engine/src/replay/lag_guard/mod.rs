//! The lag guard: slows or pauses the run while a protected consumer group falls behind.

mod policy;
mod thread;

pub use thread::{LagGuardThread, spawn};
