//! A run as one self-contained HTML page: figures, charts, workers, partitions.
//!
//! [`render`] makes the page from the last state of a run and its history. The page has no scripts, and its content
//! security policy forbids every request, so that it can be sent to others and opened anywhere. It contains neither
//! keys nor values of records, except for the key that advice names.

mod chart;
mod figures;
mod heat_map;
mod lanes;
mod markup;
mod page;
#[cfg(test)]
mod page_test;
mod ramp;
mod scale;

pub use page::render;
