//! `exec`: one child process per worker. It receives records as JSON lines and answers each with a line. The protocol
//! is described in docs/exec.md.

mod child;
mod command;
#[cfg(test)]
mod examples_test;
mod handlers;
mod lines;
mod probe;
mod settings;
mod shared;
mod stderr_log;
mod trouble;
mod window;
#[cfg(test)]
mod window_test;
mod worker;
#[cfg(test)]
mod worker_test;

pub(super) use handlers::ExecHandlers;
pub use settings::ExecSettings;
