//! The threads that read, and what they have to look out for.

pub mod discovery;
pub mod fetch;
pub mod health;
pub mod identity;
pub mod member;
pub mod readers;
pub mod retention;
pub mod silence;
