//! The threads that read, and what they have to look out for.

pub mod choice;
pub mod discovery;
pub mod fetch;
pub mod health;
pub mod hold_back;
pub mod identity;
pub mod member;
pub mod readers;
pub mod retention;
pub mod shares;
pub mod silence;
