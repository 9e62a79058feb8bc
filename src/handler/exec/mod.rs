//! `exec`: a child process for each worker. It gets records as lines of JSON and answers with a line for each; docs/exec.md
//! is the protocol.

mod child;
mod command;
#[cfg(test)]
mod examples_test;
mod lines;
mod probe;
mod settings;
mod source;
mod trouble;
mod voice;
mod window;
#[cfg(test)]
mod window_test;
mod worker;
#[cfg(test)]
mod worker_test;

pub use settings::ExecSettings;
pub(super) use source::ExecSource;
