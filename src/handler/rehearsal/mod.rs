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
        feed::{ComparisonView, Outcome, RehearsalView},
        handler::{Advice, LaneFailure, LaneRun, testing::record},
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
        let Some(RehearsalView::DryRun(view)) = rehearsed.source.rehearsal(true) else { panic!() };
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
        let Some(RehearsalView::DryRun(view)) = rehearsed.source.rehearsal(true) else { panic!() };
        assert_eq!((view.records, view.failed, view.failures.len()), (2, 2, 2));
        assert!(view.failures[0].error.contains("poison"), "{view:?}");
    }

    #[test]
    fn a_comparison_finds_the_first_difference_of_each_key() {
        let compare = |left: &str, right: &str| {
            let rehearsal = Rehearsal::Comparison { right: right.parse().unwrap(), shown: 10 };
            let rehearsed = rehearse(&rehearsal, &left.parse().unwrap(), &context()).unwrap();
            rehearsed.source.make(0).handle(&batch(&[b"a", b"b"]));
            match rehearsed.source.rehearsal(true) {
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

    /// A definition's handler; its target is never made.
    fn define(dir: &std::path::Path, name: &str, schema: &str, sql: &str) -> HandlerSpec {
        let path = dir.join(format!("{name}.toml"));
        let text = format!("target = 'sqlite:{name}.db'\nschema = '''{schema}'''\n[[on]]\nsql = '''{sql}'''");
        std::fs::write(&path, text).unwrap();
        HandlerSpec::Projection { path: Some(path) }
    }

    fn compared(left: &HandlerSpec, right: &HandlerSpec, batch: &[LaneRun]) -> (Vec<LaneFailure>, ComparisonView) {
        let rehearsal = Rehearsal::Comparison { right: right.clone(), shown: 10 };
        let rehearsed = rehearse(&rehearsal, left, &context()).unwrap();
        assert!(rehearsed.single_threaded, "rows depend on records before");
        let failures = rehearsed.source.make(0).handle(batch);
        match rehearsed.source.rehearsal(true) {
            Some(RehearsalView::Comparison(view)) => (failures, view),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn where_differences_follow_from_one_the_first_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let schema = "CREATE TABLE total (n INTEGER); INSERT INTO total VALUES (0);";
        let plain = define(dir.path(), "plain", schema, "UPDATE total SET n = n + 1");
        let other =
            define(dir.path(), "other", schema, "UPDATE total SET n = n + CASE :key WHEN 'k2' THEN 2 ELSE 1 END");
        // The partition of the first difference is not the first of the log.
        let one = |partition, offset, key: &str| LaneRun {
            lane: 0,
            records: vec![record(partition, offset, Some(key.as_bytes()), None, &[])],
        };
        let batch = [one(0, 4, "k1"), one(1, 0, "k2"), one(0, 5, "k3"), one(0, 6, "k1"), one(0, 7, "k3")];
        let (failures, view) = compared(&plain, &other, &batch);
        assert_eq!((failures, view.records), (Vec::new(), 5));
        // These records belong to no key's lane: they count by partition.
        assert_eq!((view.differing_records, view.differing_keys), (4, 2));
        let first = view.first.as_ref().unwrap();
        assert_eq!((first.partition, first.offset), (1, 0));
        assert_eq!(view.differences.last().unwrap().place, *first);
        assert!(view.compared.contains("begin empty"), "{}", view.compared);
        assert_eq!(compared(&plain, &plain, &batch).1.first, None);
    }

    #[test]
    fn a_full_disk_stops_a_comparison_instead_of_making_records_equal() {
        let dir = tempfile::tempdir().unwrap();
        let schema = "PRAGMA max_page_count = 8; CREATE TABLE item (key TEXT, value BLOB);";
        let spec = define(dir.path(), "full", schema, "INSERT INTO item VALUES (:key, zeroblob(9000))");
        let runs: Vec<_> = batch(&[b"a", b"b", b"c", b"d"]).into_iter().chain(batch(&[b"e"])).collect();
        let (failures, view) = compared(&spec, &spec, &runs);
        assert!(view.records > 0 && view.records < 4 && view.failed_with_both == 0, "{view:?}");
        let done = usize::try_from(view.records).unwrap();
        let stopped: Vec<_> = failures.iter().map(|failure| (failure.run, failure.done, failure.advice)).collect();
        assert_eq!(stopped, [(0, done, Advice::Stop), (1, 0, Advice::Stop)]);
        assert!(failures[0].error.contains("a scratch database") && failures[0].error.contains("full"), "{failures:?}");
    }

    #[test]
    fn handlers_with_nothing_in_common_are_not_compared() {
        let dir = tempfile::tempdir().unwrap();
        let rows = define(dir.path(), "rows", "CREATE TABLE t (k);", "INSERT INTO t VALUES (:key)");
        let refused = |left: &HandlerSpec, right: &str| {
            let rehearsal = Rehearsal::Comparison { right: right.parse().unwrap(), shown: 1 };
            rehearse(&rehearsal, left, &context()).err().map(|error| (error.is_usage(), error.to_string()))
        };
        let (usage, text) = refused(&rows, "ndjson").unwrap();
        assert!(usage && text.contains("makes rows in SQLite and handler ndjson makes lines of JSON"), "{text}");
        // What has no effects goes with everything: it tells which records the other one does something with.
        assert_eq!(refused(&rows, "null"), None);
        assert_eq!(refused(&rows, "simulate:0,poison=1"), None);
        assert_eq!(refused(&"ndjson:a".parse().unwrap(), "ndjson:b/"), None);
        assert_eq!(refused(&"csv:a".parse().unwrap(), "parquet:b"), None);
    }
}
