//! A comparison: handlers that build the effects of two others over the same records.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    dry_run::{all_failed, place, preview_for},
    findings::Findings,
};
use crate::{
    domain::{Growing, TopicPartition},
    feed::RehearsalView,
    handler::{
        Advice, Handler, HandlerContext, HandlerError, HandlerSource, LaneFailure, LaneRun, Preview, PreviewedEffect,
        RunEnd,
    },
    plan::Rules,
};

/// Makes handlers that build the effects of two others, and apply none.
pub(super) struct Comparison {
    sides: [Side; 2],
    partitions: Arc<Growing<TopicPartition>>,
    rules: Arc<Rules>,
    findings: Arc<Mutex<Findings>>,
}

struct Side {
    source: Arc<dyn HandlerSource>,
    first: Mutex<Option<Box<dyn Preview>>>,
    keeps_state: bool,
}

impl Side {
    fn new(source: Arc<dyn HandlerSource>, name: &str) -> Result<Self, HandlerError> {
        let first = source.preview().map_err(|error| match error {
            HandlerError::NoPreview => HandlerError::NothingToCompare(name.to_owned()),
            other => other,
        })?;
        Ok(Self { keeps_state: first.keeps_state(), first: Mutex::new(Some(first)), source })
    }
}

impl Comparison {
    /// # Errors
    /// One of the two has no effects to build, or cannot build them.
    pub(super) fn new(
        [left, right]: [Arc<dyn HandlerSource>; 2],
        names: [String; 2],
        shown: usize,
        context: &HandlerContext,
    ) -> Result<Self, HandlerError> {
        let sides = [Side::new(left, &names[0])?, Side::new(right, &names[1])?];
        Ok(Self {
            sides,
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
            findings: Arc::new(Mutex::new(Findings::new(names, shown))),
        })
    }

    pub(super) fn keeps_state(&self) -> bool {
        self.sides.iter().any(|side| side.keeps_state)
    }
}

impl HandlerSource for Comparison {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        let [left, right] = &self.sides;
        let previews = preview_for(&left.first, left.source.as_ref())
            .and_then(|left| Ok([left, preview_for(&right.first, right.source.as_ref())?]));
        Box::new(Both {
            previews,
            partitions: Arc::clone(&self.partitions),
            rules: Arc::clone(&self.rules),
            findings: Arc::clone(&self.findings),
            effects: [Vec::new(), Vec::new()],
        })
    }

    fn wants_headers(&self) -> bool {
        self.sides.iter().any(|side| side.source.wants_headers())
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn joined(&self, id: &TopicPartition) {
        self.sides.iter().for_each(|side| side.source.joined(id));
    }

    fn rehearsal(&self) -> Option<RehearsalView> {
        Some(RehearsalView::Comparison(self.findings.lock().view()))
    }

    /// Nothing was done that would have to be brought to an end.
    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct Both {
    previews: Result<[Box<dyn Preview>; 2], String>,
    partitions: Arc<Growing<TopicPartition>>,
    rules: Arc<Rules>,
    findings: Arc<Mutex<Findings>>,
    effects: [Vec<PreviewedEffect>; 2],
}

impl Handler for Both {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let [left, right] = match &mut self.previews {
            Ok(previews) => previews,
            Err(error) => return all_failed(batch, error),
        };
        let [left_effects, right_effects] = &mut self.effects;
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                left_effects.clear();
                right_effects.clear();
                let (one, other) =
                    match self.rules.undecodable(record).map(|error| (error.is_passing(), error.to_string())) {
                        None => (left.preview(record, left_effects), right.preview(record, right_effects)),
                        Some((false, error)) => (Err(error.clone()), Err(error)),
                        Some((true, error)) => {
                            failures.push(LaneFailure { run, done, error, advice: Advice::Retry });
                            break;
                        }
                    };
                let one = one.as_ref().map(|()| left_effects.as_slice()).map_err(String::as_str);
                let other = other.as_ref().map(|()| right_effects.as_slice()).map_err(String::as_str);
                let key = || self.rules.examine(record).lane_key().map(<[u8]>::to_vec);
                let place = || place(&self.partitions, record);
                self.findings.lock().compare(record, key, place, one, other);
            }
        }
        failures
    }
}
