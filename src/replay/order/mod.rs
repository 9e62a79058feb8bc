//! Records that wait for others that belong before them, before they go into their lanes.

pub mod staging;
#[cfg(test)]
mod staging_test;
pub mod time_order;
pub mod young;
