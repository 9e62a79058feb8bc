//! Events that explain a change of the figures, to which a viewer jumps.

use crate::{
    domain::Severity,
    feed::Event,
    timeline::{MarkClass, MarkKind},
    watch::WatchEvent,
};

/// Whether an event of the session explains a change. Retries do not: there may be thousands.
pub(super) fn is_mark(event: &Event) -> bool {
    MarkKind::of(&event.kind).is_some_and(|kind| kind.class() != MarkClass::Retry)
}

/// Whether an event of a watched group explains a change.
pub(super) fn is_group_mark(event: &WatchEvent) -> bool {
    event.kind.severity() >= Severity::Notice
}
