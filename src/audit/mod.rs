//! Audits of topics: reads records, and shows what was found.

mod reading;
mod text;

pub use reading::{AuditRequest, audit};
pub use text::render;
