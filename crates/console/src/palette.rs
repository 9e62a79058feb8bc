//! What the palette offers: its entries, what a typed command means, and whether an entry is available.

mod availability;
mod entries;
mod typed;

pub(crate) use availability::refusal;
pub(crate) use entries::entries;
pub(crate) use typed::typed;
