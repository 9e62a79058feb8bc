//! What a recording does not contain: secrets of the configuration, and contents of records.

use std::sync::Arc;

use kreplay_model::{
    domain::Redactor,
    feed::{DryRunFindings, Event, EventKind, HotKeysView, Outcome, Snapshot},
    recording::Frame,
};

/// Stands for a content that is not recorded.
const NOT_RECORDED: &str = "(not recorded)";

/// Removes secrets and contents of records from frames.
///
/// Views mask secrets themselves; this is for texts of clients and servers that repeat what they received. Of records,
/// dry runs and comparisons show effects, which are made from values; differences and hot keys show the keys of
/// ordinary records. Keys of failed records, headers in errors, and errors of handlers are recorded, because the
/// screens show them.
#[derive(Clone, Debug, Default)]
pub struct Censor(Redactor);

impl Censor {
    /// A censor of these secrets.
    #[must_use]
    pub fn new(secrets: Vec<String>) -> Self {
        Self(Redactor::new(secrets))
    }

    /// The frame as it is recorded.
    #[must_use]
    pub fn apply(&self, mut frame: Frame) -> Frame {
        frame.events.iter_mut().for_each(|event| self.event(event));
        frame.snapshot = frame.snapshot.map(|snapshot| self.snapshot(snapshot));
        frame
    }

    fn text(&self, text: &mut String) {
        let redacted = self.0.redact(text);
        if *text != redacted {
            *text = redacted;
        }
    }

    fn event(&self, event: &mut Event) {
        match &mut event.kind {
            EventKind::Retried(failure)
            | EventKind::Skipped(failure)
            | EventKind::DeadLettered { failure, .. }
            | EventKind::Quarantined { failure, .. } => self.text(&mut failure.error),
            EventKind::Notice { text } | EventKind::Warning { text } | EventKind::Error { text } => self.text(text),
            _ => {}
        }
    }

    fn snapshot(&self, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
        // Most snapshots have nothing to remove, and are large.
        let mut texts = texts(&snapshot);
        let has_contents =
            snapshot.run.as_ref().is_some_and(|run| run.rehearsal.is_some() || !run.hot_keys.keys.is_empty());
        if !has_contents && texts.all(|text| self.0.redact(text) == *text) {
            drop(texts);
            return snapshot;
        }
        drop(texts);
        let mut censored = Snapshot::clone(&snapshot);
        let planning = &mut censored.planning;
        censored.problem.iter_mut().chain(&mut planning.problem).for_each(|text| self.text(text));
        let mut refused = planning.refused.to_vec();
        for problem in &mut refused {
            self.text(&mut problem.text);
        }
        planning.refused = refused.into();
        if let Some(run) = &mut censored.run {
            run.error.iter_mut().chain(&mut run.paused_by).for_each(|text| self.text(text));
            run.paused_record.iter_mut().for_each(|record| self.text(&mut record.error));
            run.quarantine.waiting.iter_mut().for_each(|key| self.text(&mut key.error));
            run.hot_keys = HotKeysView::default();
            run.rehearsal.iter_mut().for_each(|findings| self.findings(findings));
        }
        Arc::new(censored)
    }

    fn findings(&self, findings: &mut DryRunFindings) {
        match findings {
            DryRunFindings::DryRun(view) => {
                view.failures.iter_mut().for_each(|record| self.text(&mut record.error));
                for example in view.effects.iter_mut().flat_map(|kind| &mut kind.examples) {
                    NOT_RECORDED.clone_into(&mut example.content);
                }
            }
            DryRunFindings::Comparison(view) => {
                for difference in &mut view.differences {
                    if let Some(key) = &mut difference.key {
                        NOT_RECORDED.clone_into(key);
                    }
                    self.outcome(&mut difference.left);
                    self.outcome(&mut difference.right);
                }
            }
        }
    }

    fn outcome(&self, outcome: &mut Outcome) {
        match outcome {
            Outcome::Effects(effects) => {
                for effect in effects {
                    NOT_RECORDED.clone_into(&mut effect.content);
                }
            }
            Outcome::Error(error) => self.text(error),
        }
    }
}

/// The texts of clients, servers and handlers in a snapshot, except those of a dry run or comparison.
fn texts(snapshot: &Snapshot) -> impl Iterator<Item = &String> {
    let of_run = snapshot.run.iter().flat_map(|run| {
        let errors = run.error.iter().chain(&run.paused_by);
        let paused = run.paused_record.iter().map(|record| &record.error);
        errors.chain(paused).chain(run.quarantine.waiting.iter().map(|key| &key.error))
    });
    let planning = &snapshot.planning;
    let of_plans = planning.problem.iter().chain(planning.refused.iter().map(|problem| &problem.text));
    snapshot.problem.iter().chain(of_plans).chain(of_run)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::{
        control::FieldProblem,
        feed::{
            ComparisonView, Difference, DryRunView, Effect, EffectExample, EffectKind, Estimate, FailedRecord,
            HotKeyView, PlanningView, RecordPlace, RunView,
        },
    };

    use super::*;

    fn snapshot(run: RunView) -> Arc<Snapshot> {
        Arc::new(Snapshot { run: Some(run), ..Snapshot::default() })
    }

    fn place() -> RecordPlace {
        RecordPlace { topic: "t".into(), partition: 0, offset: 3 }
    }

    fn json(frame: &Frame) -> String {
        format!("{}{}", serde_json::to_string(&frame.snapshot).unwrap(), serde_json::to_string(&frame.events).unwrap())
    }

    #[test]
    fn secrets_in_errors_and_events_are_masked() {
        let text = || "login with hunter2 failed".to_owned();
        let failures = vec![FailedRecord { place: place(), error: text() }];
        let rehearsal = Some(DryRunFindings::DryRun(DryRunView { failures, ..DryRunView::default() }));
        let run = RunView { error: Some(text()), paused_by: Some(text()), rehearsal, ..RunView::default() };
        let refused = [FieldProblem { field: None, text: text() }].into();
        let planning = PlanningView { problem: Some(text()), refused, ..PlanningView::default() };
        let snapshot = Snapshot { run: Some(run), planning, ..Snapshot::default() };
        let event = |kind| Event { seq: 0, at: DateTime::UNIX_EPOCH, kind, process: None };
        let events = vec![event(EventKind::Warning { text: text() }), event(EventKind::Error { text: text() })];
        let frame = Frame { snapshot: Some(Arc::new(snapshot)), events, ..Frame::default() };
        assert_eq!(json(&frame).matches("hunter2").count(), 7);
        let censored = json(&Censor::new(vec!["hunter2".into()]).apply(frame));
        assert_eq!((censored.matches("hunter2").count(), censored.matches("login with *** failed").count()), (0, 7));
    }

    #[test]
    fn secrets_in_problems_of_plans_are_masked_without_a_run() {
        let planning = PlanningView { problem: Some("login with hunter2 failed".into()), ..PlanningView::default() };
        let snapshot = Arc::new(Snapshot { planning, ..Snapshot::default() });
        let frame = Frame { snapshot: Some(snapshot), ..Frame::default() };
        assert!(!json(&Censor::new(vec!["hunter2".into()]).apply(frame)).contains("hunter2"));
    }

    #[test]
    fn comparisons_are_recorded_without_keys_contents_and_secrets() {
        let effects = vec![Effect { what: "row of t".into(), content: "private".into() }];
        let error = Outcome::Error("login with hunter2 failed".into());
        let key = Some("private".into());
        let difference = Difference { place: place(), key, left: Outcome::Effects(effects), right: error };
        let view = ComparisonView { differences: vec![difference], ..ComparisonView::default() };
        let rehearsal = Some(DryRunFindings::Comparison(view));
        let frame = Frame { snapshot: Some(snapshot(RunView { rehearsal, ..RunView::default() })), ..Frame::default() };
        let censored = json(&Censor::new(vec!["hunter2".into()]).apply(frame));
        assert!(!censored.contains("private") && !censored.contains("hunter2"), "{censored}");
        assert!(censored.contains("row of t") && censored.contains("login with *** failed"), "{censored}");
    }

    #[test]
    fn effects_of_dry_runs_are_recorded_without_their_contents() {
        let example = EffectExample { place: place(), content: "INSERT 'private'".into() };
        let effects = vec![EffectKind { what: "row of t".into(), count: 1, examples: vec![example] }];
        let rehearsal = Some(DryRunFindings::DryRun(DryRunView { effects, ..DryRunView::default() }));
        let frame = Frame { snapshot: Some(snapshot(RunView { rehearsal, ..RunView::default() })), ..Frame::default() };
        let censored = json(&Censor::default().apply(frame));
        assert!(!censored.contains("private") && censored.contains(NOT_RECORDED) && censored.contains("row of t"));
    }

    #[test]
    fn hot_keys_are_not_recorded() {
        let key = HotKeyView { key: "private".into(), partition: None, records: Estimate::exact(3), share: 1.0 };
        let hot_keys = HotKeysView { keys: vec![key], counted: 3, records: 3 };
        let frame = Frame { snapshot: Some(snapshot(RunView { hot_keys, ..RunView::default() })), ..Frame::default() };
        assert!(!json(&Censor::default().apply(frame)).contains("private"));
    }

    #[test]
    fn a_snapshot_without_anything_to_remove_is_not_copied() {
        let whole = Some(snapshot(RunView { error: Some("no route".into()), ..RunView::default() }));
        let frame = Frame { snapshot: whole.clone(), ..Frame::default() };
        let censored = Censor::new(vec!["hunter2".into()]).apply(frame).snapshot;
        assert!(whole.zip(censored).is_some_and(|(before, after)| Arc::ptr_eq(&before, &after)));
    }
}
