//! The console without a terminal: what it draws, and how keys, mouse, and feed change its state.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::unwrap_used,
    reason = "small numbers in fixtures, and failing tests may panic"
)]

mod alerts;
mod attached;
mod audit;
mod clipboard;
mod drag;
mod export;
mod fixture;
mod frames;
mod group_change;
mod help;
mod inspect;
mod keys;
mod launch_form;
mod launch_times;
mod lists;
mod over_time;
mod palette;
mod past;
mod plan;
mod presets;
mod race;
mod record;
mod screens;
mod situations;
mod storm;
mod timeline;
mod topics;
mod update;
mod watch;
mod watch_fixture;
