//! Rehearsals: effects are built, and none is applied. A dry run tells what would have been done, a comparison where two
//! handlers differ.

mod comparison;
mod dry_run;
mod findings;
mod shown;
mod tally;

use std::sync::Arc;

use self::{comparison::Comparison, dry_run::DryRun};
use super::{HandlerContext, HandlerError, HandlerSource, HandlerSpec, open};
use crate::domain::Growing;

/// What is rehearsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Rehearsal {
    /// What the run's handler would do.
    DryRun,
    /// How the run's handler and another one differ.
    Comparison {
        /// The other one.
        right: HandlerSpec,
        /// So many differences are kept to be shown.
        shown: usize,
    },
}

/// A rehearsal's handlers, in place of those that apply effects.
pub struct Rehearsed {
    /// What the run is given.
    pub source: Arc<dyn HandlerSource>,
    /// A preview keeps state of all records, so that one worker has to see them all.
    pub single_threaded: bool,
}

/// Opens what rehearses a handler.
///
/// # Errors
/// A handler that has no effects to build, or cannot build them.
pub fn rehearse(
    rehearsal: &Rehearsal,
    spec: &HandlerSpec,
    context: &HandlerContext,
) -> Result<Rehearsed, HandlerError> {
    let context = HandlerContext { preview_only: true, ..context.clone() };
    match rehearsal {
        Rehearsal::DryRun => rehearse_given(open(spec, &context)?, &context),
        Rehearsal::Comparison { right, shown } => {
            // Each side is told of partitions that join, and has to take note of them once.
            let partitions: Growing<_> = context.partitions.iter().cloned().collect();
            let other = HandlerContext { partitions: Arc::new(partitions), ..context.clone() };
            let sides = [open(spec, &context)?, open(right, &other)?];
            let names = [spec.to_string(), right.to_string()];
            let comparison = Comparison::new(sides, names, *shown, &context)?;
            Ok(Rehearsed { single_threaded: comparison.keeps_state(), source: Arc::new(comparison) })
        }
    }
}

/// A dry run of handlers that are there already.
///
/// # Errors
/// They have no effects to build, or cannot build them.
pub fn rehearse_given(source: Arc<dyn HandlerSource>, context: &HandlerContext) -> Result<Rehearsed, HandlerError> {
    let dry_run = DryRun::new(source, context)?;
    Ok(Rehearsed { single_threaded: dry_run.keeps_state(), source: Arc::new(dry_run) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::TopicPartition,
        feed::{Outcome, RehearsalView},
        handler::{LaneRun, testing::record},
    };

    fn context() -> HandlerContext {
        HandlerContext::testing(&[TopicPartition::new("t", 0), TopicPartition::new("t", 1)])
    }

    fn batch(values: &[&[u8]]) -> Vec<LaneRun> {
        let records =
            (0..).zip(values).map(|(offset, value)| record(1, offset, Some(b"k\x1b"), Some(value), &[])).collect();
        vec![LaneRun { lane: 0, records }]
    }

    #[test]
    fn a_dry_run_writes_nothing_and_tells_what_it_would_have_written() {
        let dir = tempfile::tempdir().unwrap();
        let spec = format!("ndjson:{}", dir.path().join("out").display()).parse().unwrap();
        let rehearsed = rehearse(&Rehearsal::DryRun, &spec, &context()).unwrap();
        assert!(!rehearsed.single_threaded && rehearsed.source.wants_headers());
        assert_eq!(rehearsed.source.make(0).handle(&batch(&[b"a", b"b\x1b", b"c", b"d"])), []);
        let Some(RehearsalView::DryRun(view)) = rehearsed.source.rehearsal() else { panic!() };
        assert_eq!((view.records, view.failed, view.effects.len()), (4, 0, 1));
        let kind = &view.effects[0];
        assert_eq!((kind.what.as_str(), kind.count, kind.examples.len()), ("line", 4, 3));
        assert_eq!((kind.examples[1].place.partition, kind.examples[1].place.offset), (1, 1));
        assert!(
            kind.examples[1].content.contains(r#""value":"b\\u001b""#) || kind.examples[1].content.contains("b\\u001b")
        );
        assert!(!dir.path().join("out").exists());
    }

    #[test]
    fn records_that_would_fail_are_told_and_do_not_fail() {
        let spec = "simulate:1ms,poison=1".parse().unwrap();
        let rehearsed = rehearse(&Rehearsal::DryRun, &spec, &context()).unwrap();
        assert_eq!(rehearsed.source.make(0).handle(&batch(&[b"a", b"b"])), []);
        let Some(RehearsalView::DryRun(view)) = rehearsed.source.rehearsal() else { panic!() };
        assert_eq!((view.records, view.failed, view.failures.len()), (2, 2, 2));
        assert!(view.failures[0].error.contains("poison"), "{view:?}");
    }

    #[test]
    fn a_comparison_finds_the_first_difference_of_each_key() {
        let compare = |left: &str, right: &str| {
            let rehearsal = Rehearsal::Comparison { right: right.parse().unwrap(), shown: 10 };
            let rehearsed = rehearse(&rehearsal, &left.parse().unwrap(), &context()).unwrap();
            rehearsed.source.make(0).handle(&batch(&[b"a", b"b"]));
            match rehearsed.source.rehearsal() {
                Some(RehearsalView::Comparison(view)) => view,
                other => panic!("{other:?}"),
            }
        };
        let equal = compare("ndjson", "ndjson:other");
        assert_eq!((equal.records, equal.differing_records, equal.differing_keys), (2, 0, 0));
        let different = compare("null", "ndjson");
        assert_eq!((different.differing_records, different.differing_keys), (2, 1));
        let first = &different.differences[0];
        assert_eq!((first.place.offset, first.key.as_deref()), (0, Some("k\\u{1b}")));
        assert_eq!(first.left, Outcome::Effects(Vec::new()));
        assert!(matches!(&first.right, Outcome::Effects(effects) if effects[0].what == "line"));
        let failing = compare("null", "simulate:0,poison=1");
        assert!(matches!(&failing.differences[0].right, Outcome::Error(_)), "{failing:?}");
        let both = compare("simulate:1ms,poison=1", "simulate:0,poison=1");
        assert_eq!((both.differing_records, both.failed_with_both), (0, 2));
    }
}
