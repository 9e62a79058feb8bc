//! The parts of the dashboard. Each one renders state and theme into cells.

pub(super) mod alert;
pub(super) mod charges;
pub(super) mod chart;
pub(super) mod events;
pub(super) mod footer;
pub(super) mod frame;
pub(super) mod header;
pub(super) mod input;
pub(super) mod moment;
pub(super) mod paint;
pub(super) mod partitions;
pub(super) mod table;
pub(super) mod time_axis;
pub(super) mod workers;

pub(super) use super::symbol;
