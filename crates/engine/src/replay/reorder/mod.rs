//! Buffers that hold records back, before the lanes, until earlier records have been read.

pub mod buffer;
#[cfg(test)]
mod buffer_test;
#[cfg(test)]
mod moving_key_test;
pub mod new_partitions;
#[cfg(test)]
mod new_partitions_test;
pub mod time_order;
